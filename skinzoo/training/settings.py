"""Settings as files: frozen dataclasses that read and write JSON and YAML, and know every mistake in them."""

from __future__ import annotations

import dataclasses
import json
import os
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from numbers import Integral, Real
from pathlib import Path
from typing import Any, ClassVar, Self

import yaml

from skinzoo.errors import ConfigError
from skinzoo.files import plain, write_json, write_text
from skinzoo.registry import did_you_mean

MAX_BYTES = 1_000_000
_SUFFIXES = (".json", ".yaml", ".yml")
_FLOAT = re.compile(r"[-+]?\d+(\.\d*)?[eE][-+]?\d+")
_KINDS: dict[str, tuple[type, ...]] = {
    "bool": (bool,),
    "str": (str,),
    "int": (Integral,),
    "float": (Real,),
    "Mapping[str, Any]": (Mapping,),
}


class Settings:
    """Base of frozen dataclasses that stand in a file; `print` shows what the file would hold.

    Attributes:
        nested: Fields that are settings themselves, by name.
    """

    nested: ClassVar[Mapping[str, type[Settings]]] = {}

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON."""
        return dataclasses.asdict(self)  # type: ignore[call-overload, no-any-return]

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Self:
        """The inverse of `to_dict`; what is left out has its default.

        Raises:
            ConfigError: A key is unknown (the message lists close matches), a needed one is absent, or a value is out
                of range.
        """
        if not isinstance(values, Mapping):
            raise ConfigError(f"{cls.__name__} is made of named settings, got {values!r}.")
        known = {f.name: f for f in dataclasses.fields(cls)}  # type: ignore[arg-type]
        if unknown := [str(name) for name in values if name not in known]:
            raise ConfigError(f"{cls.__name__} has no setting {unknown[0]!r}; {did_you_mean(unknown[0], known)}")
        needed = [n for n, f in known.items() if f.default is f.default_factory is dataclasses.MISSING]
        if absent := [name for name in needed if name not in values]:
            raise ConfigError(f"{cls.__name__} needs {', '.join(absent)}.")
        made = dict(values)
        for name, kind in cls.nested.items():
            if isinstance(made.get(name), Mapping):
                with about(name):
                    made[name] = kind.from_dict(made[name])
        return cls(**made)

    @classmethod
    def from_file(cls, path: str | os.PathLike[str]) -> Self:
        """Read a file ending in .json, .yaml or .yml.

        Raises:
            ConfigError: It cannot be read, or as for `from_dict`; the message names the file.
        """
        with about(path):
            return cls.from_dict(read_settings(path))

    def to_file(self, path: str | os.PathLike[str]) -> Path:
        """Write a file ending in .json, .yaml or .yml, and return its path.

        Raises:
            ConfigError: It has another ending.
        """
        if _suffix(path) == ".json":
            return write_json(path, self.to_dict())
        return write_text(path, str(self))

    def __str__(self) -> str:
        return yaml.safe_dump(plain(self.to_dict()), sort_keys=False, allow_unicode=True, width=100)

    def check_types(self) -> None:
        """Make sure that plain fields hold what they are declared as.

        Raises:
            ConfigError: One does not.
        """
        for f in dataclasses.fields(self):  # type: ignore[arg-type]
            value, declared = getattr(self, f.name), str(f.type)
            kinds = _KINDS.get(declared.removesuffix(" | None"))
            if kinds is None or (value is None and declared.endswith(" | None")):
                continue
            if not isinstance(value, kinds) or (isinstance(value, bool) and bool not in kinds):
                raise ConfigError(f"{f.name} must be {_named(declared)}, got {value!r}.")


def read_settings(path: str | os.PathLike[str]) -> dict[str, Any]:
    """The named values of a JSON or YAML file; only plain data is ever made of it.

    In YAML, `1e-4` is a number, as in version 1.2 of YAML, and aliases are refused.

    Raises:
        ConfigError: It is absent, too large, has another ending, is damaged, gives a key twice, or holds no names.
    """
    suffix, file = _suffix(path), Path(path)
    try:
        if file.stat().st_size > MAX_BYTES:
            raise ConfigError(f"it is larger than {MAX_BYTES:,} bytes; settings are a few lines.")
        text = file.read_text("utf-8")
        values = json.loads(text, object_pairs_hook=_once) if suffix == ".json" else _read_yaml(text)
    except OSError as error:
        raise ConfigError(f"it cannot be read: {error}.") from error
    except (ValueError, RecursionError, yaml.YAMLError) as error:
        if isinstance(error, ConfigError):
            raise
        raise ConfigError(f"it is no {suffix[1:].upper()}: {error}") from error
    if not isinstance(values, dict):
        raise ConfigError(f"named settings are expected, got {type(values).__name__}.")
    return values


def _read_yaml(text: str) -> Any:
    root = yaml.compose(text, Loader=yaml.SafeLoader)
    if root is not None:
        _check_nodes(root, set())
    return _with_floats(yaml.safe_load(text))


def _check_nodes(node: yaml.Node, seen: set[int]) -> None:
    if id(node) in seen:
        raise ConfigError(f"line {node.start_mark.line + 1} is used a second time; write aliases out.")
    seen.add(id(node))
    if isinstance(node, yaml.MappingNode):
        _once([(key.value, None) for key, _ in node.value])
        for _, value in node.value:
            _check_nodes(value, seen)
    elif isinstance(node, yaml.SequenceNode):
        for item in node.value:
            _check_nodes(item, seen)


def _with_floats(value: Any) -> Any:
    """YAML 1.1, which PyYAML reads, takes `1e-4` for a text because it has no point."""
    if isinstance(value, dict):
        return {k: _with_floats(v) for k, v in value.items()}
    if isinstance(value, list):
        return [_with_floats(v) for v in value]
    return float(value) if isinstance(value, str) and _FLOAT.fullmatch(value) else value


def _once(pairs: list[tuple[Any, Any]]) -> dict[Any, Any]:
    names = [str(name) for name, _ in pairs]
    if twice := [name for name in names if names.count(name) > 1]:
        raise ConfigError(f"{twice[0]!r} stands there twice; keep one.")
    return dict(pairs)


def _suffix(path: str | os.PathLike[str]) -> str:
    suffix = Path(path).suffix.lower()
    if suffix not in _SUFFIXES:
        raise ConfigError(f"{os.fspath(path)}: settings are kept in files ending in {', '.join(_SUFFIXES)}.")
    return suffix


def _named(declared: str) -> str:
    words = {"bool": "True or False", "str": "a text", "int": "a whole number", "float": "a number"}
    kind = declared.removesuffix(" | None")
    return words.get(kind, "named values") + (" or None" if declared != kind else "")


@contextmanager
def about(place: str | os.PathLike[str]) -> Iterator[None]:
    """Errors in settings raised inside begin with the place.

    Args:
        place: A file, or the name of a field.

    Raises:
        ConfigError: One was raised inside.
    """
    try:
        yield
    except ConfigError as error:
        raise ConfigError(f"{os.fspath(place)}: {error}") from error
