"""Work done in a fork of the tests' process."""

from __future__ import annotations

import gc
import os
import traceback
from collections.abc import Callable


def in_a_fork(work: Callable[[], object]) -> int:
    """The exit status of a forked process that did `work`; 1, and a traceback on stderr, if it raised.

    What earlier tests left in cycles is freed before: a fork has one thread, and an object that waits for its other
    ones when it is freed (a session of onnxruntime does) would never end there.
    """
    gc.collect()
    child = os.fork()
    if child == 0:
        status = 1
        try:
            work()
            status = 0
        except BaseException:
            traceback.print_exc()
        finally:
            os._exit(status)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
