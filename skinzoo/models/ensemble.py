"""Ensembles: several models that answer as one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import cast

from torch import Tensor, nn

from skinzoo.errors import ConfigError
from skinzoo.models.agreement import (
    check_views,
    checked_weights,
    named,
    shared_encoder,
    shared_space,
    shared_task,
)
from skinzoo.models.averaging import (
    Average,
    MaskMean,
    check_average,
    convert_images,
    mean_logits,
    resize,
)
from skinzoo.models.base import CamTarget, ModelConfig, SkinModel, calibrated_logits
from skinzoo.models.catalogue import ENSEMBLE
from skinzoo.models.members import MAX_DEPTH, MAX_MEMBERS, check_described, describe, given_members, restore
from skinzoo.models.request import BuildRequest
from skinzoo.models.zoo import resolve_entry
from skinzoo.types import Batch, InputSpec, ModelOutput


class Ensemble(SkinModel):
    """Several models that answer as one (Lakshminarayanan, Pritzel, Blundell 2017, "deep ensembles").

    Classes come from the members that have classes, masks from those that have masks. Each member sees the picture at
    its own size and in its own normalisation, and its own calibration is applied before the mean is taken; the
    ensemble's `calibration` is fitted on the mean and starts as None, as do its operating points. A mask of another
    size is brought to the size of the input as logits.

    It can be trained: the gradient goes through the mean to every member of a positive weight. Members that are trained
    one by one differ more, which is what an ensemble lives on. What any of them was trained on stands in its record.

    Args:
        config: How the ensemble was built, without its members.
        members: The models, which are used and not copied.
        average: `"probability"` or `"logit"`.
        weights: One for each member, normalised over those that answer; a member of weight 0 is not asked.

    Attributes:
        members: The models, in order.
        weights: One for each member.
    """

    def __init__(
        self, config: ModelConfig, members: Sequence[SkinModel], *, average: Average, weights: Sequence[float]
    ) -> None:
        super().__init__(config)
        self.members = nn.ModuleList(members)
        self.average: Average = average
        self.weights = tuple(weights)
        self.metadata_encoder = shared_encoder(members)
        for member in members:
            if member.training_record is not None:
                self.training_record = member.training_record.after(self.training_record)

    @property
    def config(self) -> ModelConfig:
        """How it was built; the members are described as they are now, with their calibration."""
        members = [describe(member) for member in self._models]
        return replace(self._config, options={"members": members, **self._config.options})

    @config.setter
    def config(self, value: ModelConfig) -> None:
        self._config = value

    @property
    def _models(self) -> list[SkinModel]:
        return [cast("SkinModel", member) for member in self.members]

    @property
    def input_spec(self) -> InputSpec:
        """What the ensemble wants to see; members see it converted."""
        return self._config.input_spec

    def inputs(self, batch: Batch) -> tuple[Tensor, ...]:
        """The pictures and, if a member takes it and the batch has it, the metadata."""
        known = batch.metadata if self.metadata_encoder is not None else None
        return (batch.images,) if known is None else (batch.images, known)

    def forward(self, images: Tensor, metadata: Tensor | None = None) -> ModelOutput:
        """The mean answer to a batch.

        Args:
            images: Float tensor (N, 3, H, W), normalised as `input_spec` says.
            metadata: What `metadata_encoder` makes of N rows; None if nothing is known.

        Raises:
            ConfigError: A tensor has another shape or type, or no member takes metadata.
        """
        self._check(images)
        if metadata is not None and self.metadata_encoder is None:
            raise ConfigError("none of the ensemble's members takes metadata; give pictures alone.")
        return self.predict_logits(images, metadata)

    def predict_logits(self, images: Tensor, metadata: Tensor | None = None) -> ModelOutput:
        """The mean as logits (N, classes) and mask logits (N, 1, H, W), float32; arguments as for `forward`."""
        spec, size = self.input_spec, (images.shape[2], images.shape[3])
        answers: list[Tensor] = []
        weights: list[float] = []
        masks = MaskMean(self.average)
        for member, weight in zip(self._models, self.weights, strict=True):
            if not weight:
                continue
            known = () if member.metadata_encoder is None or metadata is None else (metadata,)
            output = member(convert_images(images, spec, member.input_spec), *known)
            if output.logits is not None:
                answers.append(calibrated_logits(member, output.logits))
                weights.append(weight)
            if output.mask_logits is not None:
                masks.add(resize(output.mask_logits.float(), size), weight)
        logits = mean_logits(answers, weights, average=self.average) if answers else None
        return ModelOutput(logits=logits, mask_logits=masks.result())

    def cam_targets(self) -> list[CamTarget]:
        """There are none: each member has feature maps of its own.

        Raises:
            ConfigError: Always.
        """
        raise ConfigError(
            "an ensemble has no feature map of its own, so Grad-CAM has nowhere to look; explain the members one by "
            "one: model.members[0]."
        )


def build_ensemble(
    request: BuildRequest,
    *,
    members: Iterable[SkinModel | str] | None = None,
    average: Average = "probability",
    member_weights: Sequence[float] | None = None,
) -> SkinModel:
    """Build an ensemble.

    Args:
        request: What was asked for. The label space is that of the members, and needed only to build named ones;
            image size and input specification are the ensemble's and those of named members. By default the ensemble
            sees what its largest member sees.
        members: At most 32 models: built ones, which are put into evaluation mode; `local-dir:<folder>`,
            `hf-hub:<repository>` or `<architecture>.<tag>` for trained ones; or names, for new models without options.
            A member may be an ensemble of models.
        average: `"probability"` for the mean of the calibrated probabilities; `"logit"` for the mean of the calibrated
            logits.
        member_weights: One for each member, at least 0; None for equal ones. They are normalised, for classes over the
            members that have classes and for masks over those that have masks.

    Raises:
        ConfigError: No members or too many, members that differ in their classes, in the metadata that they take or in
            the part of the picture that they see, or weights that cannot be used.
    """
    check_average(average)
    models = _collected(request, members)
    _check_members(models)
    weights = checked_weights(member_weights, models)
    space = shared_space(models, request.label_space)
    task = shared_task(models)
    largest = max((member.input_spec for member in models), key=lambda spec: spec.size[0] * spec.size[1])
    spec = request.input_spec or replace(largest, size=request.image_size or largest.size)
    check_views(spec, models)
    config = ModelConfig(ENSEMBLE, task, spec, space, {"average": average, "member_weights": weights})
    return Ensemble(config, models, average=average, weights=weights)


def _collected(request: BuildRequest, members: object) -> list[SkinModel]:
    """The models that were asked for, or those of a saved ensemble."""
    if isinstance(members, str | Mapping | SkinModel) or not isinstance(members, Iterable):
        raise ConfigError(
            f"{ENSEMBLE} needs members=[...], a list of models, of names or of local-dir:<folder>; got {members!r:.80}."
        )
    given = list(members)
    if not given:
        raise ConfigError(f"{ENSEMBLE} needs at least one member; members is empty.")
    if not request.start_weights:
        check_described(given)
        return [restore(description, request) for description in given]
    return given_members(given, request)


def _check_members(models: list[SkinModel]) -> None:
    for number, member in enumerate(models):
        try:
            resolve_entry(member.config.architecture)
        except KeyError as error:
            raise ConfigError(
                f"{named(models, number)} is no registered model, so the ensemble could not be saved. Wrap the whole "
                "ensemble in with_tta, not its members; register a model of your own."
            ) from error
        if any(member is other for other in models[:number]):
            raise ConfigError(f"{named(models, number)} is given twice; use member_weights to count it more.")
    if (depth := 1 + max(map(_depth, models))) > MAX_DEPTH:
        raise ConfigError(f"ensembles of ensembles may be {MAX_DEPTH} deep, this one is {depth}.")
    if (count := sum(map(_size, models))) > MAX_MEMBERS:
        raise ConfigError(f"an ensemble may have {MAX_MEMBERS} models in all, this one has {count}.")
    if len(devices := {member.device for member in models}) > 1:
        raise ConfigError(f"the members are on different devices ({', '.join(map(str, devices))}); use model.to(...).")


def _depth(model: SkinModel) -> int:
    return 1 + max(map(_depth, model._models)) if isinstance(model, Ensemble) else 0


def _size(model: SkinModel) -> int:
    return sum(map(_size, model._models)) if isinstance(model, Ensemble) else 1
