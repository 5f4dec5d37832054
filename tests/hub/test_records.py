"""Weights records: strict reading, finding, printing."""

import json
import math
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from weights_records import COMMIT, record_values

import skinzoo
from skinzoo.errors import ConfigError, UnknownNameError
from skinzoo.html import DISCLAIMER
from skinzoo.hub import records
from skinzoo.hub.digests import FileDigest
from skinzoo.hub.record import WeightsRecord
from skinzoo.hub.record_text import SYNTHETIC_WARNING
from skinzoo.hub.records import find_record, list_weights, read_record, read_records, weights_info

PACKAGED = list_weights()
BUNDLED = [name for name in PACKAGED if weights_info(name).bundled]
HUB = Path(skinzoo.__file__).parent / "hub"
GONE = object()


def at(values, path):
    """The container and the key that a path such as `figures.0.low` leads to."""
    *way, last = [int(step) if step.isdigit() else step for step in path.split("/")]
    for step in way:
        values = values[step]
    return values, last


def broken(path, value):
    values = record_values()
    container, key = at(values, path)
    if value is GONE:
        del container[key]
    else:
        container[key] = value
    return values


def write(folder, **changes):
    values = record_values(**changes)
    path = folder / f"{values['name']}.json"
    path.write_text(json.dumps(values))
    return path


# -- reading ----------------------------------------------------------------------------------------------------------


def test_a_record_comes_back_as_it_was_written():
    values = record_values()
    record = WeightsRecord.from_dict(values)
    assert WeightsRecord.from_dict(json.loads(json.dumps(record.to_dict()))) == record
    assert record.to_dict() == {**values, "training": {**values["training"], "minutes": 30.0}}
    assert (record.architecture, record.tag) == ("resnet18_finetuned", "ham10000")
    assert str(record.reference) == f"skinzoo/resnet18-ham10000@{COMMIT}"
    assert record.files["config.json"] == FileDigest("1" * 64, 100)
    assert record.size == 2_000_400
    assert not record.bundled
    assert record.input_spec.size == (64, 96)
    bundled = WeightsRecord.from_dict(record_values(repository=None, revision=None))
    assert bundled.bundled
    assert bundled.reference is None


@pytest.mark.parametrize(
    ("path", "value", "says"),
    [
        ("colour", "red", "x.json: unknown field 'colour'; "),
        ("titel", "A", "x.json: unknown field 'titel'; did you mean 'title'"),
        ("licence", GONE, "x.json: licence missing; all of "),
        ("licence", " ", "x.json: licence must be a text that is not empty, got ' '"),
        ("title", 7, "x.json: title must be a text that is not empty, got 7"),
        ("format_version", 2, "x.json: format_version must be 1, which this version reads, got 2"),
        ("name", "resnet18", "x.json: name must be <architecture>.<tag>"),
        ("name", "../resnet18.x", "x.json: name must be <architecture>.<tag>"),
        ("name", "a.b.c", "x.json: name must be <architecture>.<tag>"),
        ("task", "detection", "x.json: task must be one of classification, segmentation, multitask, got 'detection'"),
        ("task", "segmentation", "x.json: label_space must be null for a model that only segments"),
        ("label_space", None, "x.json: label_space must be null for a model that only segments"),
        ("label_space", "isic2018", "x.json: label_space must be named values, got 'isic2018'"),
        ("label_space/classes", ["MEL", "MEL"], "x.json: label_space: .*each once"),
        ("label_space/colour", "red", "x.json: label_space: "),
        ("input_spec", None, "x.json: input_spec must be named values, got None"),
        ("input_spec/size", [0, 1], r"x.json: input_spec: InputSpec: size=\(0, 1\) is out of range"),
        ("repository", "nobody", "x.json: repository and revision: 'nobody' is no Hub repository"),
        ("repository", "a/../b", "x.json: repository and revision: 'a/../b' is no Hub repository"),
        ("repository", None, "x.json: revision must be a commit where there is a repository"),
        ("revision", None, "x.json: revision must be a commit where there is a repository"),
        ("revision", "main", "x.json: repository and revision: the revision 'main' .* 40 hex digits"),
        ("revision", COMMIT.upper(), "x.json: repository and revision: the revision .* 40 hex digits"),
        ("files", [], "x.json: files must be named values by name"),
        ("files/config.json", GONE, "x.json: files must hold config.json and model.safetensors; config.json missing"),
        ("files/config.json", "abc", "x.json: files.config.json must be named values, got 'abc'"),
        ("files/config.json/sha256", "A" * 64, "x.json: files.config.json: sha256 must be 64 lower-case hex digits"),
        ("files/config.json/sha256", "a" * 63, "x.json: files.config.json: sha256 must be 64 lower-case hex digits"),
        ("files/config.json/size", -1, "x.json: files.config.json: size must be a whole number of bytes, got -1"),
        ("files/config.json/size", True, "x.json: files.config.json: size must be a whole number of bytes, got True"),
        ("files/config.json/md5", "0", "x.json: files.config.json: its entry: unknown field 'md5'"),
        ("parameters", 0, "x.json: parameters must be a whole number of at least 1, got 0"),
        ("parameters", 1e6, "x.json: parameters must be a whole number of at least 1, got 1000000.0"),
        ("dtype", "float64", "x.json: dtype must be one of float32, float16, got 'float64'"),
        ("data", [], "x.json: data must be a list of at least 1"),
        ("data/0/role", "validation", "x.json: data must have a part with the role 'training'"),
        ("data/0/role", "fun", r"x.json: data\[0\]: role must be one of training, validation, test, got 'fun'"),
        ("data/0/collections", [], r"x.json: data\[0\]: collections must be a list of texts that are not empty"),
        ("data/0/collections", "ham10000", r"x.json: data\[0\]: collections must be a list of texts"),
        ("data/0/collections", ["synthetic"], "x.json: synthetic must be true: .* drawn pictures alone"),
        ("data/1/num_images", "7", r"x.json: data\[1\]: num_images must be a whole number of at least 1, got '7'"),
        ("data/1/class_counts/MEL", -1, r"x.json: data\[1\]: class_counts.MEL must be a number of images, got -1"),
        ("data/1/split_hash", "b" * 40, r"x.json: data\[1\]: split_hash must be 64 lower-case hex digits"),
        ("data/1/licence", "", r"x.json: data\[1\]: licence must be a text that is not empty"),
        ("data/1", None, r"x.json: data\[1\]: expected named values, got None"),
        ("training", None, "x.json: training: expected named values, got None"),
        ("training/seed", 1.5, "x.json: training: seed must be a whole number of at least 0, got 1.5"),
        ("training/learning_rate", math.nan, "x.json: training: learning_rate must be a number from 0"),
        ("training/versions", {"torch": 2}, "x.json: training: versions.torch must be a version, got 2"),
        ("training/loss", GONE, "x.json: training: loss missing"),
        ("figures", [], "x.json: figures must be a list of at least 1"),
        ("figures/0/value", math.inf, r"x.json: figures\[0\]: value must be a finite number, got inf"),
        ("figures/0/value", "0.9", r"x.json: figures\[0\]: value must be a finite number, got '0.9'"),
        ("figures/0/low", None, r"x.json: figures\[0\]: low and high must be the ends of an interval"),
        (
            "figures/0/low",
            0.9,
            r"x.json: figures\[0\]: low and high must be the ends of an interval, got 0.9 and 0.875",
        ),
        ("figures/0/level", 95, r"x.json: figures\[0\]: level must be a number from 0 to 1, got 95"),
        ("figures/0/level", 1, r"x.json: figures\[0\]: level must be a number between 0 and 1, got 1"),
        ("figures/0/unit", "eye", r"x.json: figures\[0\]: unit must be one of patient, lesion, image, got 'eye'"),
        ("figures/0/report", "other.json", "x.json: figures: the report other.json is not among the files"),
        ("thresholds/per_class", {"BCC": 0.5}, "x.json: thresholds.per_class: BCC not among the classes"),
        ("thresholds/malignant", 1.5, "x.json: thresholds: malignant must be a number from 0 to 1, got 1.5"),
        ("temperature", 0, "x.json: temperature must be a number from 1e-06 to 1e.06, got 0"),
        ("synthetic", 0, "x.json: synthetic must be true or false, got 0"),
        ("limits", [], "x.json: limits must be a list of texts that are not empty"),
        ("date", "31.1.2026", "x.json: date must be a day, such as 2026-01-31, got '31.1.2026'"),
        ("date", "2026-02-30", "x.json: date must be a day, such as 2026-01-31, got '2026-02-30'"),
    ],
)
def test_a_mistake_is_named_by_file_and_field(path, value, says):
    with pytest.raises(ConfigError, match=f"^{says}"):
        WeightsRecord.from_dict(broken(path, value), place="x.json")


@pytest.mark.parametrize("name", ["../config.json", "/etc/passwd", "a/b.json", "a\\b", "nul\0", "", ".hidden", "C:x"])
def test_no_file_lies_anywhere_else(name):
    values = record_values()
    values["files"][name] = {"sha256": "1" * 64, "size": 1}
    with pytest.raises(ConfigError, match=r"^x.json: files\."):
        WeightsRecord.from_dict(values, place="x.json")


def paths_in(value, path=()):
    """The ways to all values in a record, inner ones too."""
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in inner:
        yield (*path, key)
        yield from paths_in(item, (*path, key))


JUNK = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=3), st.lists(st.integers(), max_size=2),
    st.dictionaries(st.text(max_size=3), st.none(), max_size=2),
)  # fmt: skip


@given(st.sampled_from(sorted(paths_in(record_values()), key=str)), JUNK)
def test_whatever_stands_there_is_read_or_refused(path, junk):
    values = record_values()
    container = values
    for step in path[:-1]:
        container = container[step]
    container[path[-1]] = junk
    try:
        record = WeightsRecord.from_dict(values, place="x.json")
    except ConfigError as error:
        told = str(error)
    else:
        told = "x.json"
        assert WeightsRecord.from_dict(json.loads(json.dumps(record.to_dict()))) == record
        assert str(record)
    assert told.startswith("x.json")


@pytest.mark.parametrize("values", [None, [], "text", {}, {"format_version": 1}])
def test_something_else_is_no_record(values):
    with pytest.raises(ConfigError, match=r"^WeightsRecord: "):
        WeightsRecord.from_dict(values)


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"{", "Expecting property name"),
        (b"\xff\xfe", "can't decode byte"),
        (b'{"name": "a", "name": "b"}', "'name' stands there twice"),
        (b'{"parameters": NaN}', "NaN is no JSON"),
        (b"[" * 100_000, "recursion"),
        (b" " * 1_000_001, "larger than 1,000,000 bytes"),
        (b"[]", "expected named values, got"),
    ],
)
def test_a_damaged_file_is_named(tmp_path, content, says):
    path = tmp_path / "resnet18_finetuned.x.json"
    path.write_bytes(content)
    with pytest.raises(ConfigError, match=rf"^resnet18_finetuned\.x\.json.*{says}"):
        read_record(path)


def test_a_file_is_called_after_its_record(tmp_path):
    path = write(tmp_path)
    assert read_record(path).name == "resnet18_finetuned.ham10000"
    with pytest.raises(ConfigError, match=r"^other.json: name is .*must be called resnet18_finetuned.ham10000.json"):
        read_record(path.rename(tmp_path / "other.json"))
    with pytest.raises(ConfigError, match=r"^nothing.json is no readable record"):
        read_record(tmp_path / "nothing.json")


# -- finding ----------------------------------------------------------------------------------------------------------


@pytest.fixture
def known(tmp_path, monkeypatch):
    """Four records of two tasks instead of the packaged ones."""
    none = {"task": "segmentation", "label_space": None, "thresholds": None}
    write(tmp_path, name="unet_resnet18.isic2018-v2", **none)
    write(tmp_path, name="resnet18_finetuned.ham10000")
    write(tmp_path, name="resnet18_finetuned.bundled")
    write(tmp_path, name="resnet18_finetuned2.bundled")
    (tmp_path / "README.txt").write_text("no record")
    found = read_records(tmp_path)
    monkeypatch.setattr(records, "known_records", lambda: found)
    return found


def test_weights_are_listed(known):
    everything = sorted(known)
    assert list(known) == everything
    assert list_weights() == everything
    assert list_weights("*.bundled") == ["resnet18_finetuned.bundled", "resnet18_finetuned2.bundled"]
    assert list_weights(architecture="resnet18_finetuned") == everything[:2]
    assert list_weights("*.ham*", architecture="resnet18_finetuned", task="classification") == everything[1:2]
    assert list_weights(task=skinzoo.Task.SEGMENTATION) == ["unet_resnet18.isic2018-v2"]
    assert list_weights("nothing*") == []
    with pytest.raises(ConfigError, match="unknown task 'detection'"):
        list_weights(task="detection")
    with pytest.raises(ConfigError, match="pattern must be a text such as"):
        list_weights(7)


def test_weights_are_found_by_tag_and_by_name(known):
    record = known["resnet18_finetuned.ham10000"]
    assert weights_info("resnet18_finetuned.ham10000") is record
    assert find_record("resnet18_finetuned", "ham10000") is record
    assert find_record("resnet18_finetuned", "resnet18_finetuned.ham10000") is record


@pytest.mark.parametrize(
    ("architecture", "tag", "says"),
    [
        ("resnet18_finetuned", "ham1000", "resnet18_finetuned has no weights 'ham1000'; did you mean 'ham10000'?"),
        (
            "resnet18_finetuned",
            "isic2018-v3",
            "resnet18_finetuned has no weights 'isic2018-v3'; known: bundled, ham10000. Other models have: "
            "unet_resnet18.isic2018-v2.",
        ),
        (
            "unet_resnet18",
            "bundle",
            "unet_resnet18 has no weights 'bundle'; known: isic2018-v2. Other models have: "
            "resnet18_finetuned.bundled, resnet18_finetuned2.bundled.",
        ),
        (
            "simple_cnn",
            "xyz",
            "there are no weights for simple_cnn ('xyz' was asked for). There are weights for: resnet18_finetuned, "
            "resnet18_finetuned2, unet_resnet18.",
        ),
        (
            "simple_cnn",
            "unet_resnet18.isic2018-v2",
            "the weights 'unet_resnet18.isic2018-v2' are those of another model than simple_cnn; "
            "create_model('unet_resnet18.isic2018-v2') loads them.",
        ),
    ],
)
def test_an_unknown_tag_is_answered_with_close_ones(known, architecture, tag, says):
    with pytest.raises(UnknownNameError) as error:
        find_record(architecture, tag)
    assert str(error.value) == says


def test_an_unknown_name_is_answered_with_close_ones(known):
    with pytest.raises(UnknownNameError, match=r"unknown weights 'resnet18_finetuned\.ham'; did you mean"):
        weights_info("resnet18_finetuned.ham")
    with pytest.raises(UnknownNameError, match=r"unknown weights \['x'\]; known: "):
        weights_info(["x"])


def test_records_are_read_late_and_cheaply():
    code = """
import sys
from skinzoo.html import DISCLAIMER
from skinzoo.hub import records
assert not records.known_records.cache_info().currsize
names = records.list_weights()
print([records.weights_info(name).title for name in names])
heavy = {"torch", "numpy", "pandas", "huggingface_hub", "safetensors", "timm"} & set(sys.modules)
assert not heavy, heavy
"""
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env={"PYTHONPATH": str(HUB.parents[1])}
    )
    assert done.returncode == 0, done.stderr


# -- printing ---------------------------------------------------------------------------------------------------------


def test_the_card_shows_what_counts():
    text = str(WeightsRecord.from_dict(record_values()))
    lines, told = text.splitlines(), " ".join(text.split())
    assert lines[:3] == ["resnet18_finetuned.ham10000", "=" * 27, "Two classes of HAM10000"]
    assert SYNTHETIC_WARNING not in text
    assert f"hf-hub:skinzoo/resnet18-ham10000@{COMMIT}, 2.0 MB, 1,000,000 parameters in float16" in told
    assert "trained on 7 images of 5 lesions of HAM10000, part train (licence: CC BY-NC 4.0)" in told
    assert "calibrated  temperature 1.25" in lines
    assert "MEL from 0.3, malignant from 0.25 (malignant: sensitivity at least 0.95, on ham10000[val])" in told
    assert "licence     CC BY-NC 4.0" in lines
    assert "  balanced accuracy  0.750 (0.500 to 0.875)" in lines
    assert "  MEL  undefined" in lines
    assert "Elsewhere, part test (4 images; held-out lesions; 95% intervals, resampled by lesion)" in told
    assert all(len(line) < 80 or COMMIT in line for line in lines)
    assert "  macro AUC  0.900 (0.800 to 0.950)" in lines
    assert lines[-1] == DISCLAIMER
    assert max(map(len, lines)) <= 100


def test_a_model_of_drawn_pictures_says_so():
    text = str(WeightsRecord.from_dict(record_values(synthetic=True, repository=None, revision=None)))
    assert text.splitlines()[3] == SYNTHETIC_WARNING
    assert "part of the installed package, 2.0 MB" in text
