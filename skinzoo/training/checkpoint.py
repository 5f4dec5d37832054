"""Checkpoints on disk: written so that a valid one is always there, verified before anything live is changed.

A checkpoint is a pair of files: `<number>.safetensors` with the tensors and `<number>.json`, its manifest, with
everything else and the sha256 of both. The manifest is written last, so that a pair with a manifest was complete once.
No file is ever written twice: each checkpoint gets the next number.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import shutil
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from skinzoo.errors import CheckpointDamagedError, CheckpointWriteError, WeightsError
from skinzoo.files import DISK_FULL, sha256_of, sync_folder, write_text
from skinzoo.tensors import load_tensors, save_tensors

FORMAT = 1
"""Version of the files; raised whenever an older reader would misread them."""
MAX_MANIFEST_BYTES = 256_000_000
"""More than any manifest has; a larger one is not read."""


@dataclass(frozen=True)
class Checkpoint:
    """The state of a run after a step.

    Attributes:
        step: Optimiser steps that were made.
        tensors: Tensors by name.
        values: Everything else, as JSON can hold it; NaN and infinities are kept.
    """

    step: int
    tensors: Mapping[str, Tensor]
    values: Mapping[str, Any] = field(default_factory=dict)


class CheckpointStore:
    """The checkpoints of one run.

    Args:
        folder: Where they lie; made when the first is saved.
        keep: How many are kept, at least 1; the oldest goes once the new one is verified.
    """

    def __init__(self, folder: Path, keep: int = 2) -> None:
        self.folder = folder
        self.keep = keep

    def save(self, checkpoint: Checkpoint) -> Path:
        """Write a checkpoint, read it back, then delete those that are too many; returns the manifest's path.

        Raises:
            CheckpointWriteError: It could not be written, or came back different; the earlier ones are untouched.
        """
        number = int(next(iter(self._stems()), "0")) + 1
        tensors, manifest = (self.folder / f"{number:06d}{suffix}" for suffix in (".safetensors", ".json"))
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            self._sweep()
            save_tensors(tensors, checkpoint.tensors)
            _verify(tensors, checkpoint.tensors)
            values = json.dumps(checkpoint.values, sort_keys=True)
            head = {
                "format": FORMAT,
                "step": checkpoint.step,
                "size": tensors.stat().st_size,
                "sha256": sha256_of(tensors),
                "values_sha256": hashlib.sha256(values.encode()).hexdigest(),
            }
            write_text(manifest, json.dumps({**head, "values": checkpoint.values}, indent=1) + "\n")
            self._read(manifest)
        except (OSError, WeightsError) as error:
            raise self._write_error(tensors, checkpoint, error) from error
        self._rotate()
        return manifest

    def newest(self) -> Checkpoint | None:
        """The newest checkpoint that is whole; None if there is none at all.

        A damaged one is passed over with a warning that names it and the one that is used instead.

        Raises:
            CheckpointDamagedError: There are checkpoints, but not one that is whole.
        """
        problems: list[str] = []
        for stem in self._stems():
            manifest = self.folder / f"{stem}.json"
            try:
                found = self._read(manifest)
            except (WeightsError, OSError, ValueError) as error:
                problems.append(f"{manifest.with_suffix('.safetensors')}: {error}")
                continue
            if problems:
                warnings.warn(
                    f"passed over {'; '.join(problems)}. Going on from {manifest} (step {found.step}).", stacklevel=2
                )
            return found
        if problems:
            raise CheckpointDamagedError(
                "no checkpoint can be read:\n  " + "\n  ".join(problems) + "\nRestore one from a copy, or start anew "
                "with overwrite=True."
            )
        return None

    def load(self, manifest: str | os.PathLike[str]) -> Checkpoint:
        """The checkpoint with the given manifest, and no other.

        Raises:
            CheckpointDamagedError: It is not whole.
        """
        try:
            return self._read(Path(manifest))
        except (WeightsError, OSError, ValueError) as error:
            raise CheckpointDamagedError(f"{manifest} cannot be used: {error}") from error

    def clear(self) -> None:
        """Delete all checkpoints."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def _stems(self) -> list[str]:
        """Numbers of all checkpoints, whole or not, the newest first."""
        if not self.folder.is_dir():
            return []
        files = [p for p in self.folder.iterdir() if p.suffix in (".json", ".safetensors") and p.stem.isdigit()]
        return sorted({p.stem for p in files}, key=int, reverse=True)

    def _read(self, manifest: Path) -> Checkpoint:
        """Parse and verify; raises OSError, ValueError or WeightsError with the reason."""
        if not manifest.is_file():
            raise ValueError("its manifest is missing: it was not written to the end")
        with manifest.open("rb") as file:
            content = file.read(MAX_MANIFEST_BYTES + 1)
        if len(content) > MAX_MANIFEST_BYTES:
            raise ValueError(f"its manifest is larger than {MAX_MANIFEST_BYTES:,} bytes")
        try:
            head = json.loads(content.decode("utf-8"))
            values = head["values"]
            recorded = head["format"], head["step"], head["sha256"], head["values_sha256"]
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            raise ValueError(f"its manifest is damaged ({error})") from error
        version, step, expected, values_expected = recorded
        if version != FORMAT:
            raise ValueError(
                f"it has format {version} and this version of skinzoo reads format {FORMAT}; finish the run with the "
                "version that began it"
            )
        if hashlib.sha256(json.dumps(values, sort_keys=True).encode()).hexdigest() != values_expected:
            raise ValueError("its manifest was changed or damaged: the sha256 differs")
        if not isinstance(values, dict) or type(step) is not int or step < 0 or not isinstance(expected, str):
            raise ValueError("its manifest is damaged: a value of another kind than expected")
        tensors = manifest.with_suffix(".safetensors")
        if not tensors.is_file():
            raise ValueError("the tensors are missing")
        if (got := sha256_of(tensors)) != expected:
            raise ValueError(f"the tensors are damaged: sha256 {got[:12]}... instead of {expected[:12]}...")
        return Checkpoint(step, load_tensors(tensors), values)

    def _rotate(self) -> None:
        for stem in self._stems()[self.keep :]:
            (self.folder / f"{stem}.json").unlink(missing_ok=True)
            (self.folder / f"{stem}.safetensors").unlink(missing_ok=True)
        sync_folder(self.folder)

    def _sweep(self) -> None:
        """Remove what a killed process left half written."""
        for path in self.folder.glob(".*.*"):
            path.unlink(missing_ok=True)

    def _write_error(self, path: Path, checkpoint: Checkpoint, error: Exception) -> CheckpointWriteError:
        needed = sum(t.numel() * t.element_size() for t in checkpoint.tensors.values())
        place = next(p for p in (self.folder, *self.folder.parents) if p.exists())
        free = shutil.disk_usage(place).free
        full = getattr(error, "errno", None) in {*DISK_FULL, errno.EFBIG}
        advice = "free some space" if full or free < needed else "check the folder's permissions and the disk"
        return CheckpointWriteError(
            f"{path} could not be written: {error}. It needs {needed:,} bytes, {free:,} are free in {place}; {advice} "
            "and start again with the same settings: earlier checkpoints are untouched."
        )


def _verify(path: Path, tensors: Mapping[str, Tensor]) -> None:
    found = load_tensors(path)
    for name, tensor in tensors.items():
        if name not in found or not torch.equal(found[name], tensor.detach().cpu()):
            raise WeightsError(f"{name} came back different from what was written")
