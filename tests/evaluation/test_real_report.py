"""A model trained on real pictures, its whole report, and a real browser."""

import numpy as np
import pytest

import skinzoo
from skinzoo.training import TrainConfig, Trainer

pytestmark = [pytest.mark.slow, pytest.mark.real_data]


def test_the_report_of_a_model_trained_on_ham10000(real_ham10000, tmp_path, browser):
    data = skinzoo.load_dataset("ham10000", real_ham10000)
    rows = np.sort(np.random.default_rng(0).permutation(len(data))[:900])
    part = data.subset(rows).cache(tmp_path / "cache", 64, progress=False)
    train, val, test = part.split((0.5, 0.2, 0.3), allow_missing_classes=True)
    model = skinzoo.create_model("multitask", backbone_weights=None, image_size=64, seed=0)
    Trainer(model, TrainConfig(num_steps=30, batch_size=16, drop_last=True, lr=1e-3, device="cpu", verbose=False)).fit(
        train
    )
    skinzoo.calibrate(model, val)
    skinzoo.choose_operating_points(model, val)
    report = skinzoo.evaluate(model, test)
    assert report.facts["overlap with training"] == "none by id, lesion and patient"
    assert 0.5 < report["accuracy"] < 0.9
    assert {"age", "sex", "localization"} <= set(report.subgroups.tables)
    page = report.save(tmp_path / "report")
    assert page.stat().st_size < 3e6
    browser.open(page)
    assert browser.problems == []
    assert browser.requests == [page.resolve().as_uri()]
    assert browser.run("[...document.images].every(i => i.complete && i.naturalWidth > 50)")
    text = browser.run("document.body.innerText")
    for wanted in ("melanoma", "Dice", "localization", "calibrated by temperature", "Research use"):
        assert wanted in text
