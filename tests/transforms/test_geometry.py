import numpy as np
import pytest
from PIL import Image
from torchvision.transforms import v2

from skinzoo.errors import ConfigError, ImageDecodeError, MaskError
from skinzoo.transforms import resize_and_crop, restore
from skinzoo.types import InputSpec

SHAPES = [(450, 600), (600, 450), (300, 300), (100, 333), (224, 224), (40, 30), (300, 402)]


def noise(shape):
    return np.random.default_rng(0).integers(0, 256, (*shape, 3), dtype=np.uint8)


def disc(shape):
    """A picture whose red channel is 255 on an off-centre disc, and the disc."""
    y, x = np.ogrid[: shape[0], : shape[1]]
    mask = ((y - 0.45 * shape[0]) ** 2 + (x - 0.6 * shape[1]) ** 2 < (0.25 * min(shape)) ** 2).astype(np.uint8)
    return np.stack([mask * 255, np.full(shape, 90, np.uint8), mask * 40], axis=2), mask


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("interpolation", ["bilinear", "bicubic"])
def test_centre_crop_is_torchvisions_on_pil_images(shape, interpolation):
    """Oracle: torchvision Resize(256) and CenterCrop(224) of a Pillow picture."""
    image = noise(shape)
    oracle = v2.Compose([v2.Resize(256, v2.InterpolationMode(interpolation)), v2.CenterCrop(224)])
    got, _ = resize_and_crop(image, None, InputSpec((224, 224), crop="center", interpolation=interpolation))
    assert (got == np.asarray(oracle(Image.fromarray(image)))).all()


def test_centre_crop_by_hand():
    """600 x 450 (width x height), short side to 256: 341 x 256; the crop starts at ((341 - 224) / 2, 16) = (58, 16)."""
    image = noise((450, 600))
    by_hand = np.asarray(Image.fromarray(image).resize((341, 256), Image.Resampling.BILINEAR))[16:240, 58:282]
    got, _ = resize_and_crop(image, None, InputSpec((224, 224), crop="center", crop_fraction=0.875))
    assert (got == by_hand).all()


@pytest.mark.parametrize("shape", SHAPES)
def test_no_crop_squashes_the_whole_picture(shape):
    image = noise(shape)
    got, _ = resize_and_crop(image, None, InputSpec((96, 160)))
    assert (got == np.asarray(Image.fromarray(image).resize((160, 96), Image.Resampling.BILINEAR))).all()


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("size", [(224, 224), (96, 160)])
@pytest.mark.parametrize("crop", ["none", "center"])
def test_image_and_mask_move_together(shape, size, crop):
    image, mask = disc(shape)
    small, moved = resize_and_crop(image, mask, InputSpec(size, crop=crop))
    assert small.shape == (*size, 3)
    assert moved.shape == size
    assert small.dtype == moved.dtype == np.uint8
    assert set(np.unique(moved)) == {0, 1}
    assert ((small[..., 0] > 127) == moved).mean() > 0.98


def test_a_picture_of_the_right_size_stays_as_it_is():
    image, mask = disc((64, 64))
    same, also = resize_and_crop(image, mask, InputSpec((64, 64)))
    assert (same == image).all()
    assert (also == mask).all()


def test_what_is_not_a_picture_or_its_mask_is_refused():
    image, mask = disc((64, 64))
    with pytest.raises(ImageDecodeError, match="float32 of shape"):
        resize_and_crop(image.astype(np.float32), mask, InputSpec())
    with pytest.raises(ImageDecodeError, match=r"\(3, 64, 64\)"):
        resize_and_crop(image.transpose(2, 0, 1), mask, InputSpec())
    with pytest.raises(MaskError, match=r"64 x 64 .* \(32, 64\)") as caught:
        resize_and_crop(image, mask[::2], InputSpec())
    assert caught.value.code == "MASK_SIZE"


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("crop", ["none", "center"])
def test_restore_brings_a_map_back_over_the_picture(shape, crop):
    spec = InputSpec((128, 128), crop=crop)
    image, mask = disc(shape)
    small, _ = resize_and_crop(image, mask, spec)
    back = restore(small[..., 0] / 255, shape, spec)
    assert back.shape == shape
    assert back.dtype == np.float32
    seen = restore(np.ones(spec.size), shape, spec) > 0.5
    assert seen.all() == (crop == "none")
    assert ((back > 0.5) == mask)[seen].mean() > 0.97
    assert not back[~seen].round().any()


def test_restore_wants_a_map_of_the_inputs_shape():
    with pytest.raises(ConfigError, match=r"\(224, 224\), got \(7, 7\)"):
        restore(np.ones((7, 7)), (300, 400), InputSpec())
