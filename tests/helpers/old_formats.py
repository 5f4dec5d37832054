"""Writes the fixtures of the present file formats: `python tests/helpers/old_formats.py tests/fixtures/format_1`.

Run it once for each new format version, into a new folder; the older folders stay as they are.
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import torch
from toy import Crash, CrashAt, toy_run

import skinzoo
from skinzoo.models import Calibration, OperatingPoints

SPACE = ("benign", "malignant")


def write_model(folder: Path) -> None:
    """A saved model with everything that may stand beside its weights, and what it says of one picture."""
    model = skinzoo.create_model("test_efficientnet_scratch", label_space=SPACE, image_size=64, seed=0)
    model.calibration = Calibration("temperature", (0.5,), source="a fixture")
    model.operating_points = OperatingPoints({"malignant": 0.3}, rule="by hand", source="a fixture")
    train, val = skinzoo.load_dataset("synthetic", num_images=56, size=32).split((0.7, 0.3), seed=42)
    model.training_record = skinzoo.evaluation.record_training(train, val)
    model.save_pretrained(folder, note="fixture")
    expected = model.probabilities(model(picture()).logits)[0].tolist()
    (folder / "expected.txt").write_text(" ".join(map(repr, expected)) + "\n")


def picture() -> torch.Tensor:
    """One input."""
    return torch.linspace(-2, 2, 3 * 64 * 64).reshape(1, 3, 64, 64)


def write_checkpoint(folder: Path) -> None:
    """A run that was cut off after its seventh step."""
    work = folder.with_name("work")
    try:
        toy_run(work, callbacks=[CrashAt(7)], checkpoint_every=6)
    except Crash:
        shutil.copytree(work / "checkpoints", folder)
    finally:
        shutil.rmtree(work, ignore_errors=True)


if __name__ == "__main__":
    target = Path(sys.argv[1])
    write_model(target / "model")
    write_checkpoint(target / "checkpoints")
