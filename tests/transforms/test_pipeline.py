import hashlib
import pickle
from collections import Counter
from dataclasses import dataclass

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader, Dataset
from torchvision.transforms import v2

from skinzoo.errors import ConfigError, ImageDecodeError
from skinzoo.transforms import Transform, create_augmentation, denormalise, eval_transform
from skinzoo.transforms.backend import load_albumentations
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
