"""What the demo says about a picture, without its page."""

import numpy as np
import pytest
from PIL import Image

import skinzoo
from skinzoo.demo import Refusal, answer
from skinzoo.demo.answering import LONGEST, outlined


@pytest.fixture(scope="module")
def model():
    return skinzoo.create_model("multitask_regnety_004", weights="bundled")


@pytest.fixture
def lesion(tmp_path):
    data = skinzoo.load_dataset("synthetic", num_images=28, size=128, seed=3)
    path = tmp_path / "private name.png"
    Image.fromarray(data[0].image).save(path)
    return path


def test_what_is_said_is_what_predict_says(model, lesion):
    said, (expected,) = answer(model, lesion), skinzoo.predict(model, lesion)
    titles = [model.label_space.title(code) for code in expected.probabilities]
    assert said.probabilities == pytest.approx(dict(zip(titles, expected.probabilities.values(), strict=True)))
    assert f"**{model.label_space.title(expected.label).capitalize()}** is the most probable class" in said.text
    assert f"({expected.probability:.0%}, calibrated)" in said.text
    assert f"longest diameter: {expected.measurements.diameter:.0f} pixels" in said.text
    assert said.outline.shape == said.heatmap.shape == (128, 128, 3)


@pytest.mark.parametrize(("name", "shown"), [("simple_cnn", (False, True)), ("unet_resnet18", (True, False))])
def test_models_that_do_one_thing(name, shown, lesion):
    options = {"backbone_weights": None} if name.startswith("unet") else {}
    said = answer(skinzoo.create_model(name, image_size=32, seed=0, **options), lesion)
    assert (said.outline is not None, said.heatmap is not None) == shown
    assert bool(said.probabilities) == shown[1]


def test_the_outline_is_where_the_mask_ends():
    picture, mask = np.zeros((100, 120, 3), np.uint8), np.zeros((100, 120), np.uint8)
    mask[30:60, 40:90] = 1
    changed = (outlined(picture, mask) > 0).any(2)
    assert changed[30, 60]
    assert changed[59, 60]
    assert not changed[40:50, 50:80].any(), "the lesion itself stays as it is"
    assert not changed[:25].any()
    assert not picture.any(), "the picture given is not drawn on"


def test_a_large_picture_is_made_smaller(model, tmp_path):
    Image.new("RGB", (3000, 2000), "tan").save(tmp_path / "a.jpg")
    assert answer(model, tmp_path / "a.jpg").outline.shape == (512, LONGEST, 3)


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("notes.txt", b"not a picture at all", "cannot be used as a picture"),
        ("empty.jpg", b"", "Zero bytes"),
        ("cut.jpg", b"\xff\xd8\xff\xe0" + b"\0" * 40, "cannot be used as a picture"),
    ],
)
def test_a_bad_file_gets_a_sentence(name, content, words, model, tmp_path):
    path = tmp_path / "secret folder" / name
    path.parent.mkdir()
    path.write_bytes(content)
    with pytest.raises(Refusal, match=words) as refused:
        answer(model, path)
    assert "secret folder" not in str(refused.value)
    assert str(refused.value).endswith(".")


def test_no_file(model):
    with pytest.raises(Refusal, match="Choose a picture first"):
        answer(model, None)


def test_no_lesion_and_no_threshold_are_said(tmp_path):
    model = skinzoo.create_model("unet_resnet18", image_size=32, seed=0, backbone_weights=None)
    for parameter in model.segmentation_head.parameters():
        parameter.data.fill_(-1 if parameter.ndim == 1 else 0)
    Image.new("RGB", (40, 40), "tan").save(tmp_path / "a.png")
    assert answer(model, tmp_path / "a.png").text == "No lesion was found in the picture."
