"""From a model to an ONNX file that runs without PyTorch and gives the same numbers."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray

from skinzoo.errors import ConfigError, MissingDependencyError
from skinzoo.files import atomic_path
from skinzoo.interchange.description import describe_export
from skinzoo.interchange.files import Parity, description_path, target_of, write_description
from skinzoo.interchange.graph import BATCH, ExportGraph, Pixels, cannot, check_request, plain_copy, trace
from skinzoo.interchange.parity import differences, probe
from skinzoo.interchange.quiet import quietly
from skinzoo.models import SkinModel

_LIMIT = 2**31 - 2**20
"""Bytes of weights; a file in protobuf's format cannot exceed 2 GiB."""
_SMALLEST_OPSET = 18


@dataclass(frozen=True)
class OnnxExport:
    """An ONNX file that was written.

    Attributes:
        path: The file.
        description: The JSON beside it.
        inputs: Names of what it takes.
        outputs: Names of what it gives.
        batch: `"dynamic"`, or the batch size.
        opset: Version of ONNX's operators.
        parity: How close it comes to the model.
        sha256: Of the file.
    """

    path: Path
    description: Path
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]
    batch: int | str
    opset: int
    parity: Parity
    sha256: str

    def __str__(self) -> str:
        size = self.path.stat().st_size / 1e6
        return (
            f"{self.path}: {size:.1f} MB, opset {self.opset}, batch {self.batch}, {', '.join(self.inputs)} -> "
            f"{', '.join(self.outputs)}; {self.parity}"
        )


def export_onnx(
    model: SkinModel,
    path: str | os.PathLike[str],
    *,
    batch: int | Literal["dynamic"] = "dynamic",
    pixels: Pixels = "normalised",
    probabilities: bool = True,
    opset: int | None = None,
    check: bool = True,
    tolerance: float = 1e-4,
    licence: str | None = None,
) -> OnnxExport:
    """Write a model as an ONNX file, and compare the two before saying that it is done.

    The file takes `images` (N, 3, H, W) of the model's own size and, from a model that sees metadata, `metadata`
    (N, M). It gives what the model has of `logits` (N, C), `mask_logits` (N, 1, H, W) and `probabilities` (N, C), in
    float32. Beside `model.onnx` stands `model.onnx.json`, which says how a picture is prepared and what the answers
    mean; the same text is in the file's metadata, under `skinzoo`. The model itself is not touched. Needs the extra
    `onnx`: `pip install "skinzoo[onnx]"`.

    Args:
        model: Any model of the zoo; ensembles and test-time augmentation become one graph.
        path: The file to write, ending with `.onnx`.
        batch: `"dynamic"` for any number of pictures, or a fixed number.
        pixels: What the graph takes: `"normalised"` for what the model itself takes, `"unit"` for RGB in [0, 1], or
            `"uint8"` for RGB from 0 to 255; the normalisation is then a part of the graph.
        probabilities: True to give calibrated probabilities too, as `model.probabilities` does.
        opset: Version of ONNX's operators, at least 18; None for the exporter's own choice.
        check: True to run model and file on seeded pictures, in batches of 1 and 3 (or of the fixed size).
        tolerance: Largest absolute difference allowed, times the largest value of an output where that is above 1.
        licence: Of the weights, for the description.

    Raises:
        ConfigError: An option makes no sense, or the network cannot be written down as a graph; nothing is written.
        MissingDependencyError: The extra is not installed.
        WeightsError: The file gives other numbers than the model; nothing is written.
    """
    check_request(model, batch=batch, pixels=pixels, tolerance=tolerance)
    target = target_of(path, ".onnx")
    _check_opset(opset)
    _require_packages(check=check)
    source = plain_copy(model)
    graph = ExportGraph(source, pixels=pixels, probabilities=probabilities)
    example = probe(source, 2 if batch == "dynamic" else int(batch), pixels=pixels)
    proto = _convert(graph, example, batch=batch, opset=opset)
    found = _opset_of(proto)
    description = describe_export(source, graph.outputs, batch=batch, pixels=pixels, licence=licence)
    description["versions"] |= {name: metadata.version(name) for name in ("onnx", "onnxscript")}
    description["opset"] = found
    _finish(proto, description)
    measured: dict[str, float] = {}
    with atomic_path(target) as temporary:
        _save(proto, temporary)
        if check:
            run = _runner(temporary)
            measured = differences(source, run, graph.outputs, batch=batch, pixels=pixels, tolerance=tolerance)
            del run
        digest = write_description(target, temporary, description, differences=measured or None)
    return OnnxExport(
        path=target,
        description=description_path(target),
        inputs=tuple(example),
        outputs=graph.outputs,
        batch=batch,
        opset=found,
        parity=Parity(measured, tolerance),
        sha256=digest,
    )


def _convert(graph: ExportGraph, example: Mapping[str, NDArray[Any]], *, batch: int | str, opset: int | None) -> Any:
    if sum(p.numel() * 4 for p in graph.parameters()) > _LIMIT:
        raise ConfigError("an ONNX file cannot hold more than 2 GB of weights; use export_program for this model.")
    program = trace(graph, [torch.from_numpy(np.asarray(v)) for v in example.values()], batch=batch)
    try:
        with quietly(), torch.no_grad():
            made = torch.onnx.export(
                program,
                (),
                dynamo=True,
                input_names=list(example),
                output_names=list(graph.outputs),
                opset_version=opset,
                external_data=False,
                verbose=False,
            )
            proto = made.model_proto  # type: ignore[union-attr]
    except Exception as error:  # the exporter's exceptions are many, and change from release to release
        raise cannot(graph.model, "torch.onnx", error) from error
    if opset is not None and _opset_of(proto) != opset:
        raise ConfigError(f"opset {opset} was asked for and {_opset_of(proto)} came out; leave opset=None.")
    return proto


def _finish(proto: Any, description: Mapping[str, Any]) -> None:
    """The description into the file, folder names of this machine out of it, and a name for the free dimension."""
    for node in proto.graph.node:
        del node.metadata_props[:]
        node.doc_string = ""
    free = next((d.dim_param for d in proto.graph.input[0].type.tensor_type.shape.dim[:1]), "")
    for value in (*proto.graph.input, *proto.graph.output, *proto.graph.value_info):
        for dimension in value.type.tensor_type.shape.dim:
            if free and free in dimension.dim_param:
                dimension.dim_param = dimension.dim_param.replace(free, BATCH)
    proto.graph.name = str(description["architecture"])
    proto.doc_string = str(description["notice"])
    del proto.metadata_props[:]
    entry = proto.metadata_props.add()
    entry.key, entry.value = "skinzoo", json.dumps(description, sort_keys=True)


def _save(proto: Any, path: Path) -> None:
    import onnx

    onnx.checker.check_model(proto)
    onnx.save(proto, str(path))


def open_session(model: str | bytes) -> Any:
    """An onnxruntime session on the CPU, with as many threads as PyTorch uses.

    Args:
        model: Path of an ONNX file, or its content.
    """
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    options.log_severity_level = 4  # what goes wrong is raised
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])


def _runner(path: Path) -> Any:
    """Runs the file with onnxruntime: inputs by name to outputs by name."""
    session = open_session(str(path))
    names = [output.name for output in session.get_outputs()]

    def run(inputs: Mapping[str, NDArray[Any]]) -> dict[str, NDArray[Any]]:
        return dict(zip(names, session.run(names, dict(inputs)), strict=True))

    return run


def _opset_of(proto: Any) -> int:
    return next(int(entry.version) for entry in proto.opset_import if not entry.domain)


def _check_opset(opset: object) -> None:
    if opset is not None and (isinstance(opset, bool) or not isinstance(opset, int) or opset < _SMALLEST_OPSET):
        raise ConfigError(f"opset must be a whole number of at least {_SMALLEST_OPSET}, or None, got {opset!r}.")


def _require_packages(*, check: bool) -> None:
    try:
        import onnx  # noqa: F401
        import onnxscript  # noqa: F401

        if check:
            import onnxruntime  # noqa: F401
    except ImportError as error:
        raise MissingDependencyError(
            f'export_onnx needs more packages ({error}): pip install "skinzoo[onnx]".'
        ) from error
