"""One model from several of the same origin: the mean of their weights."""

from __future__ import annotations

import copy
from collections.abc import Sequence

import torch
from torch import Tensor

from skinzoo.errors import ConfigError
from skinzoo.models.agreement import named, shared_encoder, shared_space
from skinzoo.models.base import SkinModel


def average_weights(models: Sequence[SkinModel]) -> SkinModel:
    """The mean of several models' weights, as one model: an ensemble's gain for the price of one answer.

    Wortsman et al. 2022, "Model soups: averaging weights of multiple fine-tuned models improves accuracy without
    increasing inference time", arXiv 2203.05482. It works for models that were trained from the same weights, such as
    fine-tunings of one model with other settings, or states of one training. The mean of trainings that began with
    different random weights is worth nothing. Whether a model belongs into the mean is for the validation part to say.

    Args:
        models: At least two, of one architecture, the same classes and the same normalisation. They are not changed.

    Returns:
        A new model in evaluation mode, in the precision and on the device of the first, without calibration and
        operating points. Its `training_record` holds what any of them was trained on.

    Raises:
        ConfigError: Fewer than two, not models, not alike, or with weights that are no finite numbers.
    """
    given = list(models) if isinstance(models, Sequence) else []
    if len(given) < 2 or not all(isinstance(model, SkinModel) for model in given):
        raise ConfigError(f"average_weights takes a list of two models or more; got {models!r:.80}.")
    shared_space(given, None)
    shared_encoder(given)
    states = [model.state_dict() for model in given]
    for number, (model, state) in enumerate(zip(given, states, strict=True)):
        if difference := _difference(model, state, given[0], states[0]):
            raise ConfigError(f"{named(given, number)} {difference}; only models that are built alike have a mean.")
    average = copy.deepcopy(given[0]).eval()
    average.load_state_dict({name: _mean(name, [state[name] for state in states]) for name in states[0]})
    average.calibration = average.operating_points = average.training_record = None
    for model in given:
        if model.training_record is not None:
            average.training_record = model.training_record.after(average.training_record)
    return average


def _difference(model: SkinModel, state: dict[str, Tensor], first: SkinModel, wanted: dict[str, Tensor]) -> str:
    """What keeps a model from being averaged with the first; empty if nothing does."""
    if model.config.architecture != first.config.architecture:
        return f"is no {first.config.architecture}"
    ours, theirs = first.input_spec, model.input_spec
    if (ours.mean, ours.std) != (theirs.mean, theirs.std):
        return f"sees pictures normalised by {theirs.mean} and {theirs.std}, the first by {ours.mean} and {ours.std}"
    for name in dict.fromkeys([*wanted, *state]):
        if name not in state or name not in wanted:
            return f"{'lacks' if name in wanted else 'has'} {name}, unlike the first"
        if state[name].shape != wanted[name].shape:
            return f"has {name} of shape {tuple(state[name].shape)}, the first {tuple(wanted[name].shape)}"
    return ""


def _mean(name: str, tensors: list[Tensor]) -> Tensor:
    """In float64, so that no order of the models rounds otherwise; the first one's where it is no float."""
    if not tensors[0].is_floating_point():
        return tensors[0]
    total = torch.stack([tensor.detach().to("cpu", torch.float64) for tensor in tensors]).mean(0)
    if not total.isfinite().all():
        raise ConfigError(f"{name} is not finite in one of the models; there is no mean of such weights.")
    return total.to(tensors[0].dtype)
