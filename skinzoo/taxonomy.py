"""Label spaces: which classes a collection or a model knows, in which order, under which names."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from skinzoo.errors import ConfigError, LabelError
from skinzoo.registry import Registry, did_you_mean


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

    Raises:
        ConfigError: No class, a class twice, or a title, alias or malignant code of no class.
    """

    name: str
    classes: tuple[str, ...]
    titles: Mapping[str, str] = field(default_factory=dict, compare=False)
    aliases: Mapping[str, str] = field(default_factory=dict, compare=False)
    malignant: frozenset[str] = field(default=frozenset(), compare=False)

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
        mentioned = {"titles": self.titles, "aliases": self.aliases.values(), "malignant": self.malignant}
        for what, codes in mentioned.items():
            if unknown := set(codes) - set(self.classes):
                raise ConfigError(
                    f"LabelSpace {self.name!r}: {what} speak of {sorted(unknown)}, not among its classes."
                )

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
        """A label space with the given codes; the known one where the codes and their order agree with it."""
        names = tuple(names)
        for entry in LABEL_SPACES:
            if entry.obj.classes == names:
                return entry.obj
        return cls(name, names)

    @classmethod
    def numbered(cls, num_classes: int) -> LabelSpace:
        """`class_0`, `class_1` ... for a model that was not told its classes' names."""
        return cls("numbered", tuple(f"class_{i}" for i in range(num_classes)))


LABEL_SPACES: Registry[LabelSpace] = Registry("label space")


def _known(space: LabelSpace) -> LabelSpace:
    return LABEL_SPACES.register(space.name)(space)


_TITLES = {
    "MEL": "melanoma",
    "NV": "melanocytic nevus",
    "BCC": "basal cell carcinoma",
    "AKIEC": "actinic keratosis / intraepithelial carcinoma",
    "BKL": "benign keratosis",
    "DF": "dermatofibroma",
    "VASC": "vascular lesion",
}

ISIC2018 = _known(
    LabelSpace(
        "isic2018",
        ("MEL", "NV", "BCC", "AKIEC", "BKL", "DF", "VASC"),
        titles=_TITLES,
        aliases={"nevus": "NV", "actinic keratosis": "AKIEC", "benign keratosis-like lesion": "BKL"},
        malignant=frozenset({"MEL", "BCC", "AKIEC"}),
    )
)
"""Seven classes of ISIC 2018 Task 3 and, in lower case, of HAM10000."""

ISIC9 = _known(
    LabelSpace(
        "isic9",
        ("AK", "BCC", "DF", "MEL", "NV", "PBK", "SEK", "SCC", "VASC"),
        titles={
            "AK": "actinic keratosis",
            "BCC": "basal cell carcinoma",
            "DF": "dermatofibroma",
            "MEL": "melanoma",
            "NV": "nevus",
            "PBK": "pigmented benign keratosis",
            "SEK": "seborrheic keratosis",
            "SCC": "squamous cell carcinoma",
            "VASC": "vascular lesion",
        },
        malignant=frozenset({"AK", "BCC", "MEL", "SCC"}),
    )
)
"""Nine classes of the "Skin cancer ISIC" folders; actinic keratosis counts as malignant, as AKIEC does in ISIC 2018."""

BINARY = _known(
    LabelSpace(
        "binary",
        ("benign", "malignant"),
        malignant=frozenset({"malignant"}),
    )
)
"""Benign or malignant."""
