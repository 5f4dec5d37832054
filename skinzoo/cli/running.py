"""Running a command: messages, errors and the exit status."""

from __future__ import annotations

import argparse
import logging
import os
import sys
import traceback
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, redirect_stdout
from typing import TextIO

from skinzoo.cli.output import NobodyReadsError, Output
from skinzoo.cli.parsing import build_parser
from skinzoo.errors import SkinzooError

FAILED, USAGE, INTERRUPTED = 1, 2, 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command line.

    Args:
        arguments: Without the program's name; None for those of the process.

    Returns:
        The exit status: 0 done, 1 failed or found bad, 2 wrong usage, 130 interrupted.
    """
    parser = build_parser()
    try:
        parsed = parser.parse_args(arguments)
        if parsed.command is None:
            parser.print_help(sys.stderr)
            return USAGE
        return _run(parsed)
    except SystemExit as ended:  # argparse has said what is wrong, or has shown the help
        return ended.code if isinstance(ended.code, int) else USAGE


def _run(parsed: argparse.Namespace) -> int:
    output = Output(sys.stdout, as_json=parsed.json)
    try:
        with _messages(sys.stderr), redirect_stdout(sys.stderr):  # whatever a library prints is no answer
            status: int = parsed.run(parsed, output)
            output.finish()
        return status
    except NobodyReadsError:
        _close_quietly(sys.stdout)
        return FAILED
    except KeyboardInterrupt:
        print(getattr(parsed, "interrupted", "interrupted"), file=sys.stderr)
        return INTERRUPTED
    except (SkinzooError, OSError) as error:
        if parsed.traceback or os.environ.get("SKINZOO_DEBUG", "0") not in ("", "0"):
            traceback.print_exc()
        print(f"error: {error}", file=sys.stderr)
        return FAILED


@contextmanager
def _messages(stream: TextIO) -> Iterator[None]:
    """Warnings and the package's log as plain lines on the standard error."""

    def show(message: Warning | str, *_: object, **__: object) -> None:
        print(f"warning: {message}", file=stream)

    log, handler = logging.getLogger("skinzoo"), logging.StreamHandler(stream)
    level = log.level
    with warnings.catch_warnings():
        warnings.simplefilter("default", UserWarning)
        warnings.showwarning = show
        log.addHandler(handler)
        log.setLevel(logging.INFO)
        try:
            yield
        finally:
            log.removeHandler(handler)
            log.setLevel(level)


def _close_quietly(stream: TextIO) -> None:
    """Let what is still in the buffer go nowhere; the interpreter would complain about it at its end."""
    try:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)
    except (OSError, ValueError):  # no real file
        pass
