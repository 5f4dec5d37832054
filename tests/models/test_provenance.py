"""The oracle for a hash is Python's own BLAKE2b, read as a number by hand."""

import base64
import hashlib
import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import skinzoo
from skinzoo.errors import ConfigError, WeightsError
from skinzoo.models import provenance
from skinzoo.models.provenance import MAX_HASHES, SeenImages, TrainingRecord, hashes_of, packed


def seen(names=("a", "b", "c"), groups=("x", "y"), **changes):
    values = {
        "collections": ("ham10000",),
        "title": "HAM10000",
        "part": "train",
        "num_images": 3,
        "num_groups": 2,
        "group": "lesion",
        "class_counts": {"MEL": 1, "NV": 2},
        "licence": "CC BY-NC 4.0",
        "split_hash": "0" * 64,
        "image_hashes": packed(hashes_of(names)),
        "group_hashes": packed(hashes_of(groups)),
    }
    return SeenImages(**values | changes)


@given(st.lists(st.text(), max_size=30))
def test_hashes_are_the_first_bytes_of_blake2b(names):
    expected = [int.from_bytes(hashlib.blake2b(n.encode(), digest_size=8).digest(), "little") for n in names]
    assert hashes_of(names).tolist() == expected
    assert hashes_of(names).dtype == np.uint64
    kept = np.frombuffer(packed(hashes_of(names)), dtype="<u8").tolist()
    assert kept == sorted(set(expected))


def test_a_name_that_is_no_text_of_unicode_has_a_hash_too():
    assert hashes_of(["caf\udce9"]).shape == (1,)  # a file name in another encoding


@given(st.sets(st.text(max_size=8), min_size=1, max_size=20), st.sets(st.text(max_size=8), max_size=20))
def test_round_trip(names, groups):
    one = seen(names, groups, num_images=len(names) + 2, num_groups=len(groups))
    record = TrainingRecord((one,), (replace(one, part="val"),))
    again = TrainingRecord.from_dict(json.loads(json.dumps(record.to_dict())))
    assert again == record
    assert set(one.hashes.tolist()) == set(hashes_of([*names, *groups]).tolist())


def test_an_earlier_record_is_kept_and_nothing_stands_twice():
    first, second, val = seen(), seen(("d",), (), num_images=1), seen(("e",), (), num_images=1, part="val")
    earlier, later = TrainingRecord((first,), (val,)), TrainingRecord((second,))
    assert later.after(None) is later
    both = later.after(earlier)
    assert (both.training, both.validation) == ((first, second), (val,))
    assert later.after(both) == TrainingRecord((first, second), (val,))
    assert earlier.after(earlier) == earlier


def test_the_text_says_what_was_seen():
    text = str(TrainingRecord((seen(),), (seen(part="", group="image"),)))
    assert text == "trained on 3 images of 2 lesions of HAM10000, part train\nchosen by 3 images of HAM10000"


HOSTILE = {
    "no object": (lambda v: [v], "expected named values"),
    "another version": (lambda v: v | {"format_version": 2}, "format version 2"),
    "a key too many": (lambda v: v | {"pickle": ""}, "pickle missing or unknown"),
    "a key too few": (lambda v: {k: w for k, w in v.items() if k != "validation"}, "validation missing"),
    "no training": (lambda v: v | {"training": []}, "training is empty"),
    "training is a text": (lambda v: v | {"training": "abc"}, "training must be a list"),
    "an entry is a number": (lambda v: v | {"training": [3]}, "expected named values, got 3"),
    "too many entries": (lambda v: v | {"training": [0] * 10_001}, "training must be a list of up to"),
}
ENTRY = {
    "no such key": ({"ids": []}, "ids missing or unknown"),
    "collections is a text": ({"collections": "ham"}, "collections must be a list"),
    "no collection": ({"collections": []}, "collections="),
    "a collection is a number": ({"collections": [1]}, "collections="),
    "title is a list": ({"title": ["a"]}, "title="),
    "licence is endless": ({"licence": "x" * 30_000}, "licence="),
    "negative count": ({"num_images": -1}, "num_images=-1"),
    "count is true": ({"num_groups": True}, "num_groups=True"),
    "count is huge": ({"num_images": 10**30}, "num_images="),
    "class counts are a list": ({"class_counts": [1, 2]}, "class_counts="),
    "a class count is a text": ({"class_counts": {"MEL": "1"}}, "class_counts="),
    "split hash": ({"split_hash": "0" * 63}, "split_hash="),
    "split hash is a number": ({"split_hash": 0}, "split_hash="),
    "hashes are a list": ({"image_hashes": [1, 2, 3]}, "image_hashes must be base64"),
    "no base64": ({"image_hashes": "????"}, "image_hashes is not base64"),
    "not ASCII": ({"group_hashes": "ä" * 8}, "group_hashes is not base64"),
    "half a hash": ({"group_hashes": base64.b64encode(bytes(7)).decode()}, "group_hashes (7 bytes)"),
    "not sorted": ({"image_hashes": base64.b64encode(b"\2" * 8 + b"\1" * 8).decode()}, "image_hashes (16 bytes)"),
    "one twice": ({"image_hashes": base64.b64encode(b"\1" * 16).decode()}, "image_hashes (16 bytes)"),
    "more hashes than images": ({"num_images": 2}, "hashes of 2 names"),
    "images without a hash": ({"image_hashes": ""}, "image_hashes (0 bytes)"),
}


@pytest.mark.parametrize(("damage", "message"), HOSTILE.values(), ids=HOSTILE)
def test_a_damaged_record_is_refused(damage, message):
    with pytest.raises(ConfigError, match=message):
        TrainingRecord.from_dict(damage(TrainingRecord((seen(),)).to_dict()))


@pytest.mark.parametrize(("change", "message"), ENTRY.values(), ids=ENTRY)
def test_a_damaged_entry_is_refused(change, message):
    values = TrainingRecord((seen(),)).to_dict()
    values["training"][0] |= change
    with pytest.raises(ConfigError) as caught:
        TrainingRecord.from_dict(values)
    assert message in str(caught.value)
    assert len(str(caught.value)) < 500


def test_the_size_is_bounded(monkeypatch):
    values = seen().to_dict() | {"image_hashes": "A" * (MAX_HASHES * 11)}
    with pytest.raises(ConfigError, match="at most 5,000,000 hashes"):
        SeenImages.from_dict(values)
    monkeypatch.setattr(provenance, "MAX_HASHES", 9)
    TrainingRecord((seen(),))
    with pytest.raises(ConfigError, match="10 hashes; at most 9"):
        TrainingRecord((seen(),), (seen(part="val"),))


@pytest.fixture(scope="module")
def model():
    return skinzoo.create_model("simple_cnn", image_size=32, seed=0)


def test_the_record_travels_with_the_weights(model, tmp_path):
    model.training_record = record = TrainingRecord((seen(),), (seen(part="val"),))
    model.save_pretrained(tmp_path)
    assert (tmp_path / "training_data.json").is_file()
    assert skinzoo.create_model(f"local-dir:{tmp_path}").training_record == record
    model.training_record = None
    model.save_pretrained(tmp_path)
    assert not (tmp_path / "training_data.json").exists()
    assert skinzoo.create_model(f"local-dir:{tmp_path}").training_record is None


DAMAGE = {
    "cut": lambda text: text[: len(text) // 2],
    "empty": lambda text: "",
    "another value": lambda text: "[1, 2]",
    "nested": lambda text: "[" * 100_000,
    "one hash changed": lambda text: text.replace('"image_hashes": "', '"image_hashes": "////////////'),
    "no text": lambda text: b"\xff\xfe\x00",
}


@pytest.mark.parametrize("damage", DAMAGE.values(), ids=DAMAGE)
def test_a_damaged_file_is_a_weights_error(model, tmp_path, damage):
    model.training_record = TrainingRecord((seen(),))
    model.save_pretrained(tmp_path)
    path = tmp_path / "training_data.json"
    broken = damage(path.read_text())
    path.write_bytes(broken if isinstance(broken, bytes) else broken.encode())
    with pytest.raises(WeightsError, match=str(tmp_path)):
        skinzoo.create_model(f"local-dir:{tmp_path}")
