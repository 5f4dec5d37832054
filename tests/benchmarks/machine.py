"""What it was measured on."""

from __future__ import annotations

import importlib.util
import os
import platform
import sys
from importlib import metadata
from pathlib import Path

LIBRARIES = (
    *("torch", "torchvision", "timm", "numpy", "opencv-python-headless", "albumentations", "pillow"),
    *("onnxruntime", "scikit-learn", "lightning", "fastai"),
)

CPUINFO = "/proc/cpuinfo"
FLAGS = ("avx2", "avx512f", "avx512_bf16", "amx_bf16")


def describe(threads: int) -> dict[str, str]:
    """Processor, cores, load and versions, each as text."""
    import torch

    import skinzoo

    found = {name: version for name in LIBRARIES if (version := _version(name))}
    about = {
        "processor": processor(),
        "cores": f"{os.cpu_count()}",
        "threads": f"{threads}",
        "load before": f"{os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else "unknown",
        "system": platform.system(),
        "Python": platform.python_version(),
        "skinzoo": skinzoo.__version__,
        **found,
    }
    if torch.cuda.is_available():
        about["GPU"] = torch.cuda.get_device_name()
    return about


def processor(path: str = CPUINFO) -> str:
    """The processor's own name where Linux tells it, and what distinguishes it for neural networks."""
    facts = _facts(path)
    name = facts.get("model name") or platform.processor() or platform.machine()
    known = [flag for flag in FLAGS if flag in facts.get("flags", "").split()]
    return f"{name} ({', '.join(known)})" if known else name


def _facts(path: str) -> dict[str, str]:
    try:
        lines = [line.partition(":") for line in Path(path).read_text().splitlines()]
    except OSError:
        return {}
    return {key.strip(): value.strip() for key, _, value in lines}


def missing(*modules: str) -> str:
    """Why something cannot be measured: the modules that are not installed, or nothing."""
    absent = [name for name in modules if name not in sys.modules and importlib.util.find_spec(name) is None]
    return f"{', '.join(absent)} not installed" if absent else ""


def _version(name: str) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return ""
