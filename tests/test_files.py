import hashlib
import json
import stat

import pytest

from skinzoo.files import atomic_path, sha256_of, write_json, write_text


def test_a_failed_write_leaves_the_old_file_and_no_leftover(tmp_path):
    target = tmp_path / "a" / "file.txt"
    write_text(target, "old")
    with pytest.raises(RuntimeError), atomic_path(target) as temporary:  # noqa: PT012
        temporary.write_text("half")
        assert target.read_text() == "old", "the target must not be touched before the end"
        raise RuntimeError
    assert target.read_text() == "old"
    assert [p.name for p in target.parent.iterdir()] == ["file.txt"]


def test_files_are_readable_by_colleagues(tmp_path):
    mode = write_text(tmp_path / "x", "1").stat().st_mode
    (tmp_path / "plain").write_text("1")
    assert stat.S_IMODE(mode) == stat.S_IMODE((tmp_path / "plain").stat().st_mode)


def test_json_is_strict(tmp_path):
    path = write_json(tmp_path / "x.json", {"a": float("nan"), "b": [float("inf"), 1.5], "c": {"d": (1, "é")}})

    def refuse(constant):
        raise AssertionError(constant)

    assert json.loads(path.read_text("utf-8"), parse_constant=refuse) == {
        "a": None,
        "b": [None, 1.5],
        "c": {"d": [1, "é"]},
    }


def test_sha256(tmp_path):
    (tmp_path / "x").write_bytes(b"abc" * 100_000)
    assert sha256_of(tmp_path / "x") == hashlib.sha256(b"abc" * 100_000).hexdigest()
