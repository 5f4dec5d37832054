"""Cross-entropy, focal loss and hard examples. Oracles: PyTorch's cross-entropy, and the formulas in NumPy."""

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from skinzoo.errors import ConfigError, LabelError
from skinzoo.losses import CrossEntropy, FocalLoss, HardExampleLoss
from skinzoo.types import IGNORE_INDEX

LOSSES = [CrossEntropy, FocalLoss, HardExampleLoss]
WEIGHT = [0.5, 2.0, 1.0, 0.25]


def case(seed=0, n=12, num_classes=4, scale=3.0):
    generator = torch.Generator().manual_seed(seed)
    logits = scale * torch.randn(n, num_classes, generator=generator, dtype=torch.float64)
    return logits, torch.randint(num_classes, (n,), generator=generator)


def softmax(logits):
    powers = np.exp(logits - logits.max(axis=1, keepdims=True))
    return powers / powers.sum(axis=1, keepdims=True)


@pytest.mark.parametrize("weight", [None, WEIGHT])
@pytest.mark.parametrize("smoothing", [0.0, 0.1])
@pytest.mark.parametrize("ignored", [0, 5])
def test_cross_entropy_and_focal_without_gamma_equal_pytorch(weight, smoothing, ignored):
    logits, labels = case()
    labels[:ignored] = IGNORE_INDEX
    weights = None if weight is None else torch.tensor(weight, dtype=torch.float64)
    expected = F.cross_entropy(logits, labels, weight=weights, label_smoothing=smoothing)
    assert torch.allclose(CrossEntropy(weights, smoothing)(logits, labels), expected, rtol=0, atol=1e-12)
    assert torch.allclose(FocalLoss(0.0, weights, smoothing)(logits, labels), expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("gamma", [0.5, 1.0, 2.0, 5.0])
@pytest.mark.parametrize("weight", [None, WEIGHT])
def test_focal_equals_the_paper(gamma, weight):
    logits, labels = case(seed=1)
    p = softmax(logits.numpy())[np.arange(12), labels.numpy()]
    alpha = np.ones(4) if weight is None else np.array(weight)
    expected = (alpha[labels] * (1 - p) ** gamma * -np.log(p)).sum() / alpha[labels].sum()
    assert FocalLoss(gamma, weight)(logits, labels).item() == pytest.approx(expected, abs=1e-10)


def test_focal_plays_easy_samples_down():
    easy, hard = torch.tensor([[4.0, 0.0]]), torch.tensor([[0.0, 4.0]])
    label = torch.tensor([0])
    share = FocalLoss(2.0)(easy, label) / CrossEntropy()(easy, label)
    assert share.item() == pytest.approx((1 - torch.sigmoid(torch.tensor(4.0)).item()) ** 2, rel=1e-4)
    assert FocalLoss(2.0)(hard, label) / CrossEntropy()(hard, label) > 0.95


@pytest.mark.parametrize("loss", [CrossEntropy(WEIGHT, 0.1), FocalLoss(2.0, WEIGHT, 0.1), FocalLoss(0.5), FocalLoss(0)])
def test_gradient_by_finite_differences(loss):
    logits, labels = case(seed=2, n=5)
    labels[0] = IGNORE_INDEX
    assert torch.autograd.gradcheck(lambda x: loss(x, labels), logits.requires_grad_(), eps=1e-6, atol=1e-5)


@pytest.mark.parametrize("loss", LOSSES)
def test_weight_of_one_equals_none(loss):
    logits, labels = case(seed=3)
    assert torch.allclose(loss(weight=[1.0] * 4)(logits, labels), loss()(logits, labels), rtol=0, atol=1e-12)


@pytest.mark.parametrize("loss", LOSSES)
def test_renaming_the_classes_or_reordering_the_batch_changes_nothing(loss):
    logits, labels = case(seed=4)
    weight = torch.tensor(WEIGHT)
    expected = loss(weight=weight)(logits, labels)
    names, rows = torch.tensor([2, 0, 3, 1]), torch.randperm(12, generator=torch.Generator().manual_seed(0))
    renamed = loss(weight=weight[names])(logits[:, names], names.argsort()[labels])
    assert torch.allclose(renamed, expected, rtol=0, atol=1e-12)
    assert torch.allclose(loss(weight=weight)(logits[rows], labels[rows]), expected, rtol=0, atol=1e-12)


@pytest.mark.parametrize("loss", LOSSES)
def test_unlabelled_samples_count_nothing_and_get_no_gradient(loss):
    logits, labels = case(seed=5)
    mixed = labels.clone()
    mixed[::2] = IGNORE_INDEX
    logits.requires_grad_()
    value = loss(weight=WEIGHT, label_smoothing=0.1)(logits, mixed)
    assert torch.allclose(value, loss(weight=WEIGHT, label_smoothing=0.1)(logits[1::2], labels[1::2]), atol=1e-12)
    value.backward()
    assert (logits.grad[::2] == 0).all()
    assert (logits.grad[1::2] != 0).any()


def hardest(logits, labels, keep, weight=None):
    """The formula: the weighted losses, sorted, the largest of them summed up."""
    rows = np.flatnonzero(labels != IGNORE_INDEX)
    if not len(rows):
        return 0.0
    w = np.ones(len(rows)) if weight is None else np.array(weight)[labels[rows]]
    losses = np.sort(w * -np.log(softmax(logits)[rows, labels[rows]]))[::-1]
    number = int(np.ceil(round(keep * len(rows), 6)))
    return losses[:number].sum() / (w.sum() * number / len(rows))


@pytest.mark.parametrize("keep", [0.01, 0.25, 0.5, 0.55, 0.7, 1.0])
@pytest.mark.parametrize("weight", [None, WEIGHT])
@pytest.mark.parametrize("ignored", [0, 1, 11, 12])
def test_the_hardest_examples_equal_the_formula(keep, weight, ignored):
    logits, labels = case(seed=6)
    labels[:ignored] = IGNORE_INDEX
    loss = HardExampleLoss(keep, weight)
    assert loss(logits, labels).item() == pytest.approx(hardest(logits.numpy(), labels.numpy(), keep, weight), abs=1e-6)
    if keep == 1:
        assert torch.allclose(loss(logits, labels), CrossEntropy(weight)(logits, labels), rtol=0, atol=1e-12)
    number = (
        loss.mass(labels) if weight is None else loss.mass(labels) / CrossEntropy(weight).mass(labels) * (12 - ignored)
    )
    if ignored < 12:
        assert number.item() == pytest.approx(max(1, np.ceil(round(keep * (12 - ignored), 6))))


def test_easy_examples_get_no_gradient_and_of_equals_the_earlier_are_kept():
    logits, labels = torch.zeros(5, 3, requires_grad=True), torch.tensor([IGNORE_INDEX, 0, 1, 2, 0])
    HardExampleLoss(0.5)(logits, labels).backward()
    assert (logits.grad != 0).any(1).tolist() == [False, True, True, False, False]


@pytest.mark.parametrize("keep", [0, -0.5, 1.5, float("nan")])
def test_share_to_keep_out_of_range(keep):
    with pytest.raises(ConfigError, match="keep must lie"):
        HardExampleLoss(keep)


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("dtype", [torch.float16, torch.float64])
@pytest.mark.parametrize("smoothing", [0.0, 0.1])
def test_a_batch_without_labels_gives_zero_and_stays_in_the_graph(loss, dtype, smoothing):
    logits = (1e4 * torch.randn(3, 4, dtype=torch.float64)).to(dtype).requires_grad_()
    value = loss(weight=WEIGHT, label_smoothing=smoothing)(logits, torch.full((3,), IGNORE_INDEX))
    assert value.item() == 0.0
    value.backward()
    assert (logits.grad == 0).all()


@pytest.mark.parametrize(
    "loss", [CrossEntropy(), FocalLoss(), FocalLoss(0.5), FocalLoss(0.0), FocalLoss(2.0, None, 0.1)]
)
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16, torch.float32, torch.float64])
def test_extreme_logits_stay_finite(loss, dtype):
    logits = torch.tensor([[1e4, -1e4, 0], [-1e4, 1e4, 0], [0, 0, 0]], dtype=dtype, requires_grad=True)
    value = loss(logits, torch.tensor([0, 0, 2]))
    value.backward()
    assert value.isfinite()
    assert value > 1000
    assert logits.grad.isfinite().all()


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_under_autocast_close_to_full_precision(loss, dtype):
    layer = torch.nn.Linear(8, 4)
    x, labels = torch.randn(6, 8), torch.tensor([0, 1, 2, 3, 0, IGNORE_INDEX])
    full = loss()(layer(x), labels)
    with torch.autocast("cpu", dtype=dtype):
        half = loss()(layer(x), labels)
    half.backward()
    assert half.dtype == torch.float32
    assert torch.allclose(half, full, rtol=0.02)
    assert layer.weight.grad.isfinite().all()


@pytest.mark.parametrize("loss", LOSSES)
def test_labels_of_another_label_space_are_named(loss):
    with pytest.raises(LabelError, match=r"between 0 and 3 .* got \[-1, 7\]\. Was the model made with another"):
        loss()(torch.zeros(3, 4), torch.tensor([7, -1, 0]))


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"label_smoothing": 1.0}, "label_smoothing"),
        ({"label_smoothing": -0.1}, "label_smoothing"),
        ({"weight": [1.0, -1.0]}, "class weights"),
        ({"weight": [1.0, float("nan")]}, "class weights"),
        ({"weight": [[1.0]]}, "class weights"),
    ],
)
def test_options_out_of_range(loss, options, message):
    with pytest.raises(ConfigError, match=message):
        loss(**options)


def test_negative_gamma():
    with pytest.raises(ConfigError, match="gamma"):
        FocalLoss(-1.0)


@pytest.mark.parametrize("loss", LOSSES)
def test_shapes_that_do_not_fit(loss):
    with pytest.raises(ConfigError, match=r"logits \(N, C\)"):
        loss()(torch.zeros(3, 4), torch.zeros(2, dtype=torch.long))
    with pytest.raises(ConfigError, match="2 class weights for logits of 4 classes"):
        loss(weight=[1.0, 1.0])(torch.zeros(3, 4), torch.zeros(3, dtype=torch.long))
