"""Learned weights of the parts. Oracles: the paper's formula, and its minimum in closed form."""

import math

import pytest
import torch

from skinzoo.errors import ConfigError
from skinzoo.losses import CrossEntropy, MaskBCE, UncertaintyLoss, create_loss, default_loss
from skinzoo.types import IGNORE_INDEX, Batch, ModelOutput

NAMES = ["classification_loss", "segmentation_loss"]


def case(n=6):
    generator = torch.Generator().manual_seed(0)
    output = ModelOutput(
        torch.randn(n, 3, generator=generator, requires_grad=True),
        torch.randn(n, 1, 4, 4, generator=generator, requires_grad=True),
    )
    masks = (torch.rand(n, 1, 4, 4, generator=generator) < 0.4).float()
    labels = torch.randint(3, (n,), generator=generator)
    return output, Batch(torch.zeros(n, 3, 4, 4), labels, masks, [str(i) for i in range(n)])


def with_log_variances(*values):
    loss = UncertaintyLoss(CrossEntropy(), MaskBCE())
    with torch.no_grad():
        loss.log_variances.copy_(torch.tensor(values))
    return loss


def test_the_loss_is_that_of_the_paper():
    output, batch = case()
    values = with_log_variances(0.7, -1.3)(output, batch)
    parts = CrossEntropy()(output.logits, batch.labels), MaskBCE()(output.mask_logits, batch.masks)
    sigmas = [math.exp(0.7 / 2), math.exp(-1.3 / 2)]
    expected = sum(part.item() / sigma**2 + math.log(sigma) for part, sigma in zip(parts, sigmas, strict=True))
    assert values["loss"].item() == pytest.approx(expected, rel=1e-6)
    assert [values[name].item() for name in NAMES] == [part.item() for part in parts]


def test_the_weights_come_to_rest_where_the_formula_says():
    output, batch = case()
    loss = with_log_variances(0.0, 0.0)
    optimizer = torch.optim.SGD(loss.parameters(), lr=0.2)
    for _ in range(300):
        optimizer.zero_grad()
        values = loss(output, batch)
        values["loss"].backward()
        optimizer.step()
    expected = [math.log(2 * values[name].item()) for name in NAMES]
    assert loss.log_variances.tolist() == pytest.approx(expected, abs=1e-4)


@pytest.mark.parametrize("masks", [None, float("nan")])
def test_a_part_without_annotation_neither_counts_nor_moves(masks):
    output, batch = case()
    batch = batch._replace(masks=None if masks is None else torch.full_like(batch.masks, masks))
    loss = with_log_variances(0.5, 0.5)
    values = loss(output, batch)
    values["loss"].backward()
    assert values["loss"].item() == pytest.approx(values["classification_loss"].item() * math.exp(-0.5) + 0.25)
    assert loss.log_variances.grad[0] != 0
    assert loss.log_variances.grad[1] == 0
    assert (output.mask_logits.grad == 0).all()
    nothing = loss(output, batch._replace(labels=torch.full_like(batch.labels, IGNORE_INDEX)))
    assert nothing["loss"] == 0


def test_a_number_for_numbers_as_in_an_evaluation():
    loss = with_log_variances(0.7, -1.3)
    means = {"classification_loss": 0.6, "segmentation_loss": 0.2}
    value = loss.combine(means)
    assert type(value) is float
    tensors = loss.combine({name: torch.tensor(mean) for name, mean in means.items()})
    assert value == pytest.approx(tensors.item(), rel=1e-6)
    assert loss.combine({"segmentation_loss": 0.2}) == pytest.approx(0.2 * math.exp(1.3) - 0.65)


def test_what_was_learned_is_saved_but_not_printed():
    loss = with_log_variances(0.7, -1.3)
    other = UncertaintyLoss(CrossEntropy(), MaskBCE())
    assert str(loss) == str(other)
    other.load_state_dict(loss.state_dict())
    assert other.log_variances.tolist() == pytest.approx([0.7, -1.3])


def test_by_name():
    assert isinstance(default_loss("multitask", learned_weights=True), UncertaintyLoss)
    made = create_loss("uncertainty", classification=CrossEntropy(), segmentation=MaskBCE(), initial=-1.0)
    assert made.log_variances.tolist() == [-1.0, -1.0]
    for options in ({"task": "classification"}, {"task": "multitask", "segmentation_weight": 2.0}):
        with pytest.raises(ConfigError, match="learned_weights weighs the two parts"):
            default_loss(learned_weights=True, **options)
    with pytest.raises(ConfigError, match="give both"):
        UncertaintyLoss(CrossEntropy(), None)
    for options in ({"initial": float("nan")}, {"lr_scale": -1.0}):
        with pytest.raises(ConfigError, match="initial must be finite and lr_scale >= 0"):
            UncertaintyLoss(CrossEntropy(), MaskBCE(), **options)
