"""The loss of a step equals its parts computed separately, whatever is annotated."""

import pytest
import torch

from skinzoo.errors import ConfigError, UnknownNameError
from skinzoo.losses import CrossEntropy, DiceBCE, FocalLoss, MaskBCE, MultiTaskLoss, default_loss
from skinzoo.types import IGNORE_INDEX, Batch, ModelOutput, Task

IDS = ["a", "b", "c", "d"]


@pytest.fixture
def output():
    torch.manual_seed(0)
    return ModelOutput(torch.randn(4, 3, requires_grad=True), torch.randn(4, 1, 6, 6, requires_grad=True))


@pytest.fixture
def batch():
    torch.manual_seed(1)
    return Batch(torch.zeros(4, 3, 6, 6), torch.tensor([0, 2, 1, 1]), (torch.rand(4, 1, 6, 6) < 0.4).float(), IDS)


def test_weighted_sum_of_the_parts(output, batch):
    loss = MultiTaskLoss(FocalLoss(), DiceBCE(), classification_weight=0.5, segmentation_weight=2.0)
    parts = loss(output, batch)
    assert list(parts) == ["loss", "classification_loss", "segmentation_loss"]
    assert parts["classification_loss"] == FocalLoss()(output.logits, batch.labels)
    assert parts["segmentation_loss"] == DiceBCE()(output.mask_logits, batch.masks)
    assert torch.allclose(parts["loss"], 0.5 * parts["classification_loss"] + 2.0 * parts["segmentation_loss"])


def test_mixed_annotations_equal_the_separate_computations(output, batch):
    labels, masks = batch.labels.clone(), batch.masks.clone()
    labels[:2], masks[1:3] = IGNORE_INDEX, float("nan")
    parts = MultiTaskLoss(CrossEntropy(), MaskBCE())(output, batch._replace(labels=labels, masks=masks))
    labelled, masked = [2, 3], [0, 3]
    expected = CrossEntropy()(output.logits[labelled], batch.labels[labelled])
    assert torch.allclose(parts["classification_loss"], expected)
    assert torch.allclose(parts["segmentation_loss"], MaskBCE()(output.mask_logits[masked], batch.masks[masked]))
    parts["loss"].backward()
    assert (output.logits.grad[:2] == 0).all()
    assert (output.mask_logits.grad[1:3] == 0).all()


@pytest.mark.parametrize("no_masks", [None, float("nan")])
def test_nothing_annotated_gives_zero_and_a_gradient_for_every_output(output, batch, no_masks):
    masks = None if no_masks is None else torch.full_like(batch.masks, no_masks)
    empty = batch._replace(labels=torch.full((4,), IGNORE_INDEX), masks=masks)
    parts = default_loss("multitask")(output, empty)
    assert [value.item() for value in parts.values()] == [0.0, 0.0, 0.0]
    parts["loss"].backward()
    assert (output.logits.grad == 0).all()
    assert (output.mask_logits.grad == 0).all()


@pytest.mark.parametrize(("task", "part"), [("classification", "logits"), ("segmentation", "mask_logits")])
def test_single_task(output, batch, task, part):
    only = ModelOutput(**{part: getattr(output, part)})
    parts = default_loss(task)(only, batch)
    assert list(parts) == ["loss", f"{task}_loss"]
    assert parts["loss"] == parts[f"{task}_loss"]
    both = default_loss(task)(output, batch)  # the output that the loss has no use for keeps its place in the graph
    assert both["loss"] == parts["loss"]
    both["loss"].backward()
    assert output.logits.grad is not None
    assert output.mask_logits.grad is not None


def test_output_without_use_cannot_overflow_in_half_precision(output, batch):
    large = torch.full((4, 1, 6, 6), 6e4, dtype=torch.float16, requires_grad=True)  # their sum is infinite
    loss = default_loss("classification")(output._replace(mask_logits=large), batch)["loss"]
    loss.backward()
    assert loss == CrossEntropy()(output.logits, batch.labels)
    assert (large.grad == 0).all()


def test_model_that_lacks_an_output_is_refused(output, batch):
    loss = default_loss(Task.MULTITASK)
    with pytest.raises(ConfigError, match=r"CrossEntropy needs the model's logits.*classification or multi-task model"):
        loss(output._replace(logits=None), batch)
    with pytest.raises(ConfigError, match=r"MaskBCE needs the model's mask_logits.*segmentation or multi-task model"):
        loss(output._replace(mask_logits=None), batch)


def test_default_loss_passes_its_options_on():
    loss = default_loss(
        "multitask",
        classification="focal",
        segmentation="dice_bce",
        class_weights=[1.0, 2.0, 3.0],
        label_smoothing=0.1,
        classification_weight=0.5,
        segmentation_weight=0.25,
    )
    assert isinstance(loss.classification, FocalLoss)
    assert isinstance(loss.segmentation, DiceBCE)
    assert loss.classification.weight.tolist() == [1.0, 2.0, 3.0]
    assert loss.classification.label_smoothing == 0.1
    assert (loss.classification_weight, loss.segmentation_weight) == (0.5, 0.25)
    assert default_loss("classification").segmentation is None
    assert default_loss("segmentation").classification is None


def test_combinations_that_make_no_sense():
    with pytest.raises(ConfigError, match="got neither"):
        MultiTaskLoss()
    with pytest.raises(ConfigError, match="segmentation_weight"):
        MultiTaskLoss(CrossEntropy(), segmentation_weight=-1)
    with pytest.raises(ConfigError, match="unknown task 'detection'"):
        default_loss("detection")
    with pytest.raises(ConfigError, match="'bce' is no classification loss; choose from cross_entropy, focal"):
        default_loss("classification", classification="bce")
    with pytest.raises(UnknownNameError, match="did you mean 'focal'"):
        default_loss("classification", classification="focall")
