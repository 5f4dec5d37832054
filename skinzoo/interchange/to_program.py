"""From a model to a PyTorch program: a graph that runs without skinzoo, timm and smp."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray

from skinzoo.files import atomic_path
from skinzoo.interchange.description import describe_export
from skinzoo.interchange.files import Parity, description_path, target_of, write_description
from skinzoo.interchange.graph import ExportGraph, Pixels, check_request, plain_copy, trace
from skinzoo.interchange.parity import differences, probe
from skinzoo.interchange.quiet import quietly
from skinzoo.models import SkinModel


@dataclass(frozen=True)
class ProgramExport:
    """A model as a PyTorch program.

    Attributes:
        program: Run it with `program.module()(images)`; gives the outputs by name.
        path: The file; None if none was asked for.
        description: The JSON beside it, likewise.
        outputs: Names of what it gives.
        batch: `"dynamic"`, or the batch size.
        parity: How close it comes to the model.
        sha256: Of the file; empty without one.
    """

    program: torch.export.ExportedProgram
    path: Path | None
    description: Path | None
    outputs: tuple[str, ...]
    batch: int | str
    parity: Parity
    sha256: str

    def __str__(self) -> str:
        where = "in memory" if self.path is None else str(self.path)
        return f"program {where}, batch {self.batch}, -> {', '.join(self.outputs)}; {self.parity}"


def export_program(
    model: SkinModel,
    path: str | os.PathLike[str] | None = None,
    *,
    batch: int | Literal["dynamic"] = "dynamic",
    pixels: Pixels = "normalised",
    probabilities: bool = True,
    check: bool = True,
    tolerance: float = 1e-4,
    licence: str | None = None,
) -> ProgramExport:
    """Make a PyTorch program of a model with `torch.export`, and compare the two before saying that it is done.

    Inputs, outputs and description are those of `export_onnx`. The program runs wherever PyTorch does, without skinzoo,
    and is what `torch.compile`d deployments and ExecuTorch start from. A `.pt2` file is written by `torch.export.save`
    and read by `torch.export.load`, which opens pickles: load such files only from people you trust. skinzoo never
    loads one.

    Args:
        model: Any model of the zoo.
        path: The file to write, ending with `.pt2`; None to write none.
        batch: `"dynamic"` for any number of pictures, or a fixed number.
        pixels: What the graph takes: `"normalised"`, `"unit"` or `"uint8"`; see `export_onnx`.
        probabilities: True to give calibrated probabilities too.
        check: True to run model and program on seeded pictures.
        tolerance: Largest absolute difference allowed, times the largest value of an output where that is above 1.
        licence: Of the weights, for the description.

    Raises:
        ConfigError: An option makes no sense, or the network cannot be written down as a graph; nothing is written.
        WeightsError: The program gives other numbers than the model; nothing is written.
    """
    check_request(model, batch=batch, pixels=pixels, tolerance=tolerance)
    target = None if path is None else target_of(path, ".pt2")
    source = plain_copy(model)
    graph = ExportGraph(source, pixels=pixels, probabilities=probabilities)
    example = probe(source, 2 if batch == "dynamic" else int(batch), pixels=pixels)
    program = trace(graph, _tensors(example), batch=batch)
    measured: dict[str, float] = {}
    if check:
        with quietly():
            module = program.module()

        def run(inputs: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
            with torch.no_grad():
                found = module(*_tensors(inputs))
            return {name: value.numpy() for name, value in found.items()}

        measured = differences(source, run, graph.outputs, batch=batch, pixels=pixels, tolerance=tolerance)
    digest = ""
    if target is not None:
        description = describe_export(source, graph.outputs, batch=batch, pixels=pixels, licence=licence)
        with atomic_path(target) as temporary:
            with quietly():
                torch.export.save(program, temporary, extra_files={"skinzoo.json": json.dumps(description)})
            digest = write_description(target, temporary, description, differences=measured or None)
    return ProgramExport(
        program=program,
        path=target,
        description=None if target is None else description_path(target),
        outputs=graph.outputs,
        batch=batch,
        parity=Parity(measured, tolerance),
        sha256=digest,
    )


def _tensors(inputs: Mapping[str, NDArray[Any]]) -> list[torch.Tensor]:
    return [torch.from_numpy(np.asarray(value)) for value in inputs.values()]
