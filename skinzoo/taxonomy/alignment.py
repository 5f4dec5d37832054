"""From the classes of one label space to those of another, by the diagnoses that they stand for."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from skinzoo.errors import ConfigError, LabelError
from skinzoo.taxonomy.diagnoses import DIAGNOSES, of_kind
from skinzoo.taxonomy.spaces import LABEL_SPACES, LabelSpace
from skinzoo.types import IGNORE_INDEX

_SHOWN = 4


@dataclass(frozen=True)
class Alignment:
    """What each class of one label space is called in another.

    Attributes:
        source: The space that labels come from.
        target: The space that they go to.
        mapping: The target's code for each of the source's, None without a counterpart; in the source's order.
        unmatched: Why a class has no counterpart, by the source's code.
    """

    source: LabelSpace
    target: LabelSpace
    mapping: Mapping[str, str | None]
    unmatched: Mapping[str, str]

    @property
    def indices(self) -> tuple[int, ...]:
        """The target's class index for each of the source's, `IGNORE_INDEX` without a counterpart."""
        position = {code: i for i, code in enumerate(self.target)}
        return tuple(IGNORE_INDEX if code is None else position[code] for code in self.mapping.values())

    @property
    def merged(self) -> dict[str, tuple[str, ...]]:
        """The target's classes that several of the source's go to, each with these."""
        sources = {code: tuple(s for s, t in self.mapping.items() if t == code) for code in self.target}
        return {code: several for code, several in sources.items() if len(several) > 1}

    @property
    def absent(self) -> tuple[str, ...]:
        """The target's classes that nothing goes to."""
        reached = set(self.mapping.values())
        return tuple(code for code in self.target if code not in reached)

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {
            "source": self.source.name,
            "target": self.target.name,
            "mapping": dict(self.mapping),
            "merged": {code: list(several) for code, several in self.merged.items()},
            "unmatched": dict(self.unmatched),
            "absent": list(self.absent),
        }

    def __str__(self) -> str:
        matched = len(self.mapping) - len(self.unmatched)
        width = max(map(len, self.mapping))
        lines = [
            f"{self.source.name} -> {self.target.name}: {matched} of {len(self.mapping)} classes have a counterpart"
        ]
        for code, other in self.mapping.items():
            lines.append(f"  {code:<{width}} -> {other or f'not annotated: {self.unmatched[code]}'}")
        lines += [f"{_listed(several)} become one: {code}" for code, several in self.merged.items()]
        if self.absent:
            lines.append(f"nothing becomes {_listed(self.absent, last='or')}")
        return "\n".join(lines)


def align(source: LabelSpace, target: LabelSpace, *, overrides: Mapping[str, str | None] | None = None) -> Alignment:
    """Find each class's counterpart in another label space.

    A class goes to the target's class that covers all its diagnoses (see `meaning`); if several do, to the one that
    counts as malignant or not as the source's class does, then to the narrowest. A class that the target keeps apart,
    knows in part or not at all has no counterpart: its samples count as not annotated, never as a neighbouring class.
    A class whose name is no known term goes to the class of the same code, title or alias.

    Args:
        source: The space that labels come from.
        target: The space that they go to.
        overrides: What you know better: the target's class for one of the source's, None for no counterpart.

    Raises:
        ConfigError: `overrides` speaks of a class that a space does not have.
    """
    mapping: dict[str, str | None] = {}
    unmatched: dict[str, str] = {}
    decided = _checked(source, target, overrides or {})
    for code in source:
        if code in decided:
            mapping[code], reason = decided[code], "left out by overrides"
        elif source == target:
            mapping[code], reason = code, ""
        else:
            mapping[code], reason = _counterpart(source, code, target)
        if mapping[code] is None:
            unmatched[code] = reason
    return Alignment(source, target, mapping, unmatched)


def meaning(space: LabelSpace, code: str) -> frozenset[str]:
    """The elementary diagnoses that a class stands for.

    They are what `space.covers` says of it. Where that is silent, the class is understood by its code or title: as the
    elementary diagnosis of that name, else as the first of `LABEL_SPACES` understands a class of that name, such as
    `"nevus"` or `"SCC"`. A class of any other name covers only itself: its name is all there is.

    Args:
        space: The label space.
        code: One of its codes, spelled as in `space.classes`.
    """
    if code in space.covers:
        return space.covers[code]
    terms = {code.casefold(), space.title(code).casefold()}
    for name in DIAGNOSES:
        if name.casefold() in terms:
            return frozenset({name})
    for known in (entry.obj for entry in LABEL_SPACES):
        for other, diagnoses in known.covers.items():
            if terms & {other.casefold(), known.title(other).casefold()}:
                return diagnoses
    return frozenset({code})


def compatible(a_space: LabelSpace, a_code: str, b_space: LabelSpace, b_code: str) -> bool:
    """True if one picture can bear both labels, because some diagnosis is covered by both.

    A diagnosis of undetermined kind does not reconcile a benign with a malignant class: `"benign"` and `"malignant"`
    contradict each other, although both can hold an actinic keratosis.

    Args:
        a_space: A label space.
        a_code: One of its classes, in any spelling that it understands.
        b_space: A label space, the same or another one.
        b_code: One of its classes.

    Raises:
        LabelError: A space does not have the class.
    """
    a, b = (space.classes[space.index(code)] for space, code in ((a_space, a_code), (b_space, b_code)))
    if a_space == b_space and a == b:
        return True
    mine, theirs = meaning(a_space, a), meaning(b_space, b)
    if not _is_known(mine) or not _is_known(theirs):
        return _same_name(a_space, a, b_space, b)
    undetermined = of_kind("undetermined")
    shared = mine & theirs
    if shared - undetermined:
        return True
    kinds = [{DIAGNOSES[name].kind for name in side - undetermined} for side in (mine, theirs)]
    return bool(shared) and (not all(kinds) or not kinds[0].isdisjoint(kinds[1]))


def _checked(source: LabelSpace, target: LabelSpace, overrides: Mapping[str, str | None]) -> dict[str, str | None]:
    try:
        return {
            source.classes[source.index(code)]: None if other is None else target.classes[target.index(other)]
            for code, other in overrides.items()
        }
    except (LabelError, AttributeError) as error:
        raise ConfigError(
            f"overrides={dict(overrides)!r}: {error}. Give a class of {source.name} with one of {target.name} or None."
        ) from error


def _counterpart(source: LabelSpace, code: str, target: LabelSpace) -> tuple[str | None, str]:
    """The target's code, or None and why there is none."""
    mine = meaning(source, code)
    theirs = {other: meaning(target, other) for other in target}
    found = [
        other
        for other, diagnoses in theirs.items()
        if (mine <= diagnoses if _is_known(mine) and _is_known(diagnoses) else _same_name(source, code, target, other))
    ]
    if source.malignant and len(found) > 1:
        agreeing = [other for other in found if (other in target.malignant) == (code in source.malignant)]
        found = agreeing or found
    narrowest = [other for other in found if all(theirs[other] <= theirs[wider] for wider in found)]
    if len(narrowest) == 1:
        return narrowest[0], ""
    return None, _why_not(mine, theirs, found, target.name)


def _why_not(mine: frozenset[str], theirs: Mapping[str, frozenset[str]], found: list[str], name: str) -> str:
    if found:
        return f"could be {_listed(found, last='or')} of {name}"
    if not _is_known(mine):
        return f"{name} has no class of that name, and what the class covers is not said"
    near = {other: diagnoses & mine for other, diagnoses in theirs.items() if diagnoses & mine}
    covers = f"covers {_listed(_ordered(mine))}"
    known = frozenset[str]().union(*near.values())
    if not known:
        return f"{covers}, for which {name} has no class"
    apart = f"as {_listed(near)}" if len(near) > 1 else f"in {_listed(near)}"
    if known == mine:
        return f"{covers}, which {name} keeps apart {apart}"
    return f"{covers}, of which {name} knows only {_listed(_ordered(known))} ({apart})"


def _is_known(diagnoses: frozenset[str]) -> bool:
    return diagnoses <= DIAGNOSES.keys()


def _same_name(a_space: LabelSpace, a: str, b_space: LabelSpace, b: str) -> bool:
    """True if one class's code or title is a spelling that the other space knows its class by."""
    return not _names(a_space, a).isdisjoint(_spellings(b_space, b)) or not _names(b_space, b).isdisjoint(
        _spellings(a_space, a)
    )


def _names(space: LabelSpace, code: str) -> set[str]:
    return {code.casefold(), space.title(code).casefold()}


def _spellings(space: LabelSpace, code: str) -> set[str]:
    return _names(space, code) | {alias.casefold() for alias, of in space.aliases.items() if of == code}


def _ordered(names: frozenset[str]) -> list[str]:
    return [name for name in DIAGNOSES if name in names]


def _listed(names: Iterable[str], *, last: str = "and") -> str:
    shown = list(names)
    if len(shown) > _SHOWN + 1:
        shown = [*shown[:_SHOWN], f"{len(shown) - _SHOWN} more"]
    return shown[0] if len(shown) == 1 else f"{', '.join(shown[:-1])} {last} {shown[-1]}"
