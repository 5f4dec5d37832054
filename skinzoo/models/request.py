"""What a builder of models receives."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from skinzoo.models.base import ModelConfig
from skinzoo.models.catalogue import Builder
from skinzoo.taxonomy import LabelSpace
from skinzoo.types import InputSpec, Task


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
    build: Builder | None = None

    @property
    def num_classes(self) -> int:
        """Number of logits; 0 for a segmenter."""
        return len(self.label_space) if self.label_space else 0

    def config(self, input_spec: InputSpec) -> ModelConfig:
        """The configuration of the model that is being built, with `input_spec` unless the caller gave one."""
        return ModelConfig(self.architecture, self.task, self.input_spec or input_spec, self.label_space, self.options)
