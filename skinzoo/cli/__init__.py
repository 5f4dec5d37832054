"""The command line: each command is a thin layer over the public functions. See `skinzoo --help`."""

from skinzoo.cli.parsing import build_parser
from skinzoo.cli.running import main

__all__ = ["build_parser", "main"]
