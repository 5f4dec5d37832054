import math

import pytest
import torch

from skinzoo.errors import ConfigError
from skinzoo.training.schedules import Schedule


def test_warmup_and_cosine_follow_the_formula_at_every_step():
    """2,000 steps, warm-up over the first 20 % from 1e-4 to 1e-3, cosine down to 1e-5."""
    schedule, total, peak = Schedule("cosine", warmup=0.2, warmup_lr=1e-4, final_lr=1e-5), 2000, 1e-3
    for step in range(total):
        if step < 400:
            expected = 1e-4 + (1e-3 - 1e-4) * step / 400
        else:
            expected = 1e-5 + 0.5 * (1e-3 - 1e-5) * (1 + math.cos(math.pi * (step - 400) / 1599))
        assert schedule.rate(step, total, peak) == pytest.approx(expected, rel=1e-12)
    assert schedule.rate(0, total, peak) == 1e-4
    assert schedule.rate(400, total, peak) == peak
    assert schedule.rate(total - 1, total, peak) == pytest.approx(1e-5, rel=1e-9)
    assert schedule.rate(total, total, peak) == pytest.approx(1e-5, rel=1e-9), "a step beyond the end stays at the end"


def test_cosine_equals_torchs():
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.3)
    oracle = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=49, eta_min=0.01)
    schedule = Schedule("cosine", final_lr=0.01)
    for step in range(50):
        assert schedule.rate(step, 50, 0.3) == pytest.approx(optimizer.param_groups[0]["lr"], rel=1e-9)
        optimizer.step()
        oracle.step()


def test_step_equals_torchs():
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=0.3)
    oracle = torch.optim.lr_scheduler.StepLR(optimizer, step_size=7, gamma=0.5)
    for step in range(50):
        rate = Schedule("step", step_size=7, gamma=0.5).rate(step, 50, 0.3)
        assert rate == pytest.approx(optimizer.param_groups[0]["lr"], rel=1e-9)
        optimizer.step()
        oracle.step()


def test_step_without_a_size_cuts_at_the_thirds():
    rates = [Schedule("step", gamma=0.1).rate(step, 30, 1.0) for step in range(30)]
    assert [rates.count(r) for r in dict.fromkeys(rates)] == [10, 10, 10]


def test_constant_and_plateau():
    assert {Schedule().rate(step, 10, 0.1) for step in range(10)} == {0.1}
    plateau = Schedule("plateau", gamma=0.5, final_lr=0.02)
    assert [plateau.rate(5, 10, 0.1, cuts) for cuts in range(4)] == [0.1, 0.05, 0.025, 0.02]


@pytest.mark.parametrize("total", [1, 2, 3])
def test_very_short_runs_have_a_rate(total):
    for kind in ("constant", "cosine", "step", "plateau"):
        for step in range(total):
            assert math.isfinite(Schedule(kind, warmup=0.5).rate(step, total, 0.1))


@pytest.mark.parametrize(
    "bad", [{"kind": "cosin"}, {"warmup": 1.0}, {"warmup": -0.1}, {"gamma": 1.0}, {"step_size": -1}, {"patience": -1}]
)
def test_values_out_of_range(bad):
    with pytest.raises(ConfigError):
        Schedule(**bad)
