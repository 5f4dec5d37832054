"""Which number type a run computes in."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Literal

import torch

Precision = Literal["fp32", "bf16", "fp16"]
_FLAGS = frozenset({"avx512_bf16", "amx_bf16", "bf16"})
_CPUINFO = Path("/proc/cpuinfo")


def resolve_precision(asked: Literal["auto", "fp32", "bf16", "fp16"], device: torch.device) -> Precision:
    """What is asked for; for `"auto"`, bf16 where the device computes in it and fp32 elsewhere."""
    if asked != "auto":
        return asked
    return "bf16" if computes_bf16(device) else "fp32"


def computes_bf16(device: torch.device) -> bool:
    """True if the device has instructions for bfloat16; one without them emulates it, several times slower than fp32.

    Of a CPU this is known on Linux only.
    """
    if device.type == "cpu":
        return _processor_computes_bf16()
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    return False


@cache
def _processor_computes_bf16() -> bool:
    return bool(_FLAGS & processor_flags())


def processor_flags() -> set[str]:
    """What Linux says that the processor can do; empty elsewhere."""
    try:
        lines = _CPUINFO.read_text("utf-8", "replace").splitlines()
    except OSError:
        return set()
    found = next((line for line in lines if line.partition(":")[0].strip() in ("flags", "Features")), "")
    return set(found.partition(":")[2].split())
