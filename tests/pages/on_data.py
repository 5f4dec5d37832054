"""The pages of data: opening, checking, splitting, auditing, combining and storing collections."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import skinzoo
from skinzoo.datasets import IntegrityWarning, LeakageWarning, SkinDataset
from tests.pages import taken, trees
from tests.pages.blocks import ROOT
from tests.pages.stage import Stage, page


@page("docs/guides/data.md")
def data(stage: Stage) -> Iterator[None]:
    trees.ham10000(stage)
    asked = trees.publishers_files(stage)
    names = stage.take()
    yield
    assert asked == [
        "ISIC2018_Task3_Validation_Input.zip",
        "ISIC2018_Task3_Validation_GroundTruth.zip",
        "dermamnist.npz",
    ]
    assert names["folder"] == stage.folder / "dermamnist"
    assert names["data"].name == "isic2018_task3[val]"
    assert names["sample"].image.dtype == np.uint8
    assert names["info"].inputs == ("age", "sex", "localization", "dataset"), "as the page says"
    assert list(names["info"].leaky) == ["dx_type"]


@page("docs/guides/integrity.md")
def integrity(stage: Stage) -> Iterator[None]:
    root = trees.isic9(stage)
    trees.ham10000(stage, "ham10000")
    broken = next((root / "Train" / "nevus").iterdir())
    broken.write_bytes(broken.read_bytes()[:200])
    Path("data/ph2").mkdir(parents=True)
    names = stage.take()
    with pytest.warns(IntegrityWarning, match="26 of 27 rows are usable"):
        yield
    said = stage.printed()
    assert "IMG_TRUNCATED" in said
    assert said.splitlines()[-1] == "EMPTY_DATASET", "as the page says"
    assert Path("integrity.json").is_file()
    assert names["report"].num_rows == 28


@page("docs/guides/splits.md")
def splits(stage: Stage) -> Iterator[None]:
    root = trees.isic9(stage)
    table = trees.ham10000(stage) / "HAM10000_metadata.csv"
    nine = skinzoo.load_dataset("isic9", root)
    shown = [str(nine.records.ids[nine.table["official_split"] == part][0]) for part in ("train", "test")]
    with table.open("a", encoding="utf-8", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows(["HAM_9999999", name, "akiec", *[""] * 4] for name in shown)
    drawn = skinzoo.load_dataset("synthetic")  # the stable split needs many lesions; nothing is painted
    place = np.array(trees.PLACES, dtype=object)[np.arange(len(drawn)) // 2 % len(trees.PLACES)]
    records = replace(drawn.records, metadata={"localization": place})
    names = stage.take(data=SkinDataset(drawn.info, records, drawn.label_space, drawn.source), nine=nine)
    with pytest.warns(LeakageWarning, match="exposed to (synthetic|isic9)"):
        yield
    assert names["exposure"].share > 0, "the split by image"
    assert names["nine"].records.groups.tolist().count("HAM_9999999") == 2
    assert names["site"] in trees.PLACES
    assert Path("split.csv").read_text().count("\n") == 2 + len(drawn)
    assert set(names["parts"]) == {"train", "val", "test"}
    said = stage.printed()
    assert "MEL" in said


@page("docs/guides/audit.md")
def audit(stage: Stage) -> Iterator[None]:
    drawn = taken.data()
    names = stage.take("train", "val", "test", ham=drawn.subset(range(28)), nine=drawn.subset(range(28, 56)))
    yield
    said = stage.printed()
    assert "Audit of train (56 images) and val (42 images) and test (42 images): CLEAN" in said
    assert "test: 0 of 42 images (0.0%) are exposed to train" in said
    assert names["audit"].verdict == "clean", "so that nothing is raised"
    assert {"index.html", "audit.json"} <= {p.name for p in Path("audit").iterdir()}


@page("docs/guides/combining.md")
def combining(stage: Stage) -> Iterator[None]:
    ham, nine = trees.ham10000(stage), trees.isic9(stage)
    trees.isic2018_task1(stage)
    (picture,) = ham.rglob("ISIC_0024307.jpg")
    (nine / "Train" / "nevus" / picture.name).write_bytes(picture.read_bytes())
    names = stage.take(ham=skinzoo.load_dataset("ham10000", ham), nine=skinzoo.load_dataset("isic9", nine))
    with pytest.warns(IntegrityWarning, match=r"rows are usable \(LABEL_UNMATCHED 3\)"):
        yield
    said = stage.printed()
    shown = (ROOT / "docs/guides/combining.md").read_text("utf-8").partition("```text\n")[2].partition("```")[0]
    assert said.startswith(shown), "what the page shows"
    assert "LABEL_UNMATCHED" in said
    assert names["aligned"].class_counts()["AKIEC"] > 3, "the squamous cell carcinomas, too"
    assert len(names["both"]) == 28 + 5, "the pictures without a class, too"


@page("docs/guides/own-data.md")
def own_data(stage: Stage) -> Iterator[None]:
    trees.class_folders(stage)
    trees.clinic(stage)
    trees.archive(stage)
    made = stage.call("load_dataset")
    stage.take()
    with pytest.warns(IntegrityWarning, match=r"table: 6 of 6 rows are usable \(MASK_MISSING 3\)"):
        yield
    folders, table, scores, archive, close = made
    assert folders.label_space.classes == ("melanoma", "nevus")
    assert len(set(table.records.groups)) == 3
    assert table.table["age"].tolist() == list(range(40, 46))
    assert [sample.mask is not None for sample in table] == [True, False] * 3
    assert scores.class_counts() == {"benign": 3, "malignant": 3}
    assert archive[0].mask is not None
    assert len(close) == 6


@page("docs/guides/storage.md")
def storage(stage: Stage) -> Iterator[None]:
    names = stage.take("data", "model")
    stage.few("data", 14)
    yield
    assert names["sample"].image.shape == (256, 256, 3)
    assert list(Path("fast-disk").rglob("*"))
    assert names["batch"].images.shape == (14, 3, 32, 32)
    assert names["batch"].images.dtype.is_floating_point
