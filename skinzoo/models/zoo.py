"""The names of the zoo's models, and what a timm network's name with a beginning or an ending stands for.

Everything here is known without PyTorch; what builds a model is imported when one is built.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from skinzoo.models.catalogue import ENSEMBLE, MODELS, Builder, Deferred, ModelEntry, register_model
from skinzoo.types import Task


@dataclass(frozen=True)
class Form:
    """What a beginning or an ending of a name such as `<timm name>_head` stands for.

    Attributes:
        build: Builds the model: `build(request, backbone=..., **fixed, **options)`.
        meaning: For summaries.
        task: What such a model predicts.
        fixed: Arguments that the name stands for.
    """

    build: Builder
    meaning: str
    task: Task = Task.CLASSIFICATION
    fixed: Mapping[str, Any] = field(default_factory=dict)


def _simple_cnn() -> Builder:
    from skinzoo.models.simple_cnn import build_simple_cnn

    return build_simple_cnn


def _classifier() -> Builder:
    from skinzoo.models.timm_classifier import build_classifier

    return build_classifier


def _metadata_classifier() -> Builder:
    from skinzoo.models.metadata_classifier import build_metadata_classifier

    return build_metadata_classifier


def _segmenter() -> Builder:
    from skinzoo.models.unet import build_segmenter

    return build_segmenter


def _multitask() -> Builder:
    from skinzoo.models.unet import build_unet

    return build_unet


def _ensemble() -> Builder:
    from skinzoo.models.ensemble import build_ensemble

    return build_ensemble


FORMS = {
    "scratch": Form(Deferred(_classifier), "random start, all of it trains", fixed={"strategy": "scratch"}),
    "head": Form(Deferred(_classifier), "ImageNet start, only the head trains", fixed={"strategy": "head"}),
    "finetuned": Form(Deferred(_classifier), "ImageNet start, all of it trains", fixed={"strategy": "finetuned"}),
    "metadata": Form(
        Deferred(_metadata_classifier),
        "ImageNet start, all of it trains, with metadata (age, sex, site ...) as a second input",
    ),
}
"""Every ending that a timm network's name can take."""

PREFIXES = {
    "unet": Form(Deferred(_segmenter), "encoder of a U-Net", Task.SEGMENTATION),
    "multitask": Form(Deferred(_multitask), "shared encoder of class and mask", Task.MULTITASK),
}
"""Every beginning that it can take."""


def resolve_entry(name: str) -> tuple[str, ModelEntry]:
    """Canonical name and entry of a registered model, or of a timm network with a beginning or an ending.

    Raises:
        UnknownNameError: Neither; the message lists close matches.
    """
    if name not in MODELS and (entry := _timm_entry(name)) is not None:
        return name, entry
    found = MODELS.resolve(name)
    return found.name, found.obj


def _timm_entry(name: str) -> ModelEntry | None:
    """The entry that `<timm name>_<ending>` or `<beginning>_<timm name>` stands for; None for any other name."""
    start, _, rest = name.partition("_")
    backbone, _, ending = name.rpartition("_")
    if (form := FORMS.get(ending)) is None:
        backbone, form = rest, PREFIXES.get(start)
    if form is None:
        return None
    import timm
    from timm.models import is_model_pretrained

    if not timm.is_model(backbone):
        return None
    if "." in backbone and not is_model_pretrained(backbone):  # a tag that timm does not have
        return None
    summary = f"timm's {backbone}: {form.meaning}"
    return ModelEntry(form.build, form.task, summary, {"backbone": backbone, **form.fixed})


register_model(
    "simple_cnn",
    ModelEntry(
        Deferred(_simple_cnn),
        Task.CLASSIFICATION,
        "two convolutions and a dense layer, 3.3 M parameters, random start",
    ),
    family="simple_cnn",
    strategy="scratch",
)

for _depth in (18, 34, 50):
    _fixed = {"backbone": f"resnet{_depth}"}
    for _ending, _form in FORMS.items():
        register_model(
            f"resnet{_depth}_{_ending}",
            ModelEntry(
                _form.build, _form.task, f"ResNet-{_depth} classifier: {_form.meaning}", {**_fixed, **_form.fixed}
            ),
            family="resnet",
            strategy=_ending,
        )

for _depth in (18, 34, 50):
    _fixed = {"backbone": f"resnet{_depth}"}
    register_model(
        f"unet_resnet{_depth}",
        ModelEntry(Deferred(_segmenter), Task.SEGMENTATION, f"U-Net with a ResNet-{_depth} encoder", _fixed),
        family="unet",
    )
    register_model(
        f"multitask_resnet{_depth}",
        ModelEntry(
            Deferred(_multitask),
            Task.MULTITASK,
            f"class and mask from one shared ResNet-{_depth} encoder",
            _fixed,
        ),
        aliases=["multitask"] if _depth == 18 else [],
        family="multitask",
    )

register_model(
    ENSEMBLE,
    ModelEntry(Deferred(_ensemble), None, "several models as one: the mean of their probabilities or logits"),
    family="ensemble",
)
