"""The registry of models, and what a builder receives."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from skinzoo.models.base import ModelConfig, SkinModel
from skinzoo.registry import Registry, accepted_options
from skinzoo.taxonomy import LabelSpace
from skinzoo.types import InputSpec, Task

LOCAL_PREFIX = "local-dir:"


@dataclass(frozen=True)
class BuildRequest:
    """What the caller asked for, apart from the builder's own options.

    Attributes:
        architecture: Registered name.
        task: The entry's task.
        label_space: Classes; None for a segmenter.
        image_size: Height and width; None for the architecture's own.
        input_spec: Overrides everything about the input; None for the architecture's own.
        options: The options as given, kept in the configuration.
        start_weights: False if trained weights follow, as they do for a saved model.
        build: Builds another architecture from checked values (`skinzoo.models.factory.build`), for models made of
            models.
    """

    architecture: str
    task: Task
    label_space: LabelSpace | None
    image_size: tuple[int, int] | None = None
    input_spec: InputSpec | None = None
    options: Mapping[str, Any] = field(default_factory=dict)
    start_weights: bool = True
    build: Callable[..., SkinModel] | None = None

    @property
    def num_classes(self) -> int:
        """Number of logits; 0 for a segmenter."""
        return len(self.label_space) if self.label_space else 0

    def config(self, input_spec: InputSpec) -> ModelConfig:
        """The configuration of the model that is being built, with `input_spec` unless the caller gave one."""
        return ModelConfig(self.architecture, self.task, self.input_spec or input_spec, self.label_space, self.options)


@dataclass(frozen=True)
class ModelEntry:
    """A registered model.

    Attributes:
        build: Builds it: `build(request, **fixed, **options)`.
        task: What it predicts; None where that depends on the models it is made of, as its label space does.
        summary: One line for tables.
        fixed: Arguments that the name stands for, such as the backbone; the caller cannot change them.
    """

    build: Callable[..., SkinModel]
    task: Task | None
    summary: str
    fixed: Mapping[str, Any] = field(default_factory=dict)

    @property
    def options(self) -> list[str]:
        """Names of the options that the model takes."""
        return accepted_options(self.build, skip=("request", *self.fixed))


MODELS: Registry[ModelEntry] = Registry("model")


def register_model(name: str, entry: ModelEntry, *, aliases: Iterable[str] = (), **facets: Any) -> None:
    """Add a model; `facets` and its task can be searched for with `list_models`."""
    MODELS.register(name, aliases=aliases, task=entry.task, **facets)(entry)
