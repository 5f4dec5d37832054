"""The bundled weights' page shows what was measured; another collection is scored on lesions that the first lacks."""

import json
from pathlib import Path

import pytest

import skinzoo

ROOT = Path(__file__).parents[1]
FOLDER = ROOT / "docs/assets/results"
if not FOLDER.is_dir():
    pytest.skip("the pages are not part of the wheel", allow_module_level=True)


def test_the_other_collection_is_shown_as_it_was_measured():
    home, other = json.loads((FOLDER / "external.json").read_text("utf-8"))["collections"]
    text = (FOLDER / "external.md").read_text("utf-8")
    for score in (home, other):
        for metric, value in score["values"].items():
            low, high = score["intervals"][metric]
            assert f"{value:.3f} ({low:.3f} to {high:.3f})" in text
        assert f"| {score['images']:,} |" in text
    record = {figure.metric: figure.value for figure in skinzoo.weights_info("multitask_regnety_004.bundled").figures}
    assert home["values"]["balanced_accuracy"] == pytest.approx(record["balanced_accuracy"], abs=5e-4)


def test_the_report_has_charts_and_no_photograph():
    page = (FOLDER / "report.html").read_text("utf-8")
    assert page.count("data:image/svg+xml") > 10
    assert "image/jpeg" not in page, "a report shows photographs as JPEG"


def test_another_collection_has_no_lesion_of_the_first(synthetic_collections):
    from make_report import never_in

    first, other = synthetic_collections
    rest = never_in(first, other)
    assert rest.records.ids.tolist() == [name for name in other.records.ids.tolist() if name not in first.records.ids]
    assert 0 < len(rest) < len(other)


@pytest.fixture
def synthetic_collections():
    """Two that share some lesions."""
    data = skinzoo.load_dataset("synthetic", num_images=60, size=64)
    groups = list(dict.fromkeys(data.records.groups.tolist()))
    rows = data.records.groups.tolist()
    half = len(groups) // 2
    first = set(groups[: half + 5])
    other = set(groups[half - 5 :])
    return tuple(data.subset([i for i, g in enumerate(rows) if g in chosen]) for chosen in (first, other))
