"""Files of every format version that was ever written can still be read; `tests/helpers/old_formats.py` made them."""

import shutil
import warnings
from pathlib import Path

import pytest
from old_formats import picture
from toy import toy_run

import skinzoo

FORMATS = sorted((Path(__file__).parent / "fixtures").glob("format_*"))


def test_there_are_fixtures():
    assert [p.name for p in FORMATS] == ["format_1", "format_2"]


@pytest.mark.parametrize("folder", FORMATS, ids=lambda p: p.name)
def test_a_model_gives_what_it_gave(folder):
    model = skinzoo.create_model(f"local-dir:{folder / 'model'}")
    expected = [float(v) for v in (folder / "model" / "expected.txt").read_text().split()]
    assert model.probabilities(model(picture()).logits)[0].tolist() == pytest.approx(expected, abs=1e-4)
    assert model.calibration.temperature == 2.0
    assert model.operating_points.per_class == {"malignant": 0.3}
    assert model.training_record is not None


@pytest.mark.parametrize("folder", FORMATS, ids=lambda p: p.name)
def test_a_run_goes_on(folder, tmp_path, capsys):
    shutil.copytree(folder / "checkpoints", tmp_path / "checkpoints")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # another machine and other libraries than the fixture's
        toy_run(tmp_path, checkpoint_every=6, verbose=True)
    assert "going on from step 6 of 14" in capsys.readouterr().out
