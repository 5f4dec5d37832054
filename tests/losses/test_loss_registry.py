"""Names of losses, and class weights against closed forms and scikit-learn's `compute_class_weight`."""

import numpy as np
import pytest
import torch
from sklearn.utils.class_weight import compute_class_weight

from skinzoo.errors import ConfigError, UnknownNameError
from skinzoo.losses import LOSSES, class_weights, create_loss, list_losses

HAM10000 = [327, 514, 1099, 115, 1113, 6705, 142]


def test_names_and_facets():
    assert list_losses(task="classification") == ["cross_entropy", "focal", "ohem"]
    assert list_losses(task="segmentation") == ["bce", "dice_bce", "tversky"]
    assert list_losses(task="multitask") == ["distillation", "uncertainty"]
    assert set(list_losses("*bce")) == {"bce", "dice_bce"}
    assert len(LOSSES) == 8


@pytest.mark.parametrize("name", ["cross_entropy", "focal", "ohem", "bce", "dice_bce", "tversky"])
def test_every_loss_is_made_by_name_and_moves_between_devices(name):
    loss = create_loss(name)
    assert type(loss) is LOSSES[name]
    assert loss.to("meta") is loss
    assert type(loss).__name__ in repr(loss)


def test_options_and_typing_mistakes():
    assert create_loss("focal", gamma=0.5).gamma == 0.5
    with pytest.raises(ConfigError, match=r"does not take the option 'gama'\. Did you mean 'gamma'"):
        create_loss("focal", gama=0.5)
    with pytest.raises(UnknownNameError, match="did you mean 'dice_bce'"):
        create_loss("dicebce")


def test_inverse_frequencies_are_those_of_scikit_learn_up_to_the_mean():
    labels = np.repeat(np.arange(7), HAM10000)
    balanced = compute_class_weight("balanced", classes=np.arange(7), y=labels)
    np.testing.assert_allclose(class_weights(HAM10000), balanced / balanced.mean(), rtol=1e-6)


@pytest.mark.parametrize(
    ("scheme", "formula"),
    [
        ("inverse", lambda n: 1 / n),
        ("sqrt_inverse", lambda n: n**-0.5),
        ("effective", lambda n: 1 / sum(0.9999**i for i in range(n))),  # effective number: a geometric series
    ],
)
def test_schemes_equal_their_formulas(scheme, formula):
    expected = np.array([formula(n) for n in HAM10000])
    weights = class_weights(HAM10000, scheme)
    assert weights.dtype == torch.float32
    np.testing.assert_allclose(weights, expected / expected.mean(), rtol=1e-5)


def test_class_without_samples_weighs_nothing_and_does_not_shift_the_others():
    for scheme in ("inverse", "sqrt_inverse", "effective"):
        with_absent = class_weights([10, 0, 40], scheme)
        assert with_absent[1] == 0
        assert with_absent[[0, 2]].tolist() == class_weights([10, 40], scheme).tolist()
        assert with_absent[[0, 2]].mean().item() == pytest.approx(1)


def test_beta_goes_from_equal_weights_to_inverse_frequencies():
    assert class_weights([5, 50], "effective", beta=0.0).tolist() == [1.0, 1.0]
    torch.testing.assert_close(
        class_weights([5, 50], "effective", beta=1 - 1e-7), class_weights([5, 50]), rtol=1e-4, atol=0
    )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([],), "whole numbers"),
        (([0, 0],), "at least one above 0"),
        (([3, -1],), "whole numbers"),
        (([3, 1.5],), "whole numbers"),
        (([3, float("nan")],), "whole numbers"),
        (([3, 1], "inverted"), "unknown scheme .* did you mean 'inverse'"),
    ],
)
def test_counts_and_schemes_that_make_no_sense(arguments, message):
    with pytest.raises(ConfigError, match=message):
        class_weights(*arguments)
    with pytest.raises(ConfigError, match="beta"):
        class_weights([1, 2], "effective", beta=1.0)
