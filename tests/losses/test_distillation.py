"""Distillation. Oracles: the formula in NumPy, and a teacher whose answers are known."""

import numpy as np
import pytest
import torch
from torch import nn

from skinzoo.errors import ConfigError, LabelError
from skinzoo.losses import CrossEntropy, DistillationLoss, UncertaintyLoss, create_loss, default_loss
from skinzoo.taxonomy import ISIC9, ISIC2018, LabelSpace
from skinzoo.types import IGNORE_INDEX, Batch, InputSpec, ModelOutput, Task

PLAIN = InputSpec(size=(8, 8), mean=(0, 0, 0), std=(1, 1, 1))


class Fake(nn.Module):
    """What distillation asks a model for; its logits are a linear map of the mean colour."""

    metadata_encoder = None

    def __init__(self, task="multitask", space=ISIC2018, spec=PLAIN):
        super().__init__()
        torch.manual_seed(3)
        self.task, self.label_space, self.input_spec = Task(task), space, spec
        self.classes = nn.Linear(3, len(space or "none"))
        self.pixels = nn.Conv2d(3, 1, 1)
        self.drop = nn.Dropout(0.5)
        self.seen = []

    def inputs(self, batch):
        return (batch.images,)

    def forward(self, images):
        self.seen.append(images)
        return ModelOutput(
            self.classes(self.drop(images.mean((2, 3)))) if self.task.has_labels else None,
            self.pixels(images) if self.task.has_masks else None,
        )


def case(n=5):
    generator = torch.Generator().manual_seed(0)
    output = ModelOutput(
        3 * torch.randn(n, 7, generator=generator, requires_grad=True).detach().requires_grad_(),
        torch.randn(n, 1, 8, 8, generator=generator, requires_grad=True),
    )
    masks = (torch.rand(n, 1, 8, 8, generator=generator) < 0.4).float()
    labels = torch.randint(7, (n,), generator=generator)
    images = torch.rand(n, 3, 8, 8, generator=generator)
    return output, Batch(images, labels, masks, [str(i) for i in range(n)])


def softmax(x):
    return np.exp(x) / np.exp(x).sum(1, keepdims=True)


def soft(output, answer, temperature):
    p, q = (softmax(x.detach().double().numpy() / temperature) for x in (answer.logits, output.logits))
    divergence = (p * np.log(p / q)).sum(1).mean()
    t, z = (x.detach().double().numpy() for x in (answer.mask_logits.sigmoid(), output.mask_logits))
    s = 1 / (1 + np.exp(-z))
    return temperature**2 * divergence, -(t * np.log(s) + (1 - t) * np.log(1 - s)).mean()


@pytest.mark.parametrize("temperature", [1.0, 4.0])
def test_the_loss_equals_the_formula(temperature):
    output, batch = case()
    teacher = Fake()
    hard = default_loss("multitask", classification_weight=0.5)
    loss = DistillationLoss(teacher, Fake(), hard, temperature=temperature, weight=0.3)
    values = loss(output, batch)
    classes, masks = soft(output, teacher.eval()(batch.images), temperature)
    assert values["distillation_loss"].item() == pytest.approx(classes + masks, rel=1e-5)
    assert values["loss"].item() == pytest.approx(0.7 * hard(output, batch)["loss"].item() + 0.3 * (classes + masks))
    assert loss.combine({k: v.item() for k, v in values.items() if k != "loss"}) == pytest.approx(values["loss"].item())


def test_a_student_that_agrees_has_nothing_to_learn():
    _, batch = case()
    teacher = Fake("classification")
    student = ModelOutput(teacher.eval()(batch.images).logits.detach().requires_grad_())
    loss = DistillationLoss(teacher, teacher, default_loss("classification"), weight=1.0)
    value = loss(student, batch)["loss"]
    value.backward()
    assert value.item() == pytest.approx(0, abs=1e-6)
    assert student.logits.grad.abs().max() < 1e-6


def test_only_what_both_predict_is_compared():
    output, batch = case()
    both = DistillationLoss(Fake(), Fake(), default_loss("multitask"))(output, batch)["distillation_loss"]
    single = [
        DistillationLoss(Fake(task), Fake(), default_loss("multitask"))(output, batch)["distillation_loss"]
        for task in ("classification", "segmentation")
    ]
    assert sum(single).item() == pytest.approx(both.item())
    only = DistillationLoss(Fake(), Fake("classification"), default_loss("classification"))
    value = only(output._replace(mask_logits=None), batch)
    assert value["distillation_loss"].item() == pytest.approx(single[0].item())


def test_samples_without_annotation_are_learned_from_and_padding_is_not():
    output, batch = case()
    bare = batch._replace(labels=torch.full_like(batch.labels, IGNORE_INDEX), masks=None)
    loss = DistillationLoss(Fake(), Fake(), default_loss("multitask"), weight=0.25)
    values = loss(output, bare)
    assert values["loss"].item() == pytest.approx(0.25 * values["distillation_loss"].item())
    assert values["distillation_loss"] > 0
    assert [int(m) for m in loss.mass(bare).values()] == [0, 0, 5]
    assert [int(m) for m in loss.mass(bare._replace(padding=True)).values()] == [0, 0, 0]
    assert loss(output, bare._replace(padding=True))["loss"] == 0


def test_the_teacher_stays_as_it_is_and_is_no_part_of_the_loss():
    output, batch = case()
    teacher = Fake().train()
    loss = DistillationLoss(teacher, Fake(), default_loss("multitask", class_weights=[1.0] * 7))
    loss(output, batch)["loss"].backward()
    assert not teacher.training
    assert all(p.grad is None for p in teacher.parameters())
    assert not list(loss.parameters())
    assert list(loss.state_dict()) == ["classification.weight"]
    loss.to("meta")
    assert {p.device.type for p in teacher.parameters()} == {"meta"}, "it moves with the loss"


def test_the_teacher_sees_the_pictures_as_it_knows_them():
    output, batch = case()
    ours, theirs = InputSpec(size=(8, 8)), InputSpec(size=(16, 16), mean=(0.5,) * 3, std=(0.25,) * 3)
    teacher = Fake(spec=theirs)
    loss = DistillationLoss(teacher, Fake(spec=ours), default_loss("multitask"))
    plain = torch.full((5, 3, 8, 8), 0.3)
    normalised = (plain - torch.tensor(ours.mean)[:, None, None]) / torch.tensor(ours.std)[:, None, None]
    loss(output, batch._replace(images=normalised))
    torch.testing.assert_close(teacher.seen[0], torch.full((5, 3, 16, 16), (0.3 - 0.5) / 0.25))


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
def test_half_precision_stays_finite(dtype):
    output, batch = case()
    large = ModelOutput(*((1e4 * x.detach().sign()).to(dtype).requires_grad_() for x in output))
    teacher = Fake()
    value = DistillationLoss(teacher, Fake(), default_loss("multitask"))(large, batch)["loss"]
    value.backward()
    assert value.isfinite()
    assert value.dtype == torch.float32
    assert all(x.grad.isfinite().all() for x in large)


def test_pairs_that_make_no_sense():
    hard = default_loss("multitask")
    with pytest.raises(LabelError, match=r"teacher has 9 classes .*, the student 7"):
        DistillationLoss(Fake(space=ISIC9), Fake(), hard)
    with pytest.raises(LabelError, match="same names in the same order"):
        DistillationLoss(Fake(space=LabelSpace("other", tuple(reversed(ISIC2018.classes)))), Fake(), hard)
    with pytest.raises(ConfigError, match="a segmentation model has nothing to teach a classification model"):
        DistillationLoss(Fake("segmentation", None), Fake("classification"), default_loss("classification"))
    with pytest.raises(ConfigError, match="plain MultiTaskLoss, got UncertaintyLoss"):
        DistillationLoss(Fake(), Fake(), UncertaintyLoss(CrossEntropy(), CrossEntropy()))
    for options in ({"temperature": 0.0}, {"weight": 0.0}, {"weight": 1.5}, {"temperature": float("nan")}):
        with pytest.raises(ConfigError, match="temperature must be > 0 and weight in"):
            create_loss("distillation", teacher=Fake(), student=Fake(), hard=hard, **options)
    with_metadata = Fake()
    with_metadata.metadata_encoder = "age"
    with pytest.raises(ConfigError, match="takes metadata"):
        DistillationLoss(with_metadata, Fake(), hard)


def test_another_teacher_prints_otherwise():
    one, same, other = Fake(), Fake(), Fake()
    with torch.no_grad():
        other.classes.bias += 1e-6
    texts = [str(DistillationLoss(t, Fake(), default_loss("multitask"))) for t in (one, same, other)]
    assert texts[0] == texts[1] != texts[2]
