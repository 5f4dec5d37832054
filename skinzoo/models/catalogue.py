"""The registry of models. It can be read without importing what builds them."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeAlias

from skinzoo.registry import Registry, accepted_options
from skinzoo.types import Task

if TYPE_CHECKING:
    from skinzoo.models.base import SkinModel

Builder: TypeAlias = "Callable[..., SkinModel]"
"""`build(request, **fixed, **options)`, where `request` is a `skinzoo.models.request.BuildRequest`."""

LOCAL_PREFIX = "local-dir:"
ENSEMBLE = "ensemble"
MAX_CLASSES = 10_000
"""More classes than a model is built for; a longer list is a mistake."""


class Deferred:
    """A builder that is imported when it is first called or asked for its options.

    Args:
        load: Imports and returns it.
    """

    def __init__(self, load: Callable[[], Builder]) -> None:
        self._load = load

    def __call__(self, *args: Any, **kwargs: Any) -> SkinModel:
        """Build."""
        return self._load()(*args, **kwargs)

    @property
    def __signature__(self) -> inspect.Signature:
        return inspect.signature(self._load())


@dataclass(frozen=True)
class ModelEntry:
    """A registered model.

    Attributes:
        build: Builds it: `build(request, **fixed, **options)`; `Deferred` if importing it costs much.
        task: What it predicts; None where that depends on the models it is made of, as its label space does.
        summary: One line for tables.
        fixed: Arguments that the name stands for, such as the backbone; the caller cannot change them.
    """

    build: Builder
    task: Task | None
    summary: str
    fixed: Mapping[str, Any] = field(default_factory=dict)

    @property
    def options(self) -> list[str]:
        """Names of the options that the model takes."""
        return accepted_options(self.build, skip=("request", *self.fixed))


MODELS: Registry[ModelEntry] = Registry("model")


def register_model(name: str, entry: ModelEntry, *, aliases: Iterable[str] = (), **facets: Any) -> None:
    """Add a model, so that `create_model` builds it by name.

    Args:
        name: Its name.
        entry: What builds it, and what is known about it.
        aliases: Further names that it is found by; they are not listed.
        **facets: What `list_models` can search for besides its task: `family`, `strategy`.

    Raises:
        ConfigError: One of the names is taken.
    """
    MODELS.register(name, aliases=aliases, task=entry.task, **facets)(entry)
