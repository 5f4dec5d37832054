"""Golden outputs: the same pictures everywhere, the same answers, and a file that tells when they are not."""

import hashlib

import numpy as np
import pytest
import torch

import skinzoo
from skinzoo.errors import WeightsError, WeightsMismatchError
from skinzoo.models import MetadataEncoder, ModelConfig, SkinModel
from skinzoo.publishing import replay_golden, write_golden
from skinzoo.publishing.golden import golden_pictures
from skinzoo.tensors import load_tensors, read_metadata, save_tensors
from skinzoo.types import InputSpec, ModelOutput, Task

METADATA = MetadataEncoder.from_dict(
    {"columns": [{"name": "age", "mean": 50.0, "std": 15.0}, {"name": "sex", "categories": ["female", "male"]}]}
)


@pytest.mark.parametrize(
    ("size", "sha256"),
    [
        ((32, 32), "3c5a27a4e2ac27238cf6e293b7091942a019246d12e498a048ead6f60744638b"),
        ((224, 224), "55a7327045a215153b33fb990d6476304f704a94ce9d7cd5bb1723b45d8ad064"),
        ((48, 100), "5e1a3825e593f9388b3af8f536893d989c386e9ebc81dc51d3117dbeff403130"),
    ],
)
def test_the_pictures_are_frozen(size, sha256):
    """Golden files of published models hold their hash: another picture would make all of them useless."""
    pictures = golden_pictures(size)
    assert pictures.shape == (3, *size, 3)
    assert pictures.dtype == np.uint8
    assert hashlib.sha256(pictures.tobytes()).hexdigest() == sha256


def test_the_pictures_are_what_their_names_say():
    gradient, chequer, blobs = golden_pictures((64, 64)).astype(int)
    assert (np.diff(gradient[0, :, 0]) >= 0).all()
    assert gradient[0, -1, 0] == gradient[-1, 0, 1] == 255
    assert {tuple(colour) for colour in chequer.reshape(-1, 3)} == {(40, 60, 80), (230, 200, 170)}
    assert (chequer[0, 0] != chequer[0, 8]).all()
    dark = (blobs == (96, 58, 44)).all(2)
    assert 0.02 < dark.mean() < 0.6
    assert (blobs[~dark] == (222, 184, 160)).all()
    assert golden_pictures((1, 1)).shape == (3, 1, 1, 3)


def make(kind):
    if kind == "classifier":
        return skinzoo.create_model("simple_cnn", image_size=32, seed=0)
    options = {"backbone_weights": None, "image_size": 64, "seed": 0}
    if kind == "metadata":
        return skinzoo.create_model("resnet18_metadata", metadata=METADATA, **options)
    return skinzoo.create_model(f"{kind}_resnet18", **options)


@pytest.mark.parametrize("kind", ["classifier", "unet", "multitask", "metadata"])
def test_answers_are_those_of_the_model_itself(kind, tmp_path):
    model = make(kind)
    model.train()
    path = write_golden(model, tmp_path / "golden.safetensors")
    assert model.training
    assert replay_golden(model, path) <= 1e-6
    assert path.stat().st_size < 3_000_000
    tensors = load_tensors(path)
    # the oracle: the evaluation transform of pictures that have the model's size already
    transform = skinzoo.Transform(model.input_spec)
    pictures = tensors["pictures"].numpy()
    images = torch.stack([transform(skinzoo.Sample("x", p)).image for p in pictures])
    others = (tensors["metadata"],) if "metadata" in tensors else ()
    assert (kind == "metadata") == bool(others)
    with torch.no_grad():
        output = model.eval()(images, *others)
    for name, tensor in output._asdict().items():
        assert (tensor is None) == (name not in tensors)
        if tensor is not None:
            torch.testing.assert_close(tensors[name], tensor, atol=1e-5, rtol=1e-5)


def test_an_ensemble_with_metadata(tmp_path):
    members = [make("metadata"), make("multitask")]
    model = skinzoo.create_model("ensemble", members=members)
    path = write_golden(model, tmp_path / "golden.safetensors")
    assert sorted(load_tensors(path)) == ["logits", "mask_logits", "metadata", "pictures"]
    assert replay_golden(model, path) <= 1e-6


def test_equal_models_give_equal_bytes_and_other_weights_are_noticed(tmp_path):
    one, same, other = (skinzoo.create_model("simple_cnn", image_size=32, seed=s) for s in (0, 0, 1))
    first, second = (write_golden(m, tmp_path / f"{k}.safetensors") for k, m in enumerate((one, same)))
    assert first.read_bytes() == second.read_bytes()
    assert replay_golden(other, first) > 1e-3
    with torch.no_grad():
        same.head[-1].bias[2] += 0.25
    assert replay_golden(same, first) == pytest.approx(0.25, abs=1e-5)


class LargeInput(SkinModel):
    """One convolution over 512 pixels."""

    def __init__(self):
        super().__init__(ModelConfig("large", Task.SEGMENTATION, InputSpec(size=(512, 512)), None))
        self.layer = torch.nn.Conv2d(3, 1, 3, padding=1)

    def predict_logits(self, images):
        return ModelOutput(mask_logits=self.layer(images))


def test_a_large_model_keeps_the_file_small(tmp_path):
    model = LargeInput()
    path = write_golden(model, tmp_path / "golden.safetensors")
    tensors, known = load_tensors(path), read_metadata(path)
    assert path.stat().st_size < 3_000_000
    assert known["mask_stride"] == 2
    assert "pictures" not in tensors
    assert tensors["mask_logits"].shape == (3, 1, 256, 256)
    assert replay_golden(model, path) <= 1e-6
    with torch.no_grad():
        model.layer.bias.add_(1)
    assert replay_golden(model, path) == pytest.approx(1, abs=1e-3)


def test_what_does_not_fit_is_refused(tmp_path, small):
    path = write_golden(make("multitask"), tmp_path / "golden.safetensors")
    with pytest.raises(WeightsMismatchError, match="metadata of the shape None"):
        replay_golden(make("metadata"), path)
    path = write_golden(small, tmp_path / "golden.safetensors")
    with pytest.raises(WeightsMismatchError, match=r"takes \[32, 32\] pixels, simple_cnn takes \[64, 64\]"):
        replay_golden(skinzoo.create_model("simple_cnn", image_size=64, seed=0), path)
    with pytest.raises(WeightsMismatchError, match=r"'logits': \(3, 7\).*'logits': \(3, 4\)"):
        replay_golden(skinzoo.create_model("simple_cnn", image_size=32, num_classes=4, seed=0), path)
    tensors, known = load_tensors(path), read_metadata(path)
    save_tensors(path, tensors | {"pictures": tensors["pictures"] ^ 1}, known)
    with pytest.raises(WeightsError, match="other pictures"):
        replay_golden(small, path)
    for wrong in ({}, known | {"format_version": 2}, known | {"mask_stride": 0}, known | {"mask_stride": "1"}):
        save_tensors(path, tensors, wrong)
        with pytest.raises(WeightsError, match="no golden outputs that this version reads"):
            replay_golden(small, path)
    path.write_bytes(path.read_bytes()[:-8])
    with pytest.raises(WeightsError, match="damaged or cut short"):
        replay_golden(small, path)
