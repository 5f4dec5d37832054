"""One picture under several labels: which is right, if anything says so."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

Ranks = Sequence[tuple[int, int]]
"""Pairs of class indices: where both are given to one picture, the first is known to be right."""


class Verdict(NamedTuple):
    """Which label is right.

    Attributes:
        label: Its class index; None if nothing decides.
        reason: Why, for a message.
    """

    label: int | None
    reason: str


def decide(labels: Sequence[int], outranks: Ranks, class_names: Sequence[str]) -> Verdict:
    """The right one of the labels that the copies of a picture carry.

    Labels that another one outranks are wrong. If several are left, the one of more than half of their copies is right.
    """
    beaten = {low for high, low in outranks if high in labels and low in labels}
    left = [label for label in labels if label not in beaten] or list(labels)  # all, where the rules run in a circle
    label, times = Counter(left).most_common(1)[0]
    if times == len(left):
        wrong = " and ".join(class_names[k] for k in sorted(set(labels) - {label}))
        return Verdict(label, f"{class_names[label]} is right by the rule that it outranks {wrong}")
    if 2 * times > len(left):
        return Verdict(label, f"{class_names[label]} is taken to be right: {times} of {len(left)} copies say so")
    return Verdict(None, "neither a rule nor a majority of the copies decides, so none is used")
