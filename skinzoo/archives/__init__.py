"""Unpacking or reading zip and tar archives that come from elsewhere, or refusing to.

Every member is checked before the first is written; contents are checked while they are written to a hidden folder
from which nothing gets out unless all of it is right.
"""

from skinzoo.archives.streaming import read_members
from skinzoo.archives.unpacking import SCRATCH, unpack

__all__ = ["SCRATCH", "read_members", "unpack"]
