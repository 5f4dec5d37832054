"""The report as people meet it: every section is there, in a real browser, and figures have their intervals."""

import json
import re
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from browser import PALE_TEXTS
from matplotlib.figure import Figure

import skinzoo
from skinzoo import explain
from skinzoo.errors import LeakageError
from skinzoo.evaluation import Report, Resampling, load_report
from skinzoo.evaluation.page import render_page
from skinzoo.evaluation.robustness import suite
from skinzoo.models import OperatingPoints

SECTIONS = [
    "Summary",
    "What was scored",
    "Per class",
    "Malignant or benign",
    "Calibration and abstention",
    "For whom",
    "Masks",
    "Mistakes",
    "Where the model looks",
    "Robustness",
    "Odd one",
    "Further figures",
    "Undefined, and why",
]
NASTY = "<script>document.title = 'taken'</script>"


class Odd:
    """A result of another kind, which tries to get into the page."""

    def to_dict(self):
        return {"odd": 1}

    def __str__(self):
        return NASTY


@pytest.fixture(scope="module")
def report():
    train, data = skinzoo.load_dataset("synthetic", num_images=140, size=32).split((0.5, 0.5))
    data = data.subset(data.records.labels != len(data.label_space) - 1)  # whatever the model does, some is undefined
    model = skinzoo.create_model("multitask", backbone_weights=None, image_size=32, seed=0)
    config = skinzoo.TrainConfig(num_steps=20, batch_size=16, lr=2e-3, device="cpu", verbose=False)
    skinzoo.Trainer(model, config).fit(train)
    model.operating_points = OperatingPoints(malignant=0.4, abstain_below=0.2, rule="by hand", source="a test")
    judge, corrupt = explain.faithfulness, suite.evaluate_robustness
    few = {"corruptions": ["defocus", "dark", "hair"], "max_images": 40, "resamples": 200}
    with pytest.MonkeyPatch.context() as patch:  # as thorough, on less
        patch.setattr(explain, "faithfulness", lambda *given, **say: judge(*given, **say | {"max_images": 8}))
        patch.setattr(suite, "evaluate_robustness", lambda *given, **say: corrupt(*given, **say | few))
        report = skinzoo.evaluate(model, data, thorough=True, examples=3, resampling=Resampling(resamples=200))
    sexes = np.array(["female", "male"])[np.arange(len(data)) % 2].astype(object)
    report.metadata = {
        **report.metadata,
        "sex": sexes,
        "anatom_site": np.array([NASTY, "back"])[np.arange(len(data)) // 2 % 2].astype(object),
    }
    report.attach("Odd one", Odd())
    report.add_figure("Learning curves", Figure(), NASTY)
    return report


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
    assert report.num_clusters == len(np.unique(report.groups)) < len(report.groups)
    assert f"resamples of {report.num_clusters} lesions)" in report.text()


def test_report_json_is_complete_and_can_be_loaded(report, folder):
    saved = json.loads((folder / "report.json").read_text())
    assert saved["schema_version"] == 1
    assert set(saved["metrics"]) == set(report.values)
    assert saved["intervals"]["macro_f1"] == pytest.approx(list(report.intervals["macro_f1"]))
    assert set(saved["attachments"]) == {"Where the model looks", "Robustness", "Odd one"}
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
    assert titles == SECTIONS
    assert browser.run("[...document.images].every(i => i.complete && i.naturalWidth >= 32 && i.alt)")
    links = browser.run("[...document.querySelectorAll('nav a')].map(a => a.getAttribute('href'))")
    assert browser.run(f"{json.dumps(links)}.every(h => document.querySelector(h))")
    assert browser.run("document.documentElement.scrollWidth <= window.innerWidth")
    assert "Research use, not a medical device" in browser.run("document.body.innerText")


def test_texts_of_the_data_stay_texts(folder, browser):
    browser.open(folder / "index.html")
    assert browser.run("document.title") == "multitask_resnet18 on synthetic[test]"
    assert browser.run("document.scripts.length") == 1
    for where in ("#for-whom td", "#odd-one pre", "#further-figures figcaption"):
        shown = browser.run(f"[...document.querySelectorAll('{where}')].map(e => e.textContent)")
        assert NASTY in shown, where


def test_the_summary_says_it_in_figures_and_in_words(report, folder, browser):
    browser.open(folder / "index.html")
    tiles = browser.run("[...document.querySelectorAll('.tile')].map(t => t.innerText)")
    assert len(tiles) == 8
    malignant = int(np.isin(report.outcome.labels, [0, 2, 3]).sum())  # MEL, BCC, AKIEC
    tile = next(t for t in tiles if "sensitivity for malignant" in t)
    assert f"{report['malignant/sensitivity']:.3f}" in tile
    assert str(report.intervals["malignant/sensitivity"]) in tile
    assert f"n = {malignant} malignant" in tile
    words = browser.run("document.querySelector('#summary p').innerText")
    count = f"{len(report.outcome.ids)} images of {report.num_clusters} lesions"
    assert f"multitask_resnet18 was scored on {count} from Synthetic dermoscopy" in words
    assert f"balanced accuracy over 6 classes is {report['balanced_accuracy']:.3f}" in words
    checks = dict(
        browser.run("[...document.querySelectorAll('.checks li')].map(l => [l.innerText.split(':')[0], l.className])")
    )
    assert checks["Overlap with the training"] == checks["Integrity of the files"] == "good"
    assert checks["Probabilities are the softmax, not calibrated."] == "warn"
    assert checks["Classes with fewer than 20 images, whose figures say little"] == "warn"
    assert report.facts["split hash"] in browser.run("document.querySelector('.checks').innerText")


def test_every_figure_has_its_interval_and_n(report, folder, browser):
    browser.open(folder / "index.html")
    rows = browser.run("[...document.querySelectorAll('.whole tbody tr')].map(r => [...r.cells].map(c => c.innerText))")
    found = {row[0]: row[1:] for row in rows}
    masks = f"{len(report.outcome.mask_rows)} masks"
    assert found["Dice over all pixels"] == [
        f"{report['dice_pooled']:.3f}",
        str(report.intervals["dice_pooled"]),
        "",
        masks,
    ]
    assert found["macro F1"][1] == str(report.intervals["macro_f1"])
    assert all(re.match(r"\d[\d,]* (images|masks|malignant|benign)", row[-1]) for row in found.values())
    captions = browser.run("[...document.querySelectorAll('#malignant-or-benign figcaption')].map(c => c.innerText)")
    assert len(captions) == 3
    assert all(re.search(r"n = \d+ malignant and \d+ benign images\.$", c) for c in captions)


def test_malignant_counts_and_confusions(report, folder, browser):
    browser.open(folder / "index.html")
    table = browser.run(
        "[...document.querySelector('#malignant-or-benign tbody').rows].map(r => [...r.cells].map(c => c.innerText))"
    )
    called = report.outcome.probabilities[:, [0, 2, 3]].sum(1) >= 0.4
    truth = np.isin(report.outcome.labels, [0, 2, 3])
    expected = {"malignant": truth, "benign": ~truth}
    assert table == [[k, *(str(v.sum()) for v in (called & t, ~called & t, t))] for k, t in expected.items()]
    top = browser.run("[...document.querySelector('#mistakes tbody').rows].map(r => r.cells[2]?.innerText)")
    off_diagonal = report.classification.confusion - np.diag(np.diag(report.classification.confusion))
    assert int(top[0].split()[0]) == off_diagonal.max()


def test_attachments_are_tables(report, folder, browser):
    browser.open(folder / "index.html")
    judged = report.attachments["Where the model looks"]
    text = browser.run("document.querySelector('#where-the-model-looks').innerText")
    for name in ("pointing_game", "mask_share", "deletion_gain", "random_spearman"):
        value = judged.values[name]
        assert (f"{value:.3f}" if value == value else "n/a") in text
    assert not browser.run("document.querySelector('#where-the-model-looks pre, #robustness pre')")
    robust = report.attachments["Robustness"]
    bodies = "[...document.querySelectorAll('#robustness > .card tbody')]"
    rows = browser.run(f"{bodies}.map(b => [...b.rows].map(r => r.cells[2]?.innerText))")
    assert len(rows[0]) == len(robust.metrics)
    assert rows[1] == [f"{v:.3f}" for v in robust.table()[:, 0]]
    assert browser.run("document.querySelectorAll('#robustness details table').length") == len(robust.metrics)


def test_headings_go_down_one_level_at_a_time(folder, browser):
    browser.open(folder / "index.html")
    levels = browser.run("[...document.querySelectorAll('h1, h2, h3, h4, h5, h6')].map(h => +h.tagName[1])")
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(b - a <= 1 for a, b in pairwise(levels))


def test_the_focus_is_seen(folder, browser):
    browser.open(folder / "index.html")
    stops = set()
    for _ in range(24):
        browser.press("Tab")
        at, style, width = browser.run(
            "(e => [e.tagName, getComputedStyle(e).outlineStyle, parseFloat(getComputedStyle(e).outlineWidth)])"
            "(document.activeElement)"
        )
        assert (style, width) == ("solid", 2), at
        stops.add(at)
    assert stops >= {"A", "BUTTON"}


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
    assert browser.run(PALE_TEXTS) == []
    browser.dark(True)
    assert browser.run(colour) != light
    assert browser.run(PALE_TEXTS) == []
    browser.resize(390, 800)
    for details in (False, True):
        browser.run(f"document.querySelectorAll('details').forEach(d => d.open = {json.dumps(details)})")
        assert browser.run("document.documentElement.scrollWidth") == 390
    inside = "e => e.closest('.card, nav') || e.getBoundingClientRect().right <= 390.5"
    assert browser.run(f"[...document.querySelectorAll('main *')].every({inside})")


def test_a_picture_is_encoded_once_and_saved_alike(report, tmp_path):
    picture = next(p for p in report.pictures() if p.title == "Reliability")
    encoded = picture.encoded
    paths = picture.save(tmp_path / "new" / "reliability")
    assert [p.name for p in paths] == ["reliability.png", "reliability.svg"]
    assert paths[1].read_bytes() == encoded.data
    skinzoo.plotting.save_figure(picture.figure, tmp_path / "again")
    assert (tmp_path / "again.png").read_bytes() == paths[0].read_bytes()


def test_sections_of_one_name_are_told_apart(report):
    other = Report("t", {}, None, replace(report.outcome, probabilities=None, logits=None, mask_counts=None))
    other.attach("Summary", Odd())
    page = render_page(other, other.pictures())
    assert re.findall(r'<section id="([^"]+)"', page) == ["summary", "for-whom", "summary-2"]
    assert page.count("&lt;script&gt;") == 1


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
