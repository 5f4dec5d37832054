"""Which models there are, found without building one."""

from __future__ import annotations

from fnmatch import fnmatchcase

from skinzoo.models.catalogue import MODELS, ModelEntry
from skinzoo.models.zoo import FORMS, resolve_entry
from skinzoo.registry import check_options
from skinzoo.types import Task

_FACETS = ("family", "strategy")


def list_models(pattern: str | None = None, *, task: Task | str | None = None, **facets: str) -> list[str]:
    """Names that `create_model` takes.

    Args:
        pattern: Shell-style, such as `"resnet*"`. With a pattern, every timm backbone is searched too, as
            `<timm name>_scratch`, `_head`, `_finetuned` and `_metadata`; without one, only the zoo's own names are
            listed, and neither timm nor PyTorch is imported. `unet_<timm name>` and `multitask_<timm name>`, which most
            convolutional ones can be, never are.
        task: Only models of this task.
        **facets: Further restrictions: `family="unet"`, `strategy="head"`.
    """
    check_options(facets, _FACETS, of="list_models")
    wanted = Task(task) if task is not None else None
    names = MODELS.names(pattern or "*", task=wanted, **facets)
    if pattern is None or wanted not in (None, Task.CLASSIFICATION) or set(facets) - {"strategy"}:
        return names
    import timm

    forms = [form for form in FORMS if facets.get("strategy", form) == form]
    others = (f"{backbone}_{form}" for backbone in timm.list_models() for form in forms)
    return names + [name for name in others if name not in MODELS and fnmatchcase(name, pattern)]


def model_info(name: str) -> ModelEntry:
    """What is known about a model without building it: task, summary, options.

    Raises:
        UnknownNameError: No such model; the message lists close matches.
    """
    return resolve_entry(name)[1]
