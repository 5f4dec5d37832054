"""What the README counts and claims is what the registries and the records hold."""

import re
from pathlib import Path

import pytest

import skinzoo
from skinzoo.hub.record_text import TITLES
from skinzoo.losses import LOSSES

README = Path(__file__).parents[1] / "README.md"
NAME = "multitask_regnety_004.bundled"
if not README.is_file():
    pytest.skip("the README is not part of the wheel", allow_module_level=True)
TEXT = README.read_text("utf-8")


@pytest.mark.parametrize(
    ("what", "number"),
    [
        ("models", len(skinzoo.list_models())),
        ("collections", len(skinzoo.list_datasets())),
        ("recipes", len(skinzoo.list_recipes())),
        ("losses", len(list(LOSSES))),
        ("augmentation presets", len(skinzoo.list_augmentations())),
        ("corruptions", len(skinzoo.list_corruptions())),
    ],
)
def test_the_counts_are_those_of_the_registries(what, number):
    assert re.search(rf"\b{number} {what}\b", TEXT)


def test_the_figures_are_those_of_the_record():
    record = skinzoo.weights_info(NAME)
    figures = {TITLES[f.metric]: f for f in record.figures if f.metric in TITLES}
    head, _, row = (
        [cell.strip() for cell in line.strip("|").split("|")]
        for line in re.search(r"\| balanced accuracy \|.*\n.*\n.*", TEXT)[0].splitlines()
    )
    for title, cell in zip(head, row, strict=True):
        figure = figures[title.removesuffix(" of the lesion")]
        assert cell == f"{figure.value:.3f} ({figure.interval})"
    (test,) = (part for part in record.data if part.role == "test")
    assert f"{test.num_images:,} images of {test.num_groups:,} lesions" in TEXT
    assert f"{record.parameters / 1e6:.1f} million parameters" in TEXT
    assert f"{record.files['model.safetensors'].size / 1e6:.1f} MB" in TEXT
