"""Where in a user's program skinzoo was called."""

import os
import sys

_PACKAGE = os.path.join(os.path.dirname(__file__), "")  # noqa: PTH118, PTH120 - no path is opened


def callers_level() -> int:
    """The `stacklevel` at which a warning points to the line that called skinzoo."""
    level, frame = 1, sys._getframe(1)
    while frame.f_code.co_filename.startswith(_PACKAGE) and frame.f_back is not None:
        level, frame = level + 1, frame.f_back
    return level
