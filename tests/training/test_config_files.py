"""Settings as JSON and YAML."""

import dataclasses
import json

import pytest
import yaml

import skinzoo
from skinzoo.errors import ConfigError
from skinzoo.training import Recipe, Schedule, TrainConfig

CONFIG = TrainConfig(
    num_steps=30, lr=3e-5, schedule=Schedule("cosine", warmup=0.1), ema_decay=0.99, output_dir="a b/ü", drop_last=True
)


@pytest.mark.parametrize("name", ["c.json", "c.yaml", "sub/c.YML"])
def test_config_round_trip(tmp_path, name):
    path = CONFIG.to_file(tmp_path / name)
    assert TrainConfig.from_file(path) == CONFIG
    loaded = (json.loads if name.endswith("json") else yaml.safe_load)(path.read_text("utf-8"))
    assert loaded["schedule"]["kind"] == "cosine"
    assert loaded["lr"] == 3e-5
    assert set(loaded) == {f.name for f in dataclasses.fields(TrainConfig)}


@pytest.mark.parametrize("name", skinzoo.list_recipes())
def test_every_recipe_round_trips(tmp_path, name):
    recipe = skinzoo.get_recipe(name)
    for ending in ("json", "yaml"):
        assert Recipe.from_file(recipe.to_file(tmp_path / f"r.{ending}")) == recipe


def test_the_written_configuration_of_a_run_is_one(tmp_path):
    (tmp_path / "train_config.json").write_text(json.dumps(CONFIG.to_dict()))
    assert TrainConfig.from_file(tmp_path / "train_config.json") == CONFIG


def test_what_is_left_out_has_its_default(tmp_path):
    path = tmp_path / "small.yaml"
    path.write_text("lr: 1e-4\nschedule: plateau\nseed: 7\n")
    config = TrainConfig.from_file(path)
    assert config == TrainConfig(lr=1e-4, schedule="plateau", seed=7)
    path.write_text("schedule: {kind: step, gamma: 5E-1}\n")
    assert TrainConfig.from_file(path).schedule == Schedule("step", gamma=0.5)
    path.write_text("dataset: synthetic\nmodel: simple_cnn\ntrain: {epochs: 1}\nmetadata: [age, sex]\n")
    assert Recipe.from_file(path) == Recipe(
        "small", "", dataset="synthetic", model="simple_cnn", train=TrainConfig(epochs=1), metadata=("age", "sex")
    )


def test_print_shows_what_the_file_would_hold(tmp_path):
    assert str(CONFIG) == CONFIG.to_file(tmp_path / "c.yaml").read_text("utf-8")
    assert "\nschedule:\n  kind: cosine\n  warmup: 0.1\n" in str(CONFIG)
    assert "\ntrain:\n  epochs: 30\n" in str(skinzoo.get_recipe("ham-metadata"))


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("batchsize: 4", r"c.yaml: TrainConfig has no setting 'batchsize'; did you mean 'batch_size'"),
        ("true: 4", "no setting 'True'"),
        ("schedule: {kind: cosine, warm_up: 0.1}", r"c.yaml: schedule: Schedule has no setting 'warm_up'.*'warmup'"),
        ("schedule: {kind: sine}", "c.yaml: schedule: unknown schedule 'sine'"),
        ("schedule: {warmup: much}", "schedule: warmup must be a number, got 'much'"),
        ("schedule: {step_size: 1.5}", "schedule: step_size must be a whole number, got 1.5"),
        ("schedule: [cosine]", "schedule must be a Schedule"),
        ("lr: fast", "c.yaml: lr must be a positive number, got 'fast'"),
        ("lr: .nan", "lr must be a positive number, got nan"),
        ("epochs: 2.5", "epochs must be a whole number"),
        ("drop_last: 1", "drop_last must be True or False, got 1"),
        ("compile: 'no'", "compile must be True or False, got 'no'"),
        ("augmentation: 3", "augmentation must be a text, got 3"),
        ("max_minutes: soon", "max_minutes must be a positive number"),
        ("lr: 1\nlr: 2", "c.yaml: 'lr' stands there twice"),
        ("schedule: {gamma: 0.1, gamma: 0.2}", "'gamma' stands there twice"),
        ("lr: &a 1\nweight_decay: *a", "line 1 is used a second time; write aliases out"),
        ("lr: [1", "c.yaml: it is no YAML"),
        ("lr: !!python/object/apply:os.getcwd []", "c.yaml: it is no YAML"),
        ("- lr", "named settings are expected, got list"),
        ("", "named settings are expected, got NoneType"),
        ("a: " + "[" * 1500 + "]" * 1500, "c.yaml: it is no YAML"),
        ("#" * 1_000_001, "larger than 1,000,000 bytes"),
    ],
    ids=lambda text: text[:30],
)
def test_mistakes_in_yaml(tmp_path, text, says):
    path = tmp_path / "c.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError, match=says):
        TrainConfig.from_file(path)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b'{"lr": 1, "lr": 2}', "c.json: 'lr' stands there twice"),
        (b'{"lr": 1', "c.json: it is no JSON"),
        (b"\xff\xfe", "c.json: it is no JSON"),
        (b"[]", "named settings are expected, got list"),
        (b'{"lr": "1e-4"}', "lr must be a positive number, got '1e-4'"),
    ],
)
def test_mistakes_in_json(tmp_path, content, says):
    path = tmp_path / "c.json"
    path.write_bytes(content)
    with pytest.raises(ConfigError, match=says):
        TrainConfig.from_file(path)


def test_files_that_are_none(tmp_path):
    with pytest.raises(ConfigError, match=r"none.json: it cannot be read"):
        TrainConfig.from_file(tmp_path / "none.json")
    (tmp_path / "folder.yaml").mkdir()
    with pytest.raises(ConfigError, match=r"folder.yaml: it cannot be read"):
        TrainConfig.from_file(tmp_path / "folder.yaml")
    for act in (TrainConfig.from_file, CONFIG.to_file):
        with pytest.raises(ConfigError, match=r"c.toml: settings are kept in files ending in .json, .yaml, .yml"):
            act(tmp_path / "c.toml")


GOOD = {"name": "n", "summary": "", "dataset": "synthetic", "model": "simple_cnn", "train": {}}


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"dataset": None}, "dataset must be a text, got None"),
        ({"train": {"lrr": 1}}, r"train: TrainConfig has no setting 'lrr'; did you mean 'lr'"),
        ({"train": {"schedule": {"kinds": 1}}}, "train: schedule: Schedule has no setting 'kinds'"),
        ({"train": "long"}, "train must be a TrainConfig, got 'long'"),
        ({"model_options": ["mlp"]}, r"model_options must be named values, got \['mlp'\]"),
        ({"fractions": 0.7}, "fractions must be a list"),
        ({"metadata": "age"}, "metadata must be a list"),
        ({"label_smoothing": True}, "label_smoothing must be a number, got True"),
        ({"mdoel": "x"}, "Recipe has no setting 'mdoel'; did you mean 'model'"),
    ],
)
def test_mistakes_in_recipes(change, says):
    assert Recipe.from_dict(GOOD).train == TrainConfig()
    with pytest.raises(ConfigError, match=says):
        Recipe.from_dict(GOOD | change)


def test_what_a_recipe_needs():
    with pytest.raises(ConfigError, match="Recipe needs dataset, model, train"):
        Recipe.from_dict({"name": "n", "summary": ""})
    with pytest.raises(ConfigError, match="named settings, got 3"):
        TrainConfig.from_dict(3)
