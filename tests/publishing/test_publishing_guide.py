"""The script of the guide does what its help says; that the guide's code runs is tested in tests/pages."""

import json
import re
import runpy
import sys
from pathlib import Path

import pytest
import yaml
from carded import answers

import skinzoo
from skinzoo.publishing import ModelCard

ROOT = Path(__file__).parents[2]


def fill_in(path, model):
    """Answer every question of a skeleton, as an editor would."""
    written = yaml.safe_load(path.read_text("utf-8"))
    assert set(written) == set(ModelCard.__dataclass_fields__)
    path.write_text(yaml.safe_dump(written | answers(model)), "utf-8")


@pytest.fixture
def run(monkeypatch, capsys):
    def run_script(*arguments):
        monkeypatch.setattr(sys, "argv", ["publish", *map(str, arguments)])
        runpy.run_path(str(ROOT / "examples" / "publish.py"), run_name="__main__")
        return capsys.readouterr().out

    return run_script


@pytest.mark.usefixtures("no_page")
def test_the_script(run, drawn, small, tmp_path, logged_in):
    folder = tmp_path / "run"
    small.save_pretrained(folder / "best")
    (folder / "run.json").write_text(json.dumps({"recipe": skinzoo.get_recipe("synthetic-multitask").to_dict()}))
    report = skinzoo.evaluate(small, drawn[2], examples=0, resampling=skinzoo.Resampling(resamples=200))
    report.save(folder / "report")
    card = tmp_path / "card.yaml"
    said = run("--model", folder / "best", "--write_card", card)
    assert f"card     {card}: answer every question" in said
    known = yaml.safe_load(card.read_text("utf-8"))
    assert known["training_procedure"] == "adamw, learning rate 0.002, 8 epochs, batches of 16, augmentation light"
    assert known["selection_rule"] == "the best val_macro_f1 on the validation part"
    everything = ("--model", folder / "best", "--report", folder / "report", "--card", card, "--repo", "tester/script")
    with pytest.raises(SystemExit) as error:
        run(*everything, "--dry-run")
    assert "limits: nothing is written. What the figures do not show." in str(error.value)
    fill_in(card, small)
    said = run(*everything, "--dry-run", "--folder", tmp_path / "staged")
    assert "dry run: nothing was uploaded" in said
    assert said.rstrip().endswith(f"card     {tmp_path / 'staged' / 'README.md'}")
    assert not logged_in.log
    said = run(*everything, "--message", "From the script")
    assert said.startswith("published and verified: hf-hub:tester/script@")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--model", "absent", "--write_card", "card.yaml"], "error: .*absent"),
        (["--model", "best", "--card", "x"], "--report, --repo missing; --write_card FILE"),
        (["--model", "best", "--report", "absent", "--card", "card.yaml", "--repo", "a/b"], "error: no model card at"),
        (
            ["--model", "best", "--report", "absent", "--card", "ok.yaml", "--repo", "a/b"],
            r"report\.json is absent",
        ),
        (["--model", "best", "--report", "absent", "--card", "ok.yaml", "--repo", "ab"], "'ab' is no Hub repository"),
        (["--model", "best", "--write_card", "ok.yaml"], r"ok\.yaml exists, and may hold answers"),
    ],
)
def test_the_scripts_errors(arguments, said, run, small, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    small.save_pretrained("best")
    Path("ok.yaml").write_text("title: x")
    with pytest.raises(SystemExit) as error:
        run(*arguments)
    message = capsys.readouterr().err if error.value.code == 2 else str(error.value)
    assert re.search(said, message)
    assert "Traceback" not in message
