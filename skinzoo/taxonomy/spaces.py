"""Label spaces: which classes a collection or a model knows, in which order, under which names."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from skinzoo.errors import ConfigError, LabelError
from skinzoo.registry import Registry, did_you_mean
from skinzoo.taxonomy.diagnoses import DIAGNOSES


@dataclass(frozen=True)
class LabelSpace:
    """Ordered classes with their names.

    Args:
        name: Short name of the label space, such as `"isic2018"`.
        classes: Codes in the order of the model's outputs, such as `("MEL", "NV")`.
        titles: Readable name of each code; a code that is absent is its own title.
        aliases: Other spellings found in tables and folders, each with its code. Codes and titles are always
            understood, upper or lower case.
        malignant: Codes of malignant (or in-situ) lesions.
        covers: The elementary diagnoses (names in `skinzoo.taxonomy.DIAGNOSES`) that a class stands for, by code. A
            class that is absent is understood by its name; see `skinzoo.taxonomy.meaning`.

    Raises:
        ConfigError: No class, a class twice, or a title, alias, malignant or covers entry of no class; or a class that
            covers nothing, or something that is no elementary diagnosis.
    """

    name: str
    classes: tuple[str, ...]
    titles: Mapping[str, str] = field(default_factory=dict, compare=False)
    aliases: Mapping[str, str] = field(default_factory=dict, compare=False)
    malignant: frozenset[str] = field(default=frozenset(), compare=False)
    covers: Mapping[str, frozenset[str]] = field(default_factory=dict, compare=False)

    def __post_init__(self) -> None:
        if not isinstance(self.classes, list | tuple) or not all(isinstance(c, str) and c for c in self.classes):
            raise ConfigError(
                f"LabelSpace {self.name!r}: classes must be a list of names in order, got {self.classes!r}."
            )
        object.__setattr__(self, "classes", tuple(self.classes))
        object.__setattr__(self, "malignant", frozenset(self.malignant))
        if not self.classes or len({c.casefold() for c in self.classes}) != len(self.classes):
            raise ConfigError(
                f"LabelSpace {self.name!r} needs one class or more, each once in any case; got {list(self.classes)}."
            )
        mentioned = {
            "titles": self.titles,
            "aliases": self.aliases.values(),
            "malignant": self.malignant,
            "covers": self.covers,
        }
        for what, codes in mentioned.items():
            if unknown := set(codes) - set(self.classes):
                raise ConfigError(
                    f"LabelSpace {self.name!r}: {what} speak of {sorted(unknown)}, not among its classes "
                    f"{list(self.classes)}."
                )
        covers = {code: self._diagnoses(code, names) for code, names in self.covers.items()}
        object.__setattr__(self, "covers", covers)

    def _diagnoses(self, code: str, names: Iterable[str]) -> frozenset[str]:
        found = frozenset((names,) if isinstance(names, str) else names)
        if not found:
            raise ConfigError(
                f"LabelSpace {self.name!r}: {code!r} covers nothing; leave it out, or name its diagnoses."
            )
        for name in found:
            if name not in DIAGNOSES:
                raise ConfigError(
                    f"LabelSpace {self.name!r}: {code!r} covers {name!r}, which is no elementary diagnosis; "
                    f"{did_you_mean(str(name), DIAGNOSES)}"
                )
        return found

    def __len__(self) -> int:
        return len(self.classes)

    def __iter__(self) -> Iterator[str]:
        return iter(self.classes)

    def title(self, code: str) -> str:
        """Readable name of a class."""
        return self.titles.get(code, code)

    def index(self, label: str) -> int:
        """Class index of a code, title or alias; surrounding blanks and case do not matter.

        Raises:
            LabelError: No class has that name; the message lists close matches.
        """
        key = label.strip().casefold()
        if (found := self._lookup.get(key)) is not None:
            return found
        raise LabelError(f"label {label!r} is none of {self.name}'s classes; {did_you_mean(label, self.classes)}")

    @cached_property
    def _lookup(self) -> dict[str, int]:
        table: dict[str, int] = {}
        for source in (self.aliases, {t: c for c, t in self.titles.items()}, {c: c for c in self.classes}):
            table |= {spelling.casefold(): self.classes.index(code) for spelling, code in source.items()}
        return table

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return {
            "name": self.name,
            "classes": list(self.classes),
            "titles": dict(self.titles),
            "aliases": dict(self.aliases),
            "malignant": sorted(self.malignant),
            "covers": {code: sorted(names) for code, names in self.covers.items()},
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> LabelSpace:
        """The inverse of `to_dict`.

        Raises:
            ConfigError: A key is missing or unknown, or a value makes no sense.
        """
        try:
            return cls(**values)
        except (TypeError, AttributeError) as error:
            raise ConfigError(f"LabelSpace: {error}.") from error

    @classmethod
    def from_names(cls, names: Iterable[str], *, name: str = "custom") -> LabelSpace:
        """A label space with the given codes; the known one where the codes and their order agree with it.

        Args:
            names: Codes in the order of the model's outputs.
            name: Short name of a label space that is not a known one.

        Raises:
            ConfigError: No class, or a class twice.
        """
        names = tuple(names)
        for entry in LABEL_SPACES:
            if entry.obj.classes == names:
                return entry.obj
        return cls(name, names)

    @classmethod
    def numbered(cls, num_classes: int) -> LabelSpace:
        """`class_0`, `class_1` ... for a model that was not told its classes' names.

        Raises:
            ConfigError: `num_classes` is below 1.
        """
        return cls("numbered", tuple(f"class_{i}" for i in range(num_classes)))


LABEL_SPACES: Registry[LabelSpace] = Registry("label space")
