"""Gradual unfreezing: the head trains first, then more and more of the backbone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeVar

from torch import nn

from skinzoo.errors import CheckpointMismatchError, ConfigError
from skinzoo.registry import did_you_mean
from skinzoo.training.callbacks import Callback

if TYPE_CHECKING:
    from skinzoo.training.trainer import Trainer

T = TypeVar("T")


class GradualUnfreezing(Callback):
    """Lets parts of a model stand still at first, and releases one after the other.

    Howard, Ruder 2018, "Universal Language Model Fine-tuning for Text Classification", arXiv 1801.06146. What no stage
    names trains from the beginning; the first stage is released after `every` steps, the second after `2 * every` and
    so on. What stands still has no gradient, no weight decay and no optimiser state, and its BatchNorm statistics and
    dropout stand still too. Which parts these are is a function of the step alone, so a run can be interrupted.

    The gradients are computed and then left out, so a step takes the time of any other.

    Args:
        stages: For each stage the name of a module or parameter of the model, or several: `["backbone.layer4",
            "backbone.layer3", ["backbone.layer2", "backbone.layer1"], "backbone"]`. A name stands for everything below
            it that no earlier stage names. None for the children of the model's `backbone` or `encoder` that have
            weights, the last one first.
        every: Steps from one stage to the next, at least 1.

    Raises:
        ConfigError: A value makes no sense; when training starts, a name is not in the model or names nothing that
            trains.
        CheckpointMismatchError: A run is taken up that had other stages.
    """

    everywhere = True

    def __init__(self, stages: Sequence[str | Sequence[str]] | None = None, *, every: int) -> None:
        if not isinstance(every, int) or isinstance(every, bool) or every < 1:
            raise ConfigError(f"every must be a whole number of steps, at least 1; got {every!r}.")
        if isinstance(stages, str) or (stages is not None and not len(stages)):
            raise ConfigError(f"stages must be a list of names, got {stages!r}; None for the model's own order.")
        self.stages = None if stages is None else [[s] if isinstance(s, str) else list(s) for s in stages]
        self.every = every
        self._released = -1
        self._parameters: list[list[nn.Parameter]] = []
        self._modules: list[list[nn.Module]] = []

    def on_fit_start(self, trainer: Trainer) -> None:
        """Find what each stage names.

        Raises:
            ConfigError: A name is not in the model, or names nothing that trains.
        """
        model = trainer.model
        stages = _own_order(model) if self.stages is None else self.stages
        self._released = -1
        self._modules = _dealt(stages, list(model.named_modules()))
        parameters = [(name, p) for name, p in model.named_parameters() if p.requires_grad]
        self._parameters = _dealt(stages, parameters)
        for names, found in zip(stages, self._parameters, strict=True):
            if not found:
                known = [name for name, _ in model.named_modules() if name]
                raise ConfigError(f"{', '.join(names)}: nothing that trains; {did_you_mean(names[0], known)}")

    def on_step_start(self, trainer: Trainer, step: int) -> None:
        """Hold back what the step does not train."""
        assert trainer.run is not None
        released = min(step // self.every, len(self._parameters))
        if released != self._released:
            trainer.model.train()
            self._released = released
        for modules in self._modules[released:]:
            for module in modules:
                module.training = False  # evaluations put the whole model back into training mode
        trainer.run.stepper.withheld = [p for stage in self._parameters[released:] for p in stage]

    def state(self) -> dict[str, Any]:
        """The settings, to compare."""
        return {"stages": self.stages, "every": self.every}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Make sure that the run had the same stages.

        Raises:
            CheckpointMismatchError: It had others.
        """
        if state and dict(state) != self.state():
            raise CheckpointMismatchError(
                f"the run was begun with GradualUnfreezing(stages={state['stages']}, every={state['every']}), and now "
                f"it is stages={self.stages}, every={self.every}; give the same, or overwrite=True to start anew."
            )


def _own_order(model: nn.Module) -> list[list[str]]:
    """The children of the backbone that have weights, the last first; with the first goes all that is in none."""
    for trunk in ("backbone", "encoder"):
        if isinstance(found := getattr(model, trunk, None), nn.Module):
            children = [name for name, child in found.named_children() if any(p.ndim > 1 for p in child.parameters())]
            return [[f"{trunk}.{name}"] for name in reversed(children[1:])] + [[trunk]]
    raise ConfigError("the model has neither a backbone nor an encoder; name the stages.")


def _dealt(stages: Sequence[Sequence[str]], things: Sequence[tuple[str, T]]) -> list[list[T]]:
    """What belongs to each stage: everything at or below its names that is not in an earlier one."""
    dealt: list[list[T]] = [[] for _ in stages]
    for name, thing in things:
        for found, names in zip(dealt, stages, strict=True):
            if any(name == prefix or name.startswith(f"{prefix}.") for prefix in names):
                found.append(thing)
                break
    return dealt
