"""One registry for models, collections, losses, presets and recipes."""

import difflib
import inspect
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any, Generic, TypeVar

from skinzoo.errors import ConfigError, UnknownNameError

T = TypeVar("T")


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """The end of an error message: close matches of `name`, or what is known."""
    known = sorted(known)
    lowered = {k.lower(): k for k in known}
    close = [lowered[m] for m in difflib.get_close_matches(name.lower(), lowered, n=4, cutoff=0.5)]
    if close:
        return f"did you mean {' or '.join(repr(c) for c in close)}?"
    shown = ", ".join(known[:12]) + (f" ... ({len(known)} in all)" if len(known) > 12 else "")
    return f"known: {shown or 'none'}."


def accepted_options(function: Callable[..., Any], *, skip: Iterable[str] = ()) -> list[str]:
    """Names of the keyword arguments that `function` takes, except `skip`."""
    kinds = (inspect.Parameter.KEYWORD_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    return [
        n for n, p in inspect.signature(function).parameters.items() if p.kind in kinds and n not in (*skip, "self")
    ]


def check_options(options: Mapping[str, Any], accepted: Iterable[str], *, of: str) -> None:
    """Refuse an option that is not taken, and name those that are.

    Args:
        options: What was given, by name.
        accepted: Names of the options that are taken.
        of: What takes them, in the words of the error message.

    Raises:
        ConfigError: An option that is not in `accepted`.
    """
    accepted = sorted(accepted)
    for name in options:
        if name not in accepted:
            takes = ", ".join(accepted) or "no options"
            hint = did_you_mean(name, accepted) if accepted else ""
            guess = f" {hint[0].upper()}{hint[1:]}" if hint.startswith("did you mean") else ""
            raise ConfigError(f"{of} does not take the option {name!r}.{guess} It takes: {takes}.")


@dataclass(frozen=True)
class Entry(Generic[T]):
    """One registered thing.

    Attributes:
        name: The name it was registered under, never an alias.
        obj: The thing itself.
        facets: Properties that it can be searched by.
    """

    name: str
    obj: T
    facets: Mapping[str, Any] = field(default_factory=dict)


class Registry(Generic[T]):
    """Names and the things they stand for.

    A decorator beside the thing registers it; a duplicate is an error, an unknown name an error with close matches.

    Args:
        kind: What the registry holds, in the singular and as messages name it: `"model"`, `"loss"`.
    """

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self._entries: dict[str, Entry[T]] = {}
        self._aliases: dict[str, str] = {}

    def register(self, name: str, *, aliases: Iterable[str] = (), **facets: Any) -> Callable[[T], T]:
        """Decorator: keep the decorated object under a name.

        Args:
            name: Its name.
            aliases: Further names that it is found by; they are not listed.
            **facets: Properties that `names` can search by.

        Raises:
            ConfigError: One of the names is taken.
        """

        def add(obj: T) -> T:
            for taken in (name, *aliases):
                if taken in self:
                    raise ConfigError(f"{self.kind} {taken!r} is registered twice; choose another name.")
            self._entries[name] = Entry(name, obj, facets)
            self._aliases.update(dict.fromkeys(aliases, name))
            return obj

        return add

    def resolve(self, name: str) -> Entry[T]:
        """The entry of `name` or of the name that it is an alias of.

        Raises:
            UnknownNameError: No such name; the message lists close matches.
        """
        entry = self._entries.get(self._aliases.get(name, name))
        if entry is None:
            hint = did_you_mean(str(name), [*self._entries, *self._aliases])
            raise UnknownNameError(f"unknown {self.kind} {name!r}; {hint}")
        return entry

    def names(self, pattern: str = "*", **facets: Any) -> list[str]:
        """Names, in order of registration, that match the shell-style `pattern` and every facet given (None: any)."""
        wanted = {k: v for k, v in facets.items() if v is not None}
        return [
            e.name
            for e in self._entries.values()
            if fnmatchcase(e.name, pattern) and all(e.facets.get(k) == v for k, v in wanted.items())
        ]

    def __getitem__(self, name: str) -> T:
        return self.resolve(name).obj

    def __contains__(self, name: object) -> bool:
        return name in self._entries or name in self._aliases

    def __iter__(self) -> Iterator[Entry[T]]:
        return iter(self._entries.values())

    def __len__(self) -> int:
        return len(self._entries)
