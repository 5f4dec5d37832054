"""The mean of weights, against NumPy, and what has none."""

import numpy as np
import pytest
import torch

import skinzoo
from skinzoo.errors import ConfigError
from skinzoo.models import Calibration, average_weights
from skinzoo.models.provenance import SeenImages, TrainingRecord, hashes_of, packed
from skinzoo.types import InputSpec


def cnn(seed: int, **options):
    options.setdefault("image_size", 32)
    return skinzoo.create_model("simple_cnn", seed=seed, **options)


def seen(part: str) -> SeenImages:
    hashes = packed(hashes_of([part]))
    return SeenImages(("ham10000",), "HAM", part, 1, 1, "image", {"NV": 1}, "", "0" * 64, hashes, b"")


def values(model):
    return {name: tensor.numpy().copy() for name, tensor in model.state_dict().items()}


def test_each_weight_is_the_mean_and_nothing_given_changes():
    models = [
        skinzoo.create_model("multitask_resnet18", seed=s, image_size=64, backbone_weights=None) for s in (1, 2, 3)
    ]
    for count, model in enumerate(models):
        for name, buffer in model.named_buffers():
            buffer.add_(count if "num_batches" in name else 0.1 * count)
    before = [values(model) for model in models]
    average = average_weights(models)
    for name, tensor in average.state_dict().items():
        each = [state[name] for state in before]
        expected = each[0] if each[0].dtype == np.int64 else np.mean(np.float64(each), axis=0)
        np.testing.assert_array_equal(tensor.numpy(), expected.astype(each[0].dtype))
    for model, state in zip(models, before, strict=True):
        for name, tensor in model.state_dict().items():
            np.testing.assert_array_equal(tensor.numpy(), state[name])
    assert not average.training
    assert average.config == models[0].config


def test_the_order_does_not_matter_and_one_model_averages_to_itself():
    one, other, third = cnn(1), cnn(2), cnn(3)
    forth, back = average_weights([one, other, third]), average_weights([third, other, one])
    same = average_weights([one, one])
    for name, tensor in forth.state_dict().items():
        assert torch.equal(tensor, back.state_dict()[name])
        assert torch.equal(same.state_dict()[name], one.state_dict()[name])


def test_precision_is_that_of_the_first():
    average = average_weights([cnn(1).half(), cnn(2)])
    assert {p.dtype for p in average.parameters()} == {torch.float16}


def test_what_was_fitted_to_other_weights_is_gone_and_what_was_seen_is_kept(tmp_path):
    one, other = cnn(1), cnn(2)
    one.calibration = Calibration("temperature", (0.5,))
    one.training_record, other.training_record = (TrainingRecord((seen(part),)) for part in ("train", "other"))
    average = average_weights([one, other])
    assert average.calibration is None
    assert average.operating_points is None
    assert {images.part for images in average.training_record.training} == {"train", "other"}
    assert one.calibration is not None
    average.save_pretrained(tmp_path / "mean")
    again = skinzoo.create_model(f"local-dir:{tmp_path / 'mean'}")
    assert again.training_record == average.training_record


def test_models_that_cannot_be_averaged():
    one = cnn(1)
    with pytest.raises(ConfigError, match="two models or more"):
        average_weights([one])
    with pytest.raises(ConfigError, match="two models or more"):
        average_weights([one, "simple_cnn"])
    with pytest.raises(ConfigError, match="two models or more"):
        average_weights(one)
    with pytest.raises(ConfigError, match=r"member 1 \(resnet18_scratch\) is no simple_cnn"):
        average_weights([one, skinzoo.create_model("resnet18_scratch", image_size=32)])
    with pytest.raises(ConfigError, match=r"has the classes .* are needed"):
        average_weights([one, cnn(2, label_space="binary")])
    grey = InputSpec(size=(32, 32), mean=(0.5, 0.5, 0.5), std=(0.5, 0.5, 0.5))
    with pytest.raises(ConfigError, match=r"normalised by \(0.5, 0.5, 0.5\)"):
        average_weights([one, skinzoo.create_model("simple_cnn", input_spec=grey)])
    wide, narrow = (skinzoo.create_model("resnet18_scratch", image_size=32, head=head) for head in ("linear", "mlp"))
    with pytest.raises(ConfigError, match=r"member 1 .*(lacks|has) .*; only models that are built alike"):
        average_weights([wide, narrow])
    with torch.no_grad():
        next(one.parameters()).fill_(torch.nan)
    with pytest.raises(ConfigError, match="not finite"):
        average_weights([cnn(2), one])
