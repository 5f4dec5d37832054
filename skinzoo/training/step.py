"""One optimiser step: forward, loss, backward, clip, update, average. Everything around it belongs elsewhere."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from skinzoo.losses import MultiTaskLoss
from skinzoo.models import SkinModel
from skinzoo.training.config import TrainConfig
from skinzoo.training.engine import Engine
from skinzoo.training.guard import Guard
from skinzoo.training.optim import build_optimizer
from skinzoo.training.precision import resolve_precision
from skinzoo.training.stopwatch import Stopwatch
from skinzoo.training.tally import Tally
from skinzoo.types import Batch

if TYPE_CHECKING:
    from timm.utils import ModelEmaV3

_HALF = {"bf16": torch.bfloat16, "fp16": torch.float16}


class Stepper:
    """Makes optimiser steps on a model, and holds what changes with them.

    A batch is worked through in `config.accumulate` pieces, on several processes at once; the gradient is that of the
    whole batch, whatever the pieces' sizes and however the annotations are spread over them.

    Args:
        model: On the engine's device.
        loss: On the same device.
        config: How to train.
        engine: This process.

    Attributes:
        precision: What it computes in.
        ema: Moving average of the weights, if `config.ema_decay` asks for one.
        tally: Training losses since the last evaluation.
        withheld: Parameters that the next step leaves as they are, as if they were frozen.
    """

    def __init__(self, model: SkinModel, loss: MultiTaskLoss, config: TrainConfig, engine: Engine) -> None:
        self.model = model
        self.loss = loss
        self.config = config
        self.engine = engine
        self.optimizer = build_optimizer(model, config, extra=loss)
        self.ema = _average(model, config)
        self.network = engine.wrap(model, compiled=config.compile)
        self.precision = resolve_precision(config.precision, engine.device)
        self.scaler = torch.amp.GradScaler(engine.device.type, enabled=self.precision == "fp16")
        self.tally = Tally()
        self.guard = Guard(engine, self.precision)
        self.withheld: Sequence[nn.Parameter] = ()
        self._trained = [p for group in self.optimizer.param_groups for p in group["params"]]

    @property
    def evaluated(self) -> SkinModel:
        """The model whose weights are judged and kept: the average, if there is one."""
        if self.ema is None:
            return self.model
        averaged: SkinModel = self.ema.module
        return averaged

    def step(self, batch: Batch, step: int, lr: float, watch: Stopwatch) -> None:
        """Make optimiser step number `step` (0 is the first) with a batch on the engine's device.

        Raises:
            DivergedError: The loss or the gradient is no longer finite.
        """
        for group in self.optimizer.param_groups:
            group["lr"] = lr * group.get("lr_scale", 1.0)
        pieces = list(_pieces(batch, self.config.accumulate))
        masses = [self.loss.mass(piece) for piece in pieces]
        whole = self._whole(masses)
        self.optimizer.zero_grad(set_to_none=True)
        losses: dict[str, Tensor] = {}
        for number, (piece, mass) in enumerate(zip(pieces, masses, strict=True)):
            with self._unsynchronised(last=number + 1 == len(pieces)):
                scale = None if whole is None else {k: mass[k] * self.engine.world_size / whole[k] for k in mass}
                with watch("forward"):
                    with self._autocast():
                        output = self.network(*self.model.inputs(piece))
                    losses = self.loss(output, piece, scale=scale)
                self.guard.see(step, lr, piece, losses)
                with watch("backward"):
                    self.scaler.scale(losses["loss"]).backward()  # type: ignore[no-untyped-call]
            self.tally.add(output, piece, losses, mass)
        with watch("update"):
            self._update(step)

    def _update(self, step: int) -> None:
        for parameter in self.loss.parameters():  # of a loss that learns; the model's are averaged by its wrapper
            if parameter.grad is not None:
                parameter.grad = self.engine.total(parameter.grad) / self.engine.world_size
        for parameter in self.withheld:
            parameter.grad = None
        self.scaler.unscale_(self.optimizer)
        grads = [p.grad for p in self._trained if p.grad is not None]
        norm = nn.utils.get_total_norm(grads)
        if self.config.clip_grad_norm is not None:
            nn.utils.clip_grads_with_norm_(self._trained, self.config.clip_grad_norm, norm)
        self.guard.see_gradient(norm)
        self.scaler.step(self.optimizer)
        self.scaler.update()
        if self.ema is not None:
            self.ema.update(self.model, step=step + 1)

    def _whole(self, masses: list[dict[str, Tensor]]) -> dict[str, Tensor] | None:
        """Mass of each part over all pieces and processes; None if the batch is in one piece."""
        if len(masses) == 1 and self.engine.world_size == 1:
            return None
        names = list(masses[0])
        sums = torch.stack([torch.stack([m[name].double() for m in masses]).sum() for name in names])
        total = self.engine.total(sums)
        return {name: torch.where(total[i] > 0, total[i], 1).float() for i, name in enumerate(names)}

    def _unsynchronised(self, *, last: bool) -> AbstractContextManager[Any]:
        """Gradients of all pieces but the last stay in this process."""
        waits = not last and isinstance(self.network, nn.parallel.DistributedDataParallel)
        return self.network.no_sync() if waits else nullcontext()  # type: ignore[operator]

    def _autocast(self) -> AbstractContextManager[Any]:
        dtype = _HALF.get(self.precision)
        return nullcontext() if dtype is None else torch.autocast(self.engine.device.type, dtype)

    def tensors(self) -> dict[str, Tensor]:
        """All tensors that change from step to step, by name; what `restore` takes."""
        found = {f"model/{k}": v for k, v in self.model.state_dict().items()}
        found |= {f"loss/{k}": v for k, v in self.loss.state_dict().items()}
        if self.ema is not None:
            found |= {f"ema/{k}": v for k, v in self.ema.module.state_dict().items()}
        for index, state in self.optimizer.state_dict()["state"].items():
            found |= {f"optimizer/{index}/{k}": torch.as_tensor(v) for k, v in state.items()}
        return found

    def values(self) -> dict[str, Any]:
        """The same for what is no tensor."""
        return {"scaler": self.scaler.state_dict()}

    def restore(self, tensors: Mapping[str, Tensor], values: Mapping[str, Any]) -> None:
        """Put everything back as `tensors` and `values` gave it."""
        self.model.load_state_dict(below("model/", tensors))
        self.loss.load_state_dict(below("loss/", tensors))
        if self.ema is not None:
            self.ema.module.load_state_dict(below("ema/", tensors))
        states: dict[int, dict[str, Tensor]] = {}
        for name, tensor in below("optimizer/", tensors).items():
            index, key = name.split("/")
            states.setdefault(int(index), {})[key] = tensor
        groups = self.optimizer.state_dict()["param_groups"]
        self.optimizer.load_state_dict({"state": states, "param_groups": groups})
        for parameter, state in self.optimizer.state.items():
            for key, value in state.items():  # a fused update goes through memory, whatever the strides
                if isinstance(value, Tensor) and value.shape == parameter.shape:
                    state[key] = torch.empty_like(parameter).copy_(value)
        self.scaler.load_state_dict(dict(values["scaler"]))


def _pieces(batch: Batch, number: int) -> Iterator[Batch]:
    """The batch in `number` pieces as equal as can be, none of them empty."""
    size = len(batch.ids)
    number = min(number, size)
    for k in range(number):
        rows = slice(k * size // number, (k + 1) * size // number)
        yield batch._replace(
            images=batch.images[rows],
            labels=batch.labels[rows],
            masks=None if batch.masks is None else batch.masks[rows],
            ids=batch.ids[rows],
            other_labels=None if batch.other_labels is None else batch.other_labels[rows],
            metadata=None if batch.metadata is None else batch.metadata[rows],
        )


def _average(model: SkinModel, config: TrainConfig) -> ModelEmaV3 | None:
    if config.ema_decay is None:
        return None
    from timm.utils import ModelEmaV3

    return ModelEmaV3(model, decay=config.ema_decay, use_warmup=True)


def below(prefix: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The tensors whose names begin with a prefix, without it."""
    return {name.removeprefix(prefix): tensor for name, tensor in tensors.items() if name.startswith(prefix)}
