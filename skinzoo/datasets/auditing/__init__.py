"""The audit: what datasets share, what stands twice in one, and what contradicts itself."""

from skinzoo.datasets.auditing.matches import KINDS, Match
from skinzoo.datasets.auditing.pool import Entry
from skinzoo.datasets.auditing.result import Audit, Overlap
from skinzoo.datasets.auditing.run import audit
from skinzoo.datasets.auditing.shifts import Shift

__all__ = ["KINDS", "Audit", "Entry", "Match", "Overlap", "Shift", "audit"]
