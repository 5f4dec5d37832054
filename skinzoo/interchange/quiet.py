"""Exporters that keep what they have to say to themselves."""

from __future__ import annotations

import io
import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout

_TALKATIVE = ("torch", "torch.onnx", "torch.export", "torch._export", "torch._dynamo", "onnxscript", "onnx_ir", "onnx")


@contextmanager
def quietly() -> Iterator[None]:
    """No printing, no warnings and no log records of PyTorch's and ONNX's exporters; errors are raised as ever."""
    loggers = [logging.getLogger(name) for name in _TALKATIVE]
    levels = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.CRITICAL)  # their children inherit it
    try:
        with warnings.catch_warnings(), redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    finally:
        for logger, level in zip(loggers, levels, strict=True):
            logger.setLevel(level)
