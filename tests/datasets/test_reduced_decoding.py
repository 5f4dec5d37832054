"""A smaller picture is decoded where it will do; the oracle is the whole picture, averaged over blocks."""

import io
from functools import cache

import cv2
import numpy as np
import pytest
from PIL import Image

import skinzoo
from skinzoo.datasets import make_loader
from skinzoo.datasets.decode import decode_image
from skinzoo.datasets.filesource import FileSource
from skinzoo.errors import ImageDecodeError
from skinzoo.types import InputSpec


def jpeg(height=480, width=640, *, mode="RGB", orientation=None, **options):
    """A smooth picture with some texture, as photographs have."""
    y, x = np.mgrid[:height, :width]
    rng = np.random.default_rng(5)
    waves = np.stack([120 + 60 * np.sin(x / 37 + k) + 40 * np.cos(y / 29 - k) for k in range(3)], -1)
    pixels = np.clip(waves + rng.normal(0, 4, waves.shape), 0, 255).astype(np.uint8)
    image = Image.fromarray(pixels).convert(mode)
    if orientation:
        exif = Image.Exif()
        exif[274] = orientation
        options["exif"] = exif
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=92, **options)
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("least", "shape"),
    [
        ((480, 640), (480, 640)),
        ((241, 320), (480, 640)),
        ((240, 320), (240, 320)),
        ((200, 224), (240, 320)),
        ((120, 100), (120, 160)),
        ((20, 20), (60, 80)),  # not below an eighth
        ((1000, 1000), (480, 640)),
    ],
)
def test_never_below_what_is_needed(least, shape):
    assert decode_image(jpeg(), "a.jpg", least=least).array.shape[:2] == shape


def test_odd_sizes_round_up():
    assert decode_image(jpeg(451, 601), "a.jpg", least=(224, 224)).array.shape[:2] == (226, 301)


@pytest.mark.parametrize("factor", [2, 4, 8])
@pytest.mark.parametrize("subsampling", [0, 2])
def test_equal_to_the_mean_of_blocks(factor, subsampling):
    data = jpeg(subsampling=subsampling)
    whole = Image.fromarray(decode_image(data, "a.jpg").array)
    mean = np.asarray(whole.reduce(factor), dtype=np.float64)
    found = decode_image(data, "a.jpg", least=(480 // factor, 640 // factor)).array
    difference = np.abs(found - mean)
    assert difference.mean() < 1
    assert np.percentile(difference, 99) <= 3
    assert difference.max() <= 8


@pytest.mark.parametrize("orientation", [3, 6, 8])
def test_an_upright_picture_is_what_counts(orientation):
    data = jpeg(480, 640, orientation=orientation)
    shown = (640, 480) if orientation >= 5 else (480, 640)
    whole = decode_image(data, "a.jpg")
    assert whole.array.shape[:2] == shown
    half = decode_image(data, "a.jpg", least=(shown[0] // 2, shown[1] // 2))
    assert half.array.shape[:2] == (shown[0] // 2, shown[1] // 2)
    assert half.orientation == orientation
    mean = np.asarray(Image.fromarray(whole.array).reduce(2), dtype=np.float64)
    assert np.abs(half.array - mean).mean() < 1


@pytest.mark.parametrize("mode", ["L", "CMYK"])
def test_other_colours_are_converted_as_ever(mode):
    data = jpeg(mode=mode)
    small, whole = decode_image(data, "a.jpg", least=(120, 160)), decode_image(data, "a.jpg")
    assert small.notes == whole.notes
    mean = np.asarray(Image.fromarray(whole.array).reduce(4), dtype=np.float64)
    assert np.abs(small.array - mean).mean() < 1.5


def test_other_formats_come_whole():
    buffer = io.BytesIO()
    Image.fromarray(decode_image(jpeg(), "a.jpg").array).save(buffer, "PNG")
    assert decode_image(buffer.getvalue(), "a.png", least=(10, 10)).array.shape[:2] == (480, 640)


@pytest.mark.parametrize("keep", [0.5, 0.9])
def test_a_cut_file_is_refused_all_the_same(keep):
    data = jpeg()
    with pytest.raises(ImageDecodeError) as caught:
        decode_image(data[: int(len(data) * keep)], "a.jpg", least=(10, 10))
    assert caught.value.code == "IMG_TRUNCATED"


def collection(root, *, height=240, width=320):
    """Two classes of two pictures each; returns the dataset."""
    for number, name in enumerate(("MEL", "NV")):
        (root / name).mkdir(parents=True)
        for copy in range(2):
            (root / name / f"{name}{copy}.jpg").write_bytes(jpeg(height + 16 * number, width + 16 * copy))
    return skinzoo.load_dataset("folder", root)


def test_a_sample_comes_smaller_with_all_else_the_same(tmp_path):
    data = collection(tmp_path)
    whole, half = data.sample(0), data.sample(0, least=(100, 100))
    assert whole.image.shape[:2] == (240, 320)
    assert half.image.shape[:2] == (120, 160)
    assert (whole.id, whole.label, whole.group, whole.metadata) == (half.id, half.label, half.group, half.metadata)
    assert np.array_equal(data[0].image, whole.image)


def test_collections_that_were_combined_are_read_smaller_too(tmp_path):
    both = skinzoo.concat(collection(tmp_path / "a"), collection(tmp_path / "b", height=400))
    for index in range(len(both)):
        (height, width, _), small = both[index].image.shape, both.sample(index, least=(100, 100)).image
        factor = 2 if height < 400 or width < 400 else 4
        assert small.shape[:2] == (-(-height // factor), -(-width // factor))


def test_the_mask_comes_in_the_size_of_the_picture(tmp_path):
    (tmp_path / "a.jpg").write_bytes(jpeg())
    y, x = np.mgrid[:480, :640]
    truth = ((y - 240) ** 2 + (x - 320) ** 2 < 150**2).astype(np.uint8)
    Image.fromarray(truth * 255).save(tmp_path / "m.png")
    picture, mask = FileSource(tmp_path).read_reduced("a.jpg", "m.png", "a", (200, 200))
    assert picture.shape[:2] == mask.shape == (240, 320)
    share = np.asarray(Image.fromarray(truth * 255).reduce(2))
    certain = (share == 0) | (share == 255)
    assert (mask[certain] * 255 == share[certain]).all()
    assert certain.mean() > 0.98


def test_a_loader_asks_for_what_its_transform_needs(tmp_path):
    data = collection(tmp_path)
    asked = []

    class Watched:
        least = (64, 64)

        def __call__(self, sample, *, epoch, index):
            asked.append(sample.image.shape[:2])
            return skinzoo.Transform(InputSpec(size=(64, 64)))(sample, epoch=epoch, index=index)

    for _ in make_loader(data, Watched(), batch_size=2):
        pass
    assert sorted(asked) == [(64, 80), (64, 84), (120, 160), (120, 168)]  # from 256 x 320, 336 and 240 x 320, 336


@cache
def detailed(height, width):
    """A lesion with hairs, dots and noise: more detail than photographs have."""
    rng = np.random.default_rng(1)
    y, x = np.mgrid[:height, :width].astype(np.float32)
    pixels = np.stack([170 + 40 * np.sin(x / width * 9 + k) + 30 * np.cos(y / height * 7 - k) for k in range(3)], -1)
    pixels[np.hypot(y - height / 2, 0.8 * (x - width / 2)) < 0.3 * height] -= 90
    pixels = np.clip(pixels, 0, 255).astype(np.uint8)
    corner = [width, height]
    for _ in range(60):
        ends = [tuple(map(int, rng.integers(0, corner))) for _ in range(2)]
        cv2.line(pixels, *ends, (30, 20, 20), int(rng.integers(1, max(2, height // 200))), cv2.LINE_AA)
    for _ in range(400):
        centre, radius = tuple(map(int, rng.integers(0, corner))), int(rng.integers(1, max(3, height // 80)))
        cv2.circle(pixels, centre, radius, rng.integers(40, 200, 3).tolist(), -1, cv2.LINE_AA)
    buffer = io.BytesIO()
    noise = 6 * rng.standard_normal(pixels.shape, dtype=np.float32)
    noisy = np.clip(pixels + noise, 0, 255).astype(np.uint8)
    Image.fromarray(noisy).save(buffer, "JPEG", quality=92)
    return buffer.getvalue()


def alone(root, data, mask=None):
    """A collection of one picture, and its mask if there is one."""
    (root / "a.jpg").write_bytes(data)
    if mask is not None:
        Image.fromarray(mask * 255).save(root / "m.png")
    records = skinzoo.datasets.Records.build(
        ["a"], labels=[0], images=["a.jpg"], masks=["m.png" if mask is not None else ""]
    )
    info = skinzoo.datasets.DatasetInfo("one", "one")
    return skinzoo.SkinDataset(info, records, skinzoo.taxonomy.ISIC2018, FileSource(root))


@pytest.mark.parametrize("crop", ["none", "center"])
@pytest.mark.parametrize(
    ("height", "width", "mean", "most"),
    [(450, 600, 0, 0), (767, 1022, 0, 0), (1024, 1024, 1, 8), (1350, 1800, 0.5, 5), (3000, 4000, 0.4, 4)],
)
def test_what_evaluation_sees_of_a_picture_that_was_decoded_smaller(tmp_path, height, width, mean, most, crop):
    """The bounds are those that the documentation states."""
    data = alone(tmp_path, detailed(height, width))
    spec = InputSpec(crop=crop, mean=(0, 0, 0), std=(1, 1, 1))
    transform = skinzoo.Transform(spec, output="uint8")
    whole = transform(data[0]).image.numpy().astype(int)
    (batch,) = make_loader(data, transform, batch_size=1)
    difference = np.abs(whole - batch.images[0].numpy())
    assert difference.mean() <= mean
    assert np.percentile(difference, 99.9) <= most
    assert (data.sample(0, least=transform.least).image.shape == data[0].image.shape) == (mean == 0)


def test_a_mask_moves_by_less_than_half_a_pixel(tmp_path):
    height, width = 3000, 4000
    y, x = np.mgrid[:height, :width]
    truth = (np.hypot(y - 1400, 0.8 * (x - 2100)) < 900).astype(np.uint8)
    grey = io.BytesIO()
    Image.new("RGB", (width, height), "grey").save(grey, "JPEG")
    data = alone(tmp_path, grey.getvalue(), truth)
    transform = skinzoo.Transform(InputSpec(), output="uint8")
    whole = transform(data[0]).mask[0].numpy()
    (batch,) = make_loader(data, transform, batch_size=1)
    seen = batch.masks[0, 0].numpy()
    share = np.asarray(Image.fromarray(truth * 255).resize((224, 224), Image.Resampling.BOX)) / 255
    inside = (share == 0) | (share == 1)
    assert (seen[inside] == whole[inside]).all()
    assert (seen != whole).mean() < 0.001
    assert 2 * (seen & whole).sum() / (seen.sum() + whole.sum()) > 0.999


def test_scores_are_of_the_smaller_picture_and_so_are_the_examples(tmp_path, monkeypatch):
    data = alone(tmp_path, jpeg(512, 640))
    model = skinzoo.create_model("simple_cnn", label_space=data.label_space, image_size=64, seed=0)
    asked, read = [], FileSource.read_reduced

    def noting(self, image, mask, id, least):
        asked.append(least)
        return read(self, image, mask, id, least)

    monkeypatch.setattr(FileSource, "read_reduced", noting)
    monkeypatch.setattr(FileSource, "read", None)
    report = skinzoo.evaluate(model, data, examples=1)
    assert set(asked) == {(128, 128)}
    assert len(asked) == 1 + len(report.examples)
