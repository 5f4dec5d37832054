"""The report as people meet it: every section is there, in a real browser, and figures have their intervals."""

import json
import re

import numpy as np
import pytest
import torch

import skinzoo
from skinzoo.errors import LeakageError
from skinzoo.evaluation import Resampling, load_report
from skinzoo.models import OperatingPoints

SECTIONS = [
    "What was scored",
    "Per class",
    "Malignant or benign",
    "Calibration and abstention",
    "For whom",
    "Masks",
    "Mistakes",
    "Where the model looks",
    "Robustness",
]


@pytest.fixture(scope="module")
def report():
    data = skinzoo.load_dataset("synthetic", num_images=140, size=32)
    model = skinzoo.create_model("multitask", backbone_weights=None, image_size=64, seed=0)
    with torch.no_grad():
        model.head[-1].weight *= 60  # so that it says one class of one picture and another of another
    model.operating_points = OperatingPoints(malignant=0.4, abstain_below=0.2, rule="by hand", source="a test")
    return skinzoo.evaluate(model, data, thorough=True, examples=3, resampling=Resampling(resamples=200))


@pytest.fixture(scope="module")
def folder(report, tmp_path_factory):
    return report.save(tmp_path_factory.mktemp("report")).parent


def test_every_headline_has_its_interval(report):
    for name in ("balanced_accuracy", "macro_auc", "malignant/auc", "malignant/sensitivity", "ece", "dice"):
        low, high = report.intervals[name]
        assert low <= report[name] <= high
        assert re.search(rf"{report[name]:.4f}  \({low:.3f} to {high:.3f}\)", report.text())


def test_the_operating_point_is_the_model_s(report):
    malignant = [code in report.label_space.malignant for code in report.label_space]
    scores = report.outcome.probabilities[:, malignant].sum(1)
    positive = np.isin(report.outcome.labels, np.flatnonzero(malignant))
    assert report["malignant/sensitivity"] == np.mean(scores[positive] >= 0.4)
    assert report["malignant/specificity"] == np.mean(scores[~positive] < 0.4)


def test_intervals_are_drawn_by_lesion(report):
    assert report.num_clusters == len(np.unique(report.groups)) < 140
    assert "lesions or patients" in report.text()


def test_report_json_is_complete_and_can_be_loaded(report, folder):
    saved = json.loads((folder / "report.json").read_text())
    assert saved["schema_version"] == 1
    assert set(saved["metrics"]) == set(report.values)
    assert saved["intervals"]["macro_f1"] == pytest.approx(list(report.intervals["macro_f1"]))
    assert set(saved["attachments"]) == {"Where the model looks", "Robustness"}
    again = load_report(folder)
    assert again.values == pytest.approx(report.values, nan_ok=True, abs=0)
    assert str(again.intervals) == str(report.intervals)
    assert again.operating_points == report.operating_points


def test_markdown_has_the_figures(folder, report):
    text = (folder / "report.md").read_text()
    assert f"{report['macro_f1']:.4f}" in text
    assert "Research use, not a medical device" in text
    assert text.count("\n## ") >= 4


def test_a_browser_shows_the_page(folder, browser):
    page = folder / "index.html"
    assert page.stat().st_size < 3e6
    browser.open(page)
    assert browser.problems == []
    assert browser.requests == [page.resolve().as_uri()]
    titles = browser.run("[...document.querySelectorAll('h2')].map(h => h.textContent)")
    assert [t for t in titles if t in SECTIONS] == SECTIONS
    assert browser.run("[...document.images].every(i => i.complete && i.naturalWidth > 100 && i.alt)")
    links = browser.run("[...document.querySelectorAll('nav a')].map(a => a.getAttribute('href'))")
    assert browser.run(f"{json.dumps(links)}.every(h => document.querySelector(h))")
    assert browser.run("document.documentElement.scrollWidth <= window.innerWidth")
    assert "Research use, not a medical device" in browser.run("document.body.innerText")


def test_the_tables_sort_by_keyboard(folder, browser):
    browser.open(folder / "index.html")
    first = "[...document.querySelectorAll('#per-class tbody tr')].map(r => r.cells[0].textContent)"
    at = "[...document.querySelectorAll('#per-class th[aria-sort] button')]"
    before = browser.run(first)
    browser.run(f"{at}.find(b => b.textContent === 'AUC').focus()")
    browser.press("Enter")
    after = browser.run(first)
    assert after != before
    assert sorted(after) == sorted(before)
    browser.press("Tab")
    assert browser.run("document.activeElement.textContent") == "average precision"
    browser.press("Enter")
    assert browser.run("document.activeElement.closest('th').ariaSort") == "descending"


def test_light_and_dark_and_small_screens(folder, browser):
    browser.open(folder / "index.html")
    colour = "getComputedStyle(document.body).backgroundColor"
    browser.dark(False)
    light = browser.run(colour)
    browser.dark(True)
    assert browser.run(colour) != light
    browser.resize(390, 800)
    assert browser.run("document.documentElement.scrollWidth <= 390")


def test_a_model_is_not_scored_on_what_it_was_trained_on(tmp_path):
    data = skinzoo.load_dataset("synthetic", num_images=56, size=32)
    train, test = data.split((0.5, 0.5), seed=1)
    model = skinzoo.create_model("simple_cnn", image_size=32, seed=0)
    skinzoo.Trainer(model, skinzoo.TrainConfig(num_steps=1, device="cpu", verbose=False)).fit(train)
    model.save_pretrained(tmp_path)
    loaded = skinzoo.create_model(f"local-dir:{tmp_path}")
    assert skinzoo.evaluate(loaded, test).facts["overlap with training"] == "none by id, lesion and patient"
    with pytest.raises(LeakageError, match=rf"{len(train)} of"):
        skinzoo.evaluate(loaded, train)
    with pytest.warns(skinzoo.datasets.LeakageWarning):
        flattering = skinzoo.evaluate(loaded, data, allow_overlap=True)
    assert str(len(train)) in flattering.facts["overlap with training"]
