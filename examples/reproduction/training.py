"""One run: train, or go on, or leave it as it is; score it; write its row."""

from __future__ import annotations

import dataclasses
import json
import os
import platform
import shutil
import sys
import time
import warnings
from importlib.metadata import version
from pathlib import Path
from typing import Any

from make_bundled import train_model

import skinzoo
from reproduction.data import Collections, Parts
from reproduction.jobs import PROTOCOLS, Job
from reproduction.settings import cpu_facts
from skinzoo.files import plain, write_json

LIBRARIES = ("torch", "timm", "segmentation-models-pytorch", "albumentations")
FIGURES = (
    *("accuracy", "balanced_accuracy", "macro_f1", "macro_auc", "weighted_recall", "weighted_precision"),
    *("weighted_f1", "MEL/recall", "MEL/auc", "malignant/auc", "ece"),
    *("dice", "iou", "dice_pooled", "iou_pooled", "thresholded_jaccard"),
)
NOT_SETTINGS = ("device", "num_workers", "output_dir", "verbose")
"""What may change between two calls without making another run of it."""


def read_row(job: Job, out: Path) -> dict[str, Any] | None:
    """The row of a finished run; None where there is none.

    Raises:
        ConfigError: The run was made with other settings.
    """
    path = job.folder(out) / "row.json"
    if not path.exists():
        return None
    row: dict[str, Any] = json.loads(path.read_text("utf-8"))
    now, before = settings_of(job), row["recipe"]
    changed = [name for name in now if name != "train" and now[name] != before.get(name)]
    changed += [f"train.{name}" for name in now["train"] if now["train"][name] != before["train"].get(name)]
    if changed:
        raise skinzoo.errors.ConfigError(
            f"{job.folder(out)} holds a run with other settings ({', '.join(changed)}); remove it, or choose another "
            "--out."
        )
    return row


def run_job(job: Job, data: Collections, *, out: Path, command: str, hardware: str = "") -> dict[str, Any]:
    """Make a run, unless it is there already.

    Args:
        job: The run.
        data: Opens its collection.
        out: Folder of all results.
        command: What makes it, for the tables.
        hardware: What it runs on; found out if empty.

    Returns:
        Its row.
    """
    if (row := read_row(job, out)) is not None:
        print(f"{job.table}/{job.name}: there already")
        return row
    folder = job.folder(out)
    print(f"{job.table}/{job.name}: {job.title}; {PROTOCOLS[job.protocol]}")
    parts = data.parts(job)
    for part in parts[:3]:
        print(part)
    model, history = train_model(runnable(job, out), parts.train, parts.val)
    model.save_pretrained(folder / "train" / "best", **(history.best or {}))  # again, with calibration
    resamples = 20 if data.budget.name == "smoke" else 1000
    report, seconds = score(model, parts.test, job, resamples)
    report.save(folder / "report")
    shutil.copyfile(folder / "report" / "report.json", folder / "report.json")
    views, _ = score(skinzoo.with_tta(model, "flips"), parts.test, job, resamples)
    row = {
        **stated(job, parts, model, report),
        "figures": figures_of(report),
        "views": figures_of(views),
        "resamples": resamples,
        **effort(job, history, parts, seconds),
        "hardware": hardware or hardware_of(model),
        "versions": {"skinzoo": skinzoo.__version__, **{name: version(name) for name in LIBRARIES}},
        "command": command,
        "recipe": settings_of(job),
    }
    write_json(folder / "row.json", row)
    for name in ("checkpoints", "last"):  # nothing goes on from here
        shutil.rmtree(folder / "train" / name, ignore_errors=True)
    return plain(row)


def runnable(job: Job, out: Path) -> skinzoo.Recipe:
    """The recipe with its folder, and the file of the backbone that it starts from."""
    train = dataclasses.replace(job.recipe.train, output_dir=str(job.folder(out) / "train"))
    options = dict(job.recipe.model_options)
    if job.needs:
        weights = out / job.table / job.needs / "train" / "best" / "model.safetensors"  # named as in timm
        if not weights.is_file():
            sys.exit(f"error: {job.name} starts from {job.needs}, whose weights are not at {weights}")
        options["backbone_weights"] = str(weights)
    return dataclasses.replace(job.recipe, train=train, model_options=options)


def score(
    model: skinzoo.SkinModel, test: skinzoo.SkinDataset, job: Job, resamples: int
) -> tuple[skinzoo.Report, float]:
    """The report, and the seconds that the answers took, loading included."""
    start = time.perf_counter()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", skinzoo.datasets.LeakageWarning)  # the share is in the row
        report = skinzoo.evaluate(
            model,
            test,
            batch_size=job.recipe.train.batch_size,
            num_workers=job.recipe.train.num_workers,
            examples=0,
            resampling=skinzoo.Resampling(resamples=resamples),
        )
    return report, time.perf_counter() - start


def figures_of(report: skinzoo.Report) -> dict[str, list[float]]:
    """Each metric with the ends of its interval; those that the report does not have are left out."""
    values = dict(report.values)
    for code, figures in (report.classification.per_class if report.classification else {}).items():
        values |= {f"{code}/{name}": value for name, value in figures.items()}
    found = {name: values[name] for name in FIGURES if name in values}
    nothing = (float("nan"), float("nan"))
    return {name: [value, *list(report.intervals.get(name, nothing))[:2]] for name, value in found.items()}


def stated(job: Job, parts: Parts, model: skinzoo.SkinModel, report: skinzoo.Report) -> dict[str, Any]:
    """What was trained on what."""
    exposure = parts.test.exposure
    return {
        "table": job.table,
        "run": job.name,
        "group": job.group,
        "title": job.title,
        "protocol": job.protocol,
        "seed": job.recipe.train.seed,
        "start": f"backbone of {job.needs}" if job.needs else "random weights",
        "test_hash": report.facts["split hash"],
        "images": [len(part) for part in parts[:3]],
        "test_lesions": report.num_clusters,
        "exposed": None if exposure is None else exposure.share,
        "left_out": parts.left_out,
        "parameters": model.num_parameters(),
        "trained_parameters": model.num_parameters(trainable=True),
    }


def effort(job: Job, history: skinzoo.History, parts: Parts, seconds: float) -> dict[str, Any]:
    """How long it took; the time of training includes its evaluations, as does its number of images a second."""
    last = history.rows[-1]
    return {
        "steps": last["step"],
        "epochs": last["epoch"],
        "best_epoch": history.best["epoch"] if history.best else last["epoch"],
        "minutes": last["seconds"] / 60,
        "images_per_second": {
            "training": last["step"] * job.recipe.train.batch_size / max(last["seconds"], 1e-9),
            "answers": len(parts.test) / seconds,
        },
    }


def settings_of(job: Job) -> dict[str, Any]:
    """The recipe as plain values, without what names only a place or a device."""
    recipe = json.loads(json.dumps(plain(job.recipe.to_dict())))
    for name in NOT_SETTINGS:
        del recipe["train"][name]
    return recipe


def hardware_of(model: skinzoo.SkinModel) -> str:
    """Device or processor."""
    if model.device.type == "cuda":
        import torch

        return torch.cuda.get_device_name(model.device)
    name = cpu_facts().get("model name", platform.machine())
    return f"{os.cpu_count()} CPU cores ({name})" if model.device.type == "cpu" else model.device.type
