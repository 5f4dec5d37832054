"""Batches that travel as bytes are, on their device, what batches of floats are; those are the slow twin."""

import dataclasses

import numpy as np
import pytest
import torch

import skinzoo
from skinzoo.datasets import make_loader
from skinzoo.errors import ConfigError, LabelError, MaskError
from skinzoo.losses import MultiTaskLoss
from skinzoo.losses.checks import check_labels, check_masks, targets_checked
from skinzoo.transforms import Transform, create_augmentation, feed
from skinzoo.transforms.normalisation import normalise
from skinzoo.types import IGNORE_INDEX, NO_MASK, Batch, InputSpec

SPEC = InputSpec(size=(48, 40))


@pytest.fixture(scope="module")
def data():
    """Of which some samples have no mask."""
    whole = skinzoo.load_dataset("synthetic", num_images=12, size=64)
    masks = whole.records.masks.copy()
    masks[::3] = ""
    return skinzoo.SkinDataset(
        whole.info, dataclasses.replace(whole.records, masks=masks), whole.label_space, whole.source
    )


def batches(data, output, *, workers=0, augmentation="light"):
    transform = Transform(SPEC, create_augmentation(augmentation), seed=3, output=output)
    loader = make_loader(data, transform, batch_size=5, shuffle=True, seed=1, num_workers=workers)
    return list(loader)


@pytest.mark.parametrize("workers", [0, 1])
@pytest.mark.parametrize("channels_last", [False, True])
def test_bytes_become_the_same_floats(data, workers, channels_last):
    layout = torch.channels_last if channels_last else torch.contiguous_format
    lacking = 0
    for packed, plain in zip(batches(data, "uint8", workers=workers), batches(data, "float32"), strict=True):
        assert packed.images.dtype == torch.uint8
        assert packed.masks is None or packed.masks.dtype == torch.uint8
        assert packed.images.is_contiguous(memory_format=torch.channels_last), "nothing is transposed on the way"
        fed = feed(packed, SPEC, torch.device("cpu"), channels_last=channels_last)
        assert fed.images.is_contiguous(memory_format=layout)
        assert torch.equal(fed.images, plain.images)
        assert fed.ids == plain.ids
        assert torch.equal(fed.labels, plain.labels)
        if plain.masks is None:
            assert fed.masks is None
            continue
        torch.testing.assert_close(fed.masks, plain.masks, rtol=0, atol=0, equal_nan=True)
        lacking += int(fed.masks.isnan().flatten(1).all(1).sum())
    assert 0 < lacking <= 4


@pytest.mark.parametrize("spec", [SPEC, InputSpec((5, 7), mean=(0, 0.5, 1), std=(1, 0.3, 0.01))])
@pytest.mark.parametrize("channels_last", [False, True])
def test_every_byte_becomes_the_float_that_a_single_picture_gives(spec, channels_last):
    height, width = spec.size
    ramp = np.arange(256, dtype=np.uint8).repeat(3 * height * width).reshape(256, height, width, 3)
    rows = torch.from_numpy(ramp).permute(0, 3, 1, 2)
    for images in (rows, rows.contiguous()):
        batch = Batch(images, torch.zeros(256, dtype=torch.int64), None, [""] * 256)
        fed = feed(batch, spec, torch.device("cpu"), channels_last=channels_last).images
        assert torch.equal(fed, torch.stack([normalise(picture, spec) for picture in ramp]))
        assert fed.is_contiguous(memory_format=torch.channels_last if channels_last else torch.contiguous_format)


@pytest.mark.parametrize("channels_last", [False, True])
def test_bytes_of_another_shape_are_refused(channels_last):
    batch = Batch(torch.zeros(2, 1, 8, 8, dtype=torch.uint8), torch.zeros(2, dtype=torch.int64), None, ["a", "b"])
    with pytest.raises(ConfigError, match=r"expected uint8 images \(N, 3, H, W\), got torch.uint8 of shape \(2, 1,"):
        feed(batch, SPEC, torch.device("cpu"), channels_last=channels_last)


def test_floats_are_only_moved(data):
    for plain in batches(data, "float32"):
        fed = feed(plain, SPEC, torch.device("cpu"))
        assert fed.images is plain.images
        assert fed.masks is plain.masks


def test_a_batch_without_any_mask(data):
    bare = dataclasses.replace(data.records, masks=np.full(len(data), "", dtype=np.str_))
    bare = skinzoo.SkinDataset(data.info, bare, data.label_space, data.source)
    for packed in batches(bare, "uint8"):
        assert feed(packed, SPEC, torch.device("cpu")).masks is None


def test_targets_are_checked_before_they_go_to_a_device():
    check_masks(torch.tensor([0, 1, NO_MASK, NO_MASK], dtype=torch.uint8).reshape(2, 1, 1, 2)[1:])
    with pytest.raises(MaskError, match="must lie in"):
        check_masks(torch.tensor([0, 7], dtype=torch.uint8).reshape(1, 1, 1, 2))
    with pytest.raises(MaskError, match="NaN inside masks"):
        check_masks(torch.tensor([0, NO_MASK], dtype=torch.uint8).reshape(1, 1, 1, 2))
    check_labels(torch.tensor([0, IGNORE_INDEX, 2]), 3)
    with pytest.raises(LabelError, match="between 0 and 2"):
        check_labels(torch.tensor([3]), 3)


@pytest.mark.parametrize(
    ("classification", "segmentation"),
    [
        *((name, None) for name in skinzoo.list_losses(task="classification") if name != "distillation"),
        *((None, name) for name in skinzoo.list_losses(task="segmentation")),
    ],
)
def test_checked_targets_cost_a_step_no_read_back(classification, segmentation):
    """A value that is read back from the device, as `bool` and `item` do, makes the program wait for it."""
    from torch.utils._python_dispatch import TorchDispatchMode

    class Counting(TorchDispatchMode):
        def __init__(self):
            super().__init__()
            self.read_back = 0

        def __torch_dispatch__(self, func, types, args=(), kwargs=None):
            self.read_back += "_local_scalar_dense" in str(func) or "nonzero" in str(func)
            return func(*args, **(kwargs or {}))

    output = skinzoo.ModelOutput(torch.randn(4, 7), torch.randn(4, 1, 8, 8))
    labels = torch.tensor([0, 6, 2, IGNORE_INDEX])
    batch = skinzoo.Batch(torch.zeros(4, 3, 8, 8), labels, torch.ones(4, 1, 8, 8), list("abcd"))
    loss = MultiTaskLoss(
        *(skinzoo.create_loss(name) if name else None for name in (classification, segmentation)),
    )
    with Counting() as waiting:
        loss(output, batch)
    assert waiting.read_back
    with Counting() as waiting, targets_checked():
        loss(output, batch)
        loss.mass(batch)
    assert not waiting.read_back
