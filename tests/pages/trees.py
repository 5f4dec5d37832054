"""Folders of collections in which the pages look, below the working folder."""

from __future__ import annotations

import csv
import io
import shutil
import zipfile
from pathlib import Path
from typing import Any

import numpy as np

import skinzoo
from tests.pages.stage import Stage

PLACES = ("face", "back", "scalp", "abdomen", "ear", "lower extremity", "neck")


def ham10000(stage: Stage, folder: str = "data/HAM10000") -> Path:
    """HAM10000 in small: 28 pictures of 21 lesions with masks, on several places of the body."""
    root = stage.fixture("fake_ham10000")(name=folder)
    table = root / "HAM10000_metadata.csv"
    rows = list(csv.DictReader(table.read_text().splitlines()))
    for row in rows:
        number = int(row["lesion_id"].removeprefix("HAM_"))
        row["localization"], row["sex"] = PLACES[number % 5], ("male", "female")[number % 2]
    table.write_text(_table([list(rows[0]), *(list(row.values()) for row in rows)]))
    return root


def isic9(stage: Stage) -> Path:
    """The nine classes in small, where a collection is looked for by its name: 27 pictures."""
    return stage.fixture("fake_isic9")


def isic2018_task1(stage: Stage, folder: str = "data/ISIC2018", number: int = 5) -> None:
    """The training part of the first task: pictures with masks and without a class."""
    for k in range(number):
        stem = f"ISIC_{500 + k:07d}"
        stage.picture(f"{folder}/ISIC2018_Task1-2_Training_Input/{stem}.jpg")
        stage.fixture("write_mask")(
            stage.folder / folder / "ISIC2018_Task1_Training_GroundTruth" / f"{stem}_segmentation.png"
        )


def class_folders(stage: Stage, folder: str = "my_lesions", number: int = 3) -> None:
    """A folder for each of two classes."""
    stage.picture(*(f"{folder}/{name}/{k}.jpg" for name in ("melanoma", "nevus") for k in range(number)))


def clinic(stage: Stage, folder: str = "my_clinic") -> None:
    """Pictures, masks, and two tables of them."""
    rows: list[list[Any]] = [["file", "diagnosis", "patient", "mask", "site", "age"]]
    for k in range(6):
        stage.picture(f"{folder}/images/{k:04d}.jpg")
        stage.fixture("write_mask")(stage.folder / folder / "masks" / f"{k:04d}.png")
        mask = "" if k % 2 else f"masks/{k:04d}.png"
        rows.append([f"images/{k:04d}.jpg", ("melanoma", "nevus")[k % 2], f"P-{k // 2}", mask, "back", 40 + k])
    Path(folder, "lesions.csv").write_text(_table(rows))
    Path(folder, "scores.csv").write_text(
        _table([["file", "target"], *([row[0], k % 2] for k, row in enumerate(rows[1:]))])
    )


def archive(stage: Stage, folder: str = "archive") -> None:
    """The layout `archive`: one-hot classes, masks, and a table of lesions."""
    classes = skinzoo.taxonomy.ISIC2018.classes
    rows: list[list[Any]] = [["image", *classes]]
    for k, code in enumerate(classes):
        stem = f"ISIC_{24306 + k:07d}"
        stage.picture(f"{folder}/images/{stem}.jpg")
        stage.fixture("write_mask")(stage.folder / folder / "masks" / f"{stem}_segmentation.png")
        rows.append([stem, *(float(code == other) for other in classes)])
    Path(folder, "GroundTruth.csv").write_text(_table(rows))


def publishers_files(stage: Stage) -> list[str]:
    """What two publishers give to everybody, in place of a network; the list fills with the addresses asked for."""
    site = stage.folder / "publisher"
    site.mkdir()
    stem, ids = "ISIC2018_Task3_Validation", [f"ISIC_{34321 + k:07d}" for k in range(7)]
    rows: list[list[Any]] = [["image", *skinzoo.taxonomy.ISIC2018.classes]]
    rows += [[name, *(float(k == j) for j in range(7))] for k, name in enumerate(ids)]
    with zipfile.ZipFile(site / f"{stem}_GroundTruth.zip", "w") as file:
        file.writestr(f"{stem}_GroundTruth/{stem}_GroundTruth.csv", _table(rows))
    with zipfile.ZipFile(site / f"{stem}_Input.zip", "w") as file:
        for name in ids:
            stage.picture(f"{name}.jpg")
            file.write(f"{name}.jpg", f"{stem}_Input/{name}.jpg")
    np.savez(site / "dermamnist.npz", nothing=np.zeros(1))
    asked: list[str] = []

    def fetch(file: Any, target: Path) -> None:
        name = file.url.rpartition("/")[2].partition("?")[0]
        asked.append(name)
        shutil.copy(site / name, target)

    stage.patch.setattr("skinzoo.datasets.fetching.fetch", fetch)
    return asked


def _table(rows: list[list[Any]]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(rows)
    return text.getvalue()
