"""Files that pretend to be weights: some would run code when they are opened, the others are broken safetensors."""

from __future__ import annotations

import io
import json
import pickle
import struct
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path

import numpy as np


class Canary:
    """Unpickling one makes a file."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, ...]:
        return open, (str(self.path), "w")


def _zip(entries: Mapping[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in entries.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def _torch_save(canary: Canary) -> bytes:
    return _zip({"a/data.pkl": pickle.dumps(canary, protocol=2), "a/version": b"3\n", "a/byteorder": b"little"})


def _torch_script(canary: Canary) -> bytes:
    code = b"def forward(self):\n  return ops.aten.save(1, 'x')\n"
    data = {"a/data.pkl": pickle.dumps(canary, protocol=2), "a/constants.pkl": b"\x80\x02).", "a/version": b"3\n"}
    return _zip({**data, "a/code/__torch__.py": code})


def _exported_program(canary: Canary) -> bytes:
    model = {"a/archive_format": b"pt2", "a/models/model.json": b"{}", "a/version": b"1"}
    return _zip({**model, "a/data/weights/model.pt": _torch_save(canary), "a/data.pkl": pickle.dumps(canary)})


def _npz(canary: Canary) -> bytes:
    buffer = io.BytesIO()
    np.savez(buffer, weight=np.array([canary], dtype=object))
    return buffer.getvalue()


def _npy(canary: Canary) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, np.array([canary], dtype=object), allow_pickle=True)
    return buffer.getvalue()


def _text_pickle(canary: Canary) -> bytes:
    return pickle.dumps(canary, protocol=0)


def _pickle_that_looks_like_safetensors(canary: Canary) -> bytes:
    """The ninth byte is the brace that a header begins with."""
    body = pickle.dumps(canary, protocol=2)[2:]
    text = b"X\x05\x00\x00\x00a{bcd0"  # pushes a text, drops it
    return b"\x80\x02" + text + body


UNSAFE: dict[str, tuple[str, Callable[[Canary], bytes]]] = {
    "pickle.pt": ("model.pt", pickle.dumps),
    "pickle.pth": ("model.pth", pickle.dumps),
    "pickle.bin": ("pytorch_model.bin", pickle.dumps),
    "pickle.ckpt": ("model.ckpt", pickle.dumps),
    "pickle.PT": ("MODEL.PT", pickle.dumps),
    "pickle renamed": ("model.safetensors", pickle.dumps),
    "text pickle renamed": ("model.safetensors", _text_pickle),
    "pickle without an ending": ("weights", pickle.dumps),
    "torch.save": ("model.pth", _torch_save),
    "torch.save renamed": ("model.safetensors", _torch_save),
    "TorchScript": ("model.pt", _torch_script),
    "TorchScript renamed": ("model.safetensors", _torch_script),
    "pt2": ("model.pt2", _exported_program),
    "pt2 renamed": ("model.safetensors", _exported_program),
    "npz": ("weights.npz", _npz),
    "npz renamed": ("model.safetensors", _npz),
    "npy": ("weights.npy", _npy),
    "npy renamed": ("model.safetensors", _npy),
    "both pickle and header": ("model.pt", _pickle_that_looks_like_safetensors),
}
"""A file name and what makes the content."""


def safetensors(header: object, data: bytes = b"", length: int | None = None) -> bytes:
    """A file with any header; `length` is what its first eight bytes claim."""
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text) if length is None else length) + text + data


def entry(dtype: str, shape: list[int], begin: int, end: int) -> dict[str, object]:
    """A tensor in a header."""
    return {"dtype": dtype, "shape": shape, "data_offsets": [begin, end]}


def _twice(first: str, second: str) -> bytes:
    row = b'"%s":{"dtype":"F32","shape":[1],"data_offsets":[%d,%d]}'
    return b"{" + row % (first.encode(), 0, 4) + b"," + row % (second.encode(), 0, 4) + b"}"


_ONE = entry("F32", [1], 0, 4)
DAMAGED: dict[str, bytes] = {
    "header of 2^40 bytes": safetensors(b"{}" + b" " * 100, length=2**40),
    "header of 2^64-1 bytes": safetensors(b"{}" + b" " * 100, length=2**64 - 1),
    "header of no bytes": safetensors(b"{}", length=0),
    "header longer than the file": safetensors({"a": _ONE}, bytes(4), length=500),
    "no JSON": safetensors(b"{" + b"x" * 40),
    "deep JSON": safetensors(b'{"a":' + b"[" * 50_000 + b"]" * 50_000 + b"}"),
    "not UTF-8": safetensors(b'{"\xff":{}}'),
    "overlapping offsets": safetensors({"a": entry("F32", [2], 0, 8), "b": entry("F32", [2], 4, 12)}, bytes(12)),
    "the same offsets": safetensors({"a": entry("F32", [2], 0, 8), "b": entry("F32", [2], 0, 8)}, bytes(8)),
    "a gap": safetensors({"a": _ONE, "b": entry("F32", [1], 8, 12)}, bytes(12)),
    "offsets that go back": safetensors({"a": entry("F32", [1], 4, 0)}, bytes(4)),
    "offsets behind the end": safetensors({"a": entry("F32", [2**38], 0, 2**40)}, bytes(8)),
    "shape of 2^40 with few bytes": safetensors({"a": entry("F32", [2**40], 0, 8)}, bytes(8)),
    "shape that overflows": safetensors({"a": entry("F32", [2**32, 2**32], 0, 0)}),
    "shape that overflows to fit": safetensors({"a": entry("F32", [2**62 + 1, 4], 0, 16)}, bytes(16)),
    "shape with 2^63 and 0": safetensors({"a": entry("F32", [0, 2**63], 0, 0)}),
    "negative shape": safetensors({"a": entry("F32", [-1, -1], 0, 4)}, bytes(4)),
    "broken shape": safetensors({"a": {**_ONE, "shape": [1.0]}}, bytes(4)),
    "shape of 100,000 dimensions": safetensors({"a": entry("F32", [1] * 100_000, 0, 4)}, bytes(4)),
    "51,000 tensors": safetensors({f"{k}": entry("U8", [0], 0, 0) for k in range(51_000)}),
    "trailing bytes": safetensors({"a": _ONE}, bytes(5)),
    "missing byte": safetensors({"a": _ONE}, bytes(3)),
    "the same name twice": safetensors(_twice("a", "a"), bytes(4)),
    "the same name twice, spelled otherwise": safetensors(_twice("a", r"\u0061"), bytes(4)),
    "metadata twice": safetensors(b'{"__metadata__":{},"__metadata__":{"a":"b"}}'),
    "metadata that are no text": safetensors({"__metadata__": {"skinzoo": 1}}),
    "unknown type": safetensors({"a": entry("F99", [1], 0, 4)}, bytes(4)),
    "type of four bits": safetensors({"a": entry("F4", [8], 0, 4)}, bytes(4)),
    "type of eight bits": safetensors({"a": entry("F8_E4M3", [4], 0, 4)}, bytes(4)),
    "no offsets": safetensors({"a": {"dtype": "F32", "shape": [1]}}, bytes(4)),
    "a list for a tensor": safetensors({"a": [1, 2]}, bytes(4)),
}
"""Each must be refused as damaged."""
