import hashlib
import pickle
from collections import Counter
from dataclasses import dataclass

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.utils.data import DataLoader, Dataset
from torchvision.transforms import v2

from skinzoo.errors import ConfigError, ImageDecodeError, MaskError
from skinzoo.transforms import (
    Transform,
    create_augmentation,
    denormalise,
    eval_transform,
    normalise_batch,
    resize_and_crop,
)
from skinzoo.transforms.backend import load_albumentations
from skinzoo.transforms.warp import Warp
from skinzoo.types import IMAGENET_MEAN, IMAGENET_STD, InputSpec, Sample

albumentations = load_albumentations()
SPEC = InputSpec((32, 32))


def sample(i=0, shape=(40, 48), mask=True):
    rng = np.random.default_rng(i)
    image = rng.integers(0, 256, (*shape, 3), dtype=np.uint8)
    truth = (rng.random(shape) < 0.3).astype(np.uint8) if mask else None
    return Sample(f"s{i}", image, label=3, mask=truth, group="g", metadata={"age": 40})


def digest(s):
    return hashlib.sha256(s.image.numpy().tobytes() + s.mask.numpy().tobytes()).hexdigest()


def test_normalisation_by_hand_and_by_torchvision():
    """Oracles: the formula in NumPy double precision, and torchvision's Normalize."""
    s = sample(shape=(32, 32))
    got = eval_transform(SPEC)(s).image
    by_hand = ((s.image / 255.0 - IMAGENET_MEAN) / IMAGENET_STD).transpose(2, 0, 1)
    assert got.dtype == torch.float32
    assert got.shape == (3, 32, 32)
    assert got.is_contiguous()
    assert np.abs(got.numpy() - by_hand).max() < 1e-6
    oracle = v2.Compose(
        [v2.ToImage(), v2.ToDtype(torch.float32, scale=True), v2.Normalize(IMAGENET_MEAN, IMAGENET_STD)]
    )
    assert (got - oracle(s.image)).abs().max() < 1e-6


def test_plain_scaling():
    got = eval_transform(InputSpec((32, 32), mean=(0, 0, 0), std=(1, 1, 1)))(sample()).image
    assert 0 <= got.min() < 0.3 < 0.7 < got.max() <= 1


def test_what_comes_out_beside_the_image():
    s = sample()
    before = s.image.copy()
    out = eval_transform(SPEC)(s)
    assert (out.id, out.label, out.group, out.metadata) == ("s0", 3, "g", {"age": 40})
    assert out.mask.shape == (1, 32, 32)
    assert out.mask.dtype == torch.float32
    assert set(out.mask.unique().tolist()) == {0.0, 1.0}
    assert isinstance(s.image, np.ndarray)
    assert (s.image == before).all()
    assert eval_transform(SPEC)(sample(mask=False)).mask is None
    assert Transform(SPEC, create_augmentation("strong"))(sample(mask=False)).mask is None


def test_evaluation_is_pillows_resize_and_the_formula_to_the_bit():
    """Saved figures depend on it. Oracle: the formula in three whole-array steps of float32."""
    for shape, spec in [((40, 48), SPEC), ((90, 70), InputSpec((32, 32), crop="center")), ((32, 32), SPEC)]:
        s = sample(shape=shape)
        image, mask = resize_and_crop(s.image, s.mask, spec)
        mean, std = (np.asarray(v, dtype=np.float32)[:, None, None] for v in (spec.mean, spec.std))
        values = image.transpose(2, 0, 1).astype(np.float32, order="C")
        values *= 1 / (255 * std)
        values -= mean / std
        out = eval_transform(spec)(s)
        assert np.array_equal(out.image.numpy(), values)
        assert np.array_equal(out.mask[0].numpy(), mask)
        assert np.array_equal(Transform(spec, create_augmentation("none"))(s).image.numpy(), values)


@pytest.mark.parametrize("preset", [None, "none", "light", "strong", "dermoscopy"])
@pytest.mark.parametrize("shape", [(32, 32), (40, 48), (150, 90)])
def test_bytes_normalised_later_are_the_same(preset, shape):
    augmentation = None if preset is None else create_augmentation(preset)
    now = Transform(SPEC, augmentation, seed=3)
    later = Transform(SPEC, augmentation, seed=3, output="uint8")
    samples = [sample(i, shape) for i in range(6)]
    before = samples[0].image.copy()
    floats = [now(s, index=i) for i, s in enumerate(samples)]
    bytes_ = [later(s, index=i) for i, s in enumerate(samples)]
    assert all(b.image.dtype == torch.uint8 for b in bytes_)
    assert all(b.image.permute(1, 2, 0).is_contiguous() for b in bytes_)
    assert all(
        torch.equal(a.mask, b.mask.float()) and b.mask.dtype == torch.uint8 for a, b in zip(floats, bytes_, strict=True)
    )
    expected = torch.stack([f.image for f in floats])
    for channels_last in (False, True):
        got = normalise_batch(torch.stack([b.image for b in bytes_]), SPEC, channels_last=channels_last)
        assert got.dtype == torch.float32
        assert (got - expected).abs().max() < 1e-6
        layout = torch.channels_last if channels_last else torch.contiguous_format
        assert got.is_contiguous(memory_format=layout)
    bytes_[0].image.zero_()  # the output is not the sample's own memory
    assert (samples[0].image == before).all()


def test_a_read_only_picture_can_stay_bytes():
    s = sample(shape=(32, 32))
    s.image.setflags(write=False)
    out = Transform(SPEC, output="uint8")(s).image
    assert np.array_equal(out.permute(1, 2, 0).numpy(), s.image)
    Transform(SPEC, create_augmentation("light"), output="uint8")(s).image.zero_()


@pytest.mark.parametrize("preset", [None, "light", "strong"])
@pytest.mark.parametrize("shape", [(32, 32), (40, 48)])
@pytest.mark.parametrize("crop", ["none", "center"])
def test_a_picture_is_written_where_it_is_wanted(preset, shape, crop):
    spec = InputSpec(size=(32, 32), crop=crop, crop_fraction=1)
    transform = Transform(spec, None if preset is None else create_augmentation(preset), seed=3, output="uint8")
    s = sample(4, shape)
    s.image.setflags(write=False)
    memory = np.full((2, 32, 32, 3), 77, np.uint8)
    written, own = transform(s, index=4, out=memory[1]), transform(s, index=4)
    assert np.array_equal(written.image.permute(1, 2, 0).numpy(), memory[1])
    assert written.image.data_ptr() == memory[1].ctypes.data
    assert torch.equal(written.image, own.image)
    assert torch.equal(written.mask, own.mask)
    assert (memory[0] == 77).all()


@pytest.mark.parametrize(
    ("output", "out", "said"),
    [
        ("float32", np.empty((32, 32, 3), np.uint8), "output='float32'"),
        ("uint8", np.empty((32, 33, 3), np.uint8), r"shape \(32, 33, 3\)"),
        ("uint8", np.empty((32, 32, 3), np.float32), "got float32"),
        ("uint8", np.frombuffer(bytes(3072), np.uint8).reshape(32, 32, 3), "read-only"),
    ],
)
def test_memory_of_another_kind_is_refused(output, out, said):
    with pytest.raises(ConfigError, match=said):
        Transform(SPEC, output=output)(sample(), out=out)


@pytest.mark.parametrize("shape", [(32, 32), (48, 32)])
def test_a_step_of_ones_own_may_write_to_what_it_is_given(shape):
    class Blackening(albumentations.DualTransform):
        def apply(self, img, **_):
            img[:4] = 0
            return img

        def apply_to_mask(self, mask, **_):
            mask[:4] = 0
            return mask

    s = sample(1, shape)
    s.image.setflags(write=False)
    s.mask.setflags(write=False)
    before = s.image.copy()
    out = Transform(SPEC, albumentations.Compose([Blackening(p=1)]), output="uint8")(s)
    assert (out.image[:, :4] == 0).all()
    assert (out.mask[0, :4] == 0).all()
    assert np.array_equal(s.image, before)


def test_wrong_batches_and_outputs_are_errors():
    with pytest.raises(ConfigError, match=r"expected uint8 images \(N, 3, H, W\), got torch.float32"):
        normalise_batch(torch.zeros(1, 3, 4, 4), SPEC)
    with pytest.raises(ConfigError, match=r"shape \(3, 4, 4\)"):
        normalise_batch(torch.zeros(3, 4, 4, dtype=torch.uint8), SPEC)
    with pytest.raises(ConfigError, match="got 'float16'"):
        Transform(SPEC, output="float16")


def test_a_picture_may_be_decoded_smaller_and_least_without_augmentation():
    assert Transform(SPEC).least == (64, 64)
    assert Transform(SPEC, create_augmentation("none")).least == (64, 64)
    assert Transform(InputSpec((28, 35), crop="center")).least == (64, 80)
    assert Transform(SPEC, create_augmentation("light")).least == (32, 32)
    assert Transform(InputSpec((28, 35), crop="center"), create_augmentation("light")).least == (32, 40)


def scene(shape):
    """A picture whose red channel is 255 on an ellipse, and the ellipse."""
    y, x = np.mgrid[: shape[0], : shape[1]]
    mask = ((y / shape[0] - 0.45) ** 2 + (x / shape[1] - 0.6) ** 2 < 0.06).astype(np.uint8)
    return Sample("x", np.stack([mask * 255, np.full_like(mask, 90), 255 - mask * 255], axis=2), mask=mask)


@pytest.mark.parametrize("spec", [InputSpec((64, 64)), InputSpec((64, 80), crop="center"), InputSpec((80, 64))])
@pytest.mark.parametrize("shape", [(64, 64), (90, 120), (260, 200), (50, 40)])
def test_resizing_in_the_warp_moves_image_and_mask_as_resizing_before_it(spec, shape):
    """Oracle: the same draws on the picture as the evaluation resizes it. Only the cut-away border may differ."""
    steps = [Warp(transpose=0.5, degrees=45, scale=0.2, shift=0.1, shear=8, move=0.7)]
    joined = Transform(spec, albumentations.Compose(steps))
    before = Transform(spec, albumentations.Compose([albumentations.NoOp(p=0), *steps]))
    for index in range(12):
        one, other = (t(scene(shape), index=index) for t in (joined, before))
        red = denormalise(one.image, spec)[..., 0] > 128
        assert (red == one.mask[0].numpy().astype(bool)).mean() > 0.97
        if spec.crop == "none":
            assert (one.mask != other.mask).float().mean() < 0.03
            gap = np.abs(denormalise(one.image, spec).astype(int) - denormalise(other.image, spec))
            assert gap.mean() < 4
        assert abs(one.mask.mean() - other.mask.mean()) < 0.12


def test_a_picture_is_not_resized_in_a_warp_that_may_not_happen():
    for pipeline in (
        albumentations.Compose([Warp(p=0.5)]),
        albumentations.Compose([Warp()], p=0.5),
        albumentations.Compose([Warp()], strict=True),
        albumentations.Compose([albumentations.HorizontalFlip(p=0.5), Warp()]),
        albumentations.Compose([albumentations.OneOf([Warp(), Warp()], p=0.5)]),
    ):
        transform = Transform(SPEC, pipeline)
        assert all(transform(sample(), index=i).image.shape == (3, 32, 32) for i in range(8))


@settings(max_examples=80, deadline=None)
@given(
    st.tuples(st.integers(1, 70), st.integers(1, 70)),
    st.tuples(st.integers(1, 40), st.integers(1, 40)),
    st.sampled_from(["none", "center"]),
    st.sampled_from(["light", "strong", "dermoscopy"]),
    st.integers(0, 99),
)
def test_odd_sizes(shape, size, crop, preset, index):
    spec = InputSpec(size, mean=(0, 0, 0), std=(1, 1, 1), crop=crop)
    out = Transform(spec, create_augmentation(preset))(sample(index, shape), index=index)
    assert out.image.shape == (3, *size)
    assert 0 <= out.image.min() <= out.image.max() <= 1
    assert out.mask.shape == (1, *size)
    assert set(out.mask.unique().tolist()) <= {0.0, 1.0}


def test_wrong_pictures_are_errors_with_an_augmentation_too():
    transform = Transform(SPEC, create_augmentation("light"))
    with pytest.raises(ImageDecodeError, match="untransformed"):
        transform(Sample("x", np.zeros((8, 8, 3), np.float32)))
    with pytest.raises(MaskError, match="8 x 8"):
        transform(Sample("x", np.zeros((8, 8, 3), np.uint8), mask=np.zeros((4, 4), np.uint8)))
    with pytest.raises(ConfigError, match="leave out steps that normalise"):
        Transform(SPEC, albumentations.Compose([albumentations.Normalize()]))(sample())


def test_transforming_twice_is_an_error():
    transform = eval_transform(SPEC)
    with pytest.raises(ImageDecodeError, match="untransformed"):
        transform(transform(sample(mask=False)))


@pytest.mark.parametrize("batch", [False, True])
def test_denormalise_gives_the_picture_back(batch):
    spec = InputSpec((40, 48), mean=(0.7, 0.5, 0.4), std=(0.2, 0.1, 0.3))
    s = sample()
    image = eval_transform(spec)(s).image
    back = denormalise(torch.stack([image, image]), spec)[1] if batch else denormalise(image, spec)
    assert back.dtype == np.uint8
    assert np.abs(back.astype(int) - s.image).max() <= 1


def test_augmentation_is_a_function_of_seed_epoch_and_index():
    transform = Transform(SPEC, create_augmentation("strong"), seed=4)
    first = digest(transform(sample(), epoch=2, index=7))
    np.random.seed(0)  # noqa: NPY002 - the global state must not matter
    for i in range(3):
        transform(sample(i), epoch=1, index=i)
    assert digest(transform(sample(), epoch=2, index=7)) == first
    assert digest(Transform(SPEC, create_augmentation("strong"), seed=4)(sample(), epoch=2, index=7)) == first
    assert digest(pickle.loads(pickle.dumps(transform))(sample(), epoch=2, index=7)) == first
    others = [
        transform(sample(), epoch=2, index=8),
        transform(sample(), epoch=3, index=7),
        transform(sample(), epoch=7, index=2),
        Transform(SPEC, create_augmentation("strong"), seed=5)(sample(), epoch=2, index=7),
    ]
    assert len({first, *map(digest, others)}) == 5


def test_flips_are_independent():
    """Horizontal and vertical flips each happen half of the time, in all four combinations."""
    pipeline = albumentations.Compose([albumentations.HorizontalFlip(p=0.5), albumentations.VerticalFlip(p=0.5)])
    transform = Transform(InputSpec((4, 4), mean=(0, 0, 0), std=(1, 1, 1)), pipeline)
    image = np.zeros((4, 4, 3), np.uint8)
    image[0, 0] = 255  # the marked corner tells the combination
    seen = Counter(int(transform(Sample("x", image), index=i).image[0].argmax()) for i in range(400))
    assert set(seen) == {0, 3, 12, 15}
    assert min(seen.values()) > 60  # 100 expected, standard deviation 9


def test_an_augmentation_that_changes_the_size_is_an_error():
    pipeline = albumentations.Compose([albumentations.CenterCrop(16, 16)])
    with pytest.raises(ConfigError, match="crops and resizes"):
        Transform(SPEC, pipeline)(sample())


def test_negative_seed_is_an_error():
    with pytest.raises(ConfigError, match="-1"):
        Transform(SPEC, seed=-1)


@dataclass
class Digests(Dataset):
    transform: Transform
    epoch: int

    def __len__(self):
        return 12

    def __getitem__(self, index):
        return digest(self.transform(sample(index), epoch=self.epoch, index=index))


@pytest.mark.parametrize(("preset", "start"), [("dermoscopy", "fork"), ("dermoscopy", "spawn"), ("strong", "fork")])
def test_workers_change_nothing(preset, start):
    transform = Transform(SPEC, create_augmentation(preset), seed=1)
    epochs = (0, 1) if start == "fork" else (1,)  # spawned workers take seconds to import torch
    seen = set()
    for epoch in epochs:
        alone = list(DataLoader(Digests(transform, epoch), batch_size=None))
        loader = DataLoader(Digests(transform, epoch), batch_size=None, num_workers=2, multiprocessing_context=start)
        assert list(loader) == alone
        seen |= set(alone)
    assert len(seen) == 12 * len(epochs)
