"""Learning from another model's answers as well as from the annotations."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from typing import Any, Protocol

import torch
import torch.nn.functional as F
from torch import Tensor

from skinzoo.errors import ConfigError, LabelError
from skinzoo.losses.multitask import MultiTaskLoss, Number
from skinzoo.losses.reduction import full_precision
from skinzoo.losses.registry import LOSSES
from skinzoo.taxonomy import LabelSpace
from skinzoo.types import Batch, InputSpec, ModelOutput, Task


class Model(Protocol):
    """What is needed of teacher and student; every `SkinModel` has it."""

    @property
    def task(self) -> Task:
        """What it predicts."""
        ...

    @property
    def label_space(self) -> LabelSpace | None:
        """Names of its classes."""
        ...

    @property
    def input_spec(self) -> InputSpec:
        """What it wants to see."""
        ...

    @property
    def metadata_encoder(self) -> object | None:
        """Encodes metadata for it; None if it sees pictures alone."""
        ...

    def state_dict(self) -> Mapping[str, Tensor]:
        """Its weights."""
        ...


@LOSSES.register("distillation", task="multitask")
class DistillationLoss(MultiTaskLoss):
    """`(1 - weight) * hard + weight * soft`, where soft compares the student's answers with a teacher's.

    Hinton, Vinyals, Dean 2015, "Distilling the Knowledge in a Neural Network", arXiv 1503.02531. For classes, soft is
    `temperature^2 * KL(teacher || student)` of the probabilities at that temperature; for masks, which the paper does
    not have, it is the binary cross-entropy against the teacher's probabilities. It needs no annotation: samples
    without label or mask are learned from too. What only one of the two models predicts is left out.

    The teacher sees the very pictures that the student sees, mixed ones as well, normalised and resized to its own
    input specification. It is put into evaluation mode and moves with the loss (`loss.to(device)`), but it is no part
    of it: it has no parameters here, is not trained and not saved.

    Args:
        teacher: A trained model.
        student: The model that will be trained.
        hard: The loss against the annotations, such as `default_loss(student.task)`.
        temperature: Above 1, more is learned from the small probabilities; > 0.
        weight: Of the soft part, in (0, 1]; with 1 the annotations are not used.

    Raises:
        ConfigError: The models have no task in common, the teacher takes metadata that the student does not take,
            `hard` has learned weights, or a number is out of range.
        LabelError: Their classes differ in number, name or order.
    """

    def __init__(
        self, teacher: Model, student: Model, hard: MultiTaskLoss, *, temperature: float = 4.0, weight: float = 0.5
    ) -> None:
        if type(hard) is not MultiTaskLoss:
            raise ConfigError(f"hard must be a plain MultiTaskLoss, got {type(hard).__name__}; see default_loss.")
        if not 0 < temperature < float("inf") or not 0 < weight <= 1:
            raise ConfigError(
                f"temperature must be > 0 and weight in (0, 1]; got temperature={temperature}, weight={weight}."
            )
        super().__init__(
            hard.classification,
            hard.segmentation,
            classification_weight=hard.classification_weight,
            segmentation_weight=hard.segmentation_weight,
        )
        self.classes = teacher.task.has_labels and student.task.has_labels
        self.masks = teacher.task.has_masks and student.task.has_masks
        if not (self.classes or self.masks):
            raise ConfigError(f"a {teacher.task} model has nothing to teach a {student.task} model.")
        if self.classes:
            _check_classes(teacher.label_space, student.label_space)
        if teacher.metadata_encoder not in (None, student.metadata_encoder):
            raise ConfigError("the teacher takes metadata that the student does not get in the same form.")
        self.temperature = temperature
        self.weight = weight
        self._teacher: list[Any] = [teacher]  # in a list, so that it is not registered as a part
        self._weights = _fingerprint(teacher.state_dict())
        theirs, ours = teacher.input_spec, student.input_spec
        gain, shift = _renormalisation(ours, theirs)
        self.gain: Tensor
        self.shift: Tensor
        self.register_buffer("gain", gain, persistent=False)
        self.register_buffer("shift", shift, persistent=False)

    @property
    def teacher(self) -> Any:
        """The teacher."""
        return self._teacher[0]

    def parts(self, output: ModelOutput, batch: Batch) -> dict[str, Tensor]:
        """The parts of the hard loss, and `"distillation_loss"`; arguments and errors as for `MultiTaskLoss`."""
        return super().parts(output, batch) | {"distillation_loss": self._soft(output, batch)}

    def mass(self, batch: Batch) -> dict[str, Tensor]:
        """As for `MultiTaskLoss`; of the soft part, the number of samples."""
        return super().mass(batch) | {
            "distillation_loss": batch.labels.new_tensor(0 if batch.padding else len(batch.labels))
        }

    def weighted(self, name: str, part: Number) -> Number:
        """What a part adds to the loss; arguments as for `MultiTaskLoss`."""
        if name == "distillation_loss":
            return part * self.weight
        return super().weighted(name, part) * (1 - self.weight)

    def _soft(self, output: ModelOutput, batch: Batch) -> Tensor:
        some = output.logits if output.logits is not None else output.mask_logits
        assert some is not None
        answer = self._ask(batch, some.dtype)
        loss = some.new_zeros((), dtype=torch.float32)
        if self.classes:
            assert output.logits is not None
            assert answer.logits is not None
            own, target = (full_precision(x) / self.temperature for x in (output.logits, answer.logits))
            divergence = F.kl_div(own.log_softmax(1), target.log_softmax(1), reduction="batchmean", log_target=True)
            loss = loss + self.temperature**2 * divergence
        if self.masks:
            assert output.mask_logits is not None
            assert answer.mask_logits is not None
            theirs = _resized(full_precision(answer.mask_logits), output.mask_logits.shape[-2:])
            loss = loss + F.binary_cross_entropy_with_logits(full_precision(output.mask_logits), theirs.sigmoid())
        return loss

    @torch.no_grad()
    def _ask(self, batch: Batch, precision: torch.dtype) -> ModelOutput:
        """The teacher's answer, in the precision that the student computes in."""
        if self.teacher.training:
            self.teacher.eval()
        pictures = _resized(batch.images * self.gain + self.shift, self.teacher.input_spec.size)
        half = precision in (torch.float16, torch.bfloat16)
        with torch.autocast(batch.images.device.type, precision if half else torch.bfloat16, enabled=half):
            answer: ModelOutput = self.teacher(*self.teacher.inputs(batch._replace(images=pictures)))
        return answer

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> DistillationLoss:
        self.teacher._apply(fn, recurse)
        super()._apply(fn, recurse)  # type: ignore[no-untyped-call]
        return self

    def extra_repr(self) -> str:
        """Options, for `print`, and which teacher it is."""
        name = getattr(getattr(self.teacher, "config", None), "architecture", type(self.teacher).__name__)
        return f"teacher={name} {self._weights}, temperature={self.temperature}, weight={self.weight}"


def _check_classes(theirs: LabelSpace | None, ours: LabelSpace | None) -> None:
    assert theirs is not None
    assert ours is not None
    numbered = "numbered" in (theirs.name, ours.name) and len(theirs) == len(ours)
    if theirs.classes != ours.classes and not numbered:
        raise LabelError(
            f"the teacher has {len(theirs)} classes ({', '.join(theirs)}), the student {len(ours)} "
            f"({', '.join(ours)}); the same names in the same order are needed."
        )


def _renormalisation(ours: InputSpec, theirs: InputSpec) -> tuple[Tensor, Tensor]:
    """Factor and summand (3, 1, 1) that turn pictures normalised for one model into those of another."""
    (mean, std), (other_mean, other_std) = (
        (torch.tensor(s.mean, dtype=torch.float64), torch.tensor(s.std, dtype=torch.float64)) for s in (ours, theirs)
    )
    gain, shift = std / other_std, (mean - other_mean) / other_std
    return gain.float()[:, None, None], shift.float()[:, None, None]


def _resized(tensor: Tensor, size: Any) -> Tensor:
    if tuple(tensor.shape[-2:]) == tuple(size):
        return tensor
    return F.interpolate(tensor, size=tuple(size), mode="bilinear", antialias=True)


def _fingerprint(tensors: Mapping[str, Tensor]) -> str:
    """The beginning of a sha256 over all weights: a run is not to go on with another teacher."""
    digest = hashlib.sha256()
    for name, tensor in tensors.items():
        data = tensor.detach().cpu().contiguous().flatten().view(torch.uint8)
        digest.update(name.encode() + data.numpy().tobytes())
    return digest.hexdigest()[:12]
