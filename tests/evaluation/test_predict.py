import json

import numpy as np
import pytest
import torch
from PIL import Image

import skinzoo
from skinzoo.errors import ConfigError, DatasetNotFoundError, ImageDecodeError
from skinzoo.types import InputSpec


@pytest.fixture(scope="module")
def model():
    return skinzoo.create_model("multitask", backbone_weights=None, image_size=64, seed=0)


def test_equals_the_model_on_the_transformed_picture(model, tmp_path, write_image):
    path = write_image(tmp_path / "a.png", height=64, width=64)
    prediction = skinzoo.predict(model, path)[0]
    array = np.asarray(Image.open(path))
    images = (torch.tensor(array).permute(2, 0, 1)[None] / 255 - torch.tensor((0.485, 0.456, 0.406))[:, None, None]) / (
        torch.tensor((0.229, 0.224, 0.225))[:, None, None]
    )
    with torch.no_grad():
        output = model(images)
    expected = output.logits.softmax(1)[0]
    assert list(prediction.probabilities) == list(model.label_space)
    np.testing.assert_allclose(list(prediction.probabilities.values()), expected, atol=1e-5)
    np.testing.assert_allclose(prediction.mask_probability, output.mask_logits.sigmoid()[0, 0], atol=1e-5)
    assert prediction.label == model.label_space.classes[int(expected.argmax())]
    assert sum(prediction.probabilities.values()) == pytest.approx(1)


def test_masks_have_the_pictures_size(model, tmp_path, write_image):
    path = write_image(tmp_path / "a.png", height=45, width=100)
    prediction = skinzoo.predict(model, path)[0]
    assert prediction.mask.shape == prediction.mask_probability.shape == (45, 100)
    assert set(np.unique(prediction.mask)) <= {0, 1}
    assert json.dumps(prediction.to_dict())


def test_folder_list_and_arrays_in_any_batch_size(model, tmp_path, write_image):
    paths = [write_image(tmp_path / "set" / name, seed=i) for i, name in enumerate(["b.png", "a.PNG", "sub/c.png"])]
    (tmp_path / "set" / "notes.txt").write_text("not a picture")
    by_folder = skinzoo.predict(model, tmp_path / "set", batch_size=2)
    assert [p.id for p in by_folder] == ["a", "b", "sub/c"]
    by_list = skinzoo.predict(model, [paths[1], str(paths[0]), paths[2]])
    arrays = np.stack([np.asarray(Image.open(p)) for p in (paths[1], paths[0], paths[2])])
    by_array = skinzoo.predict(model, arrays, batch_size=1)
    assert [p.id for p in by_array] == ["array_0", "array_1", "array_2"]
    for other in (by_list, by_array):
        for a, b in zip(by_folder, other, strict=True):
            np.testing.assert_allclose(list(a.probabilities.values()), list(b.probabilities.values()), atol=1e-5)


def test_pillow_images_and_names_that_would_collide(model, tmp_path, write_image):
    path = write_image(tmp_path / "x" / "1.png", seed=1)
    write_image(tmp_path / "x" / "1.bmp", seed=2)
    write_image(tmp_path / "x" / "a" / "1.png", seed=3)
    assert [p.id for p in skinzoo.predict(model, tmp_path / "x")] == ["1.bmp", "1.png", "a/1"]
    with Image.open(path) as picture:
        by_pillow = skinzoo.predict(model, picture)[0]
    assert by_pillow.probabilities == skinzoo.predict(model, path)[0].probabilities


@pytest.mark.parametrize("bad", [None, 3, torch.zeros(3, 8, 8), [None], {"a": 1.5}])
def test_what_is_no_picture_at_all(model, bad):
    with pytest.raises((ConfigError, DatasetNotFoundError)):
        skinzoo.predict(model, bad)


def test_single_task_models(tmp_path, write_image):
    path = write_image(tmp_path / "a.png")
    segmenter = skinzoo.create_model("unet_resnet18", backbone_weights=None, image_size=32)
    prediction = skinzoo.predict(segmenter, path)[0]
    assert (prediction.probabilities, prediction.label) == ({}, None)
    assert np.isnan(prediction.probability)
    classifier = skinzoo.create_model("simple_cnn", image_size=32)
    assert skinzoo.predict(classifier, path)[0].mask is None


def test_nothing_is_predicted_where_the_centre_crop_cut_off(write_image, tmp_path):
    spec = InputSpec(size=(32, 32), crop="center", crop_fraction=1.0)
    model = skinzoo.create_model("unet_resnet18", backbone_weights=None, input_spec=spec)
    probability = skinzoo.predict(model, write_image(tmp_path / "a.png", height=40, width=80))[0].mask_probability
    assert probability[:, :18].max() == probability[:, -18:].max() == 0
    assert probability[:, 22:-22].min() > 0


def test_the_mode_is_put_back(model, tmp_path, write_image):
    model.train()
    before = {k: v.clone() for k, v in model.state_dict().items()}
    skinzoo.predict(model, write_image(tmp_path / "a.png"))
    assert model.training
    assert all(torch.equal(before[k], v) for k, v in model.state_dict().items())
    model.eval()


def test_what_is_no_picture(model, tmp_path):
    with pytest.raises(DatasetNotFoundError, match="nowhere"):
        skinzoo.predict(model, tmp_path / "nowhere.jpg")
    with pytest.raises(DatasetNotFoundError, match=r"no image in .*expected files ending in"):
        skinzoo.predict(model, tmp_path)
    (tmp_path / "empty.jpg").touch()
    with pytest.raises(ImageDecodeError, match=r"empty\.jpg"):
        skinzoo.predict(model, tmp_path / "empty.jpg")
    for bad in (np.zeros((8, 8), np.uint8), np.zeros((8, 8, 4), np.uint8), np.random.rand(8, 8, 3)):  # noqa: NPY002
        with pytest.raises(ConfigError, match="uint8 RGB array"):
            skinzoo.predict(model, bad)
    with pytest.raises(DatasetNotFoundError, match="no file or folder at ''"):
        skinzoo.predict(model, "")
    with pytest.raises(ConfigError, match="batch_size"):
        skinzoo.predict(model, [], batch_size=0)
    assert skinzoo.predict(model, []) == []
