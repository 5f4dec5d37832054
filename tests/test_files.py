import csv
import hashlib
import json
import stat

import numpy as np
import pytest

from skinzoo.errors import ConfigError
from skinzoo.files import atomic_path, sha256_of, write_csv, write_json, write_text


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


def test_csv_keeps_numbers_and_disarms_formulas(tmp_path):
    cells = ["=1+1", "+a", "-b", "@c", "\td", "\re", "a-b", 'said "é", so', "two\nlines", ""]
    path = write_csv(tmp_path / "x.csv", ["-text", "number"], [(c, -1.5) for c in cells])
    assert b"\r\n" not in path.read_bytes()
    with path.open(newline="", encoding="utf-8") as file:
        header, *rows = csv.reader(file)
    assert header == ["'-text", "number"]
    assert [row[0] for row in rows] == [f"'{c}" for c in cells[:6]] + cells[6:]
    assert {row[1] for row in rows} == {"-1.5"}


def test_csv_writes_numpy_numbers_and_none(tmp_path):
    row = [np.float64(-0.25), np.int64(-3), np.float32(-0.5), True, None, float("nan")]
    assert write_csv(tmp_path / "x.csv", list("abcdef"), [row]).read_text() == "a,b,c,d,e,f\n-0.25,-3,-0.5,True,,nan\n"


def test_csv_with_an_uneven_row_leaves_the_old_file(tmp_path):
    path = write_csv(tmp_path / "x.csv", ["a", "b"], [(1, 2)])
    with pytest.raises(ConfigError, match="row 2 has 1 cells under 2 columns"):
        write_csv(path, ["a", "b"], iter([(3, 4), (5,)]))
    assert path.read_text() == "a,b\n1,2\n"


def test_sha256(tmp_path):
    (tmp_path / "x").write_bytes(b"abc" * 100_000)
    assert sha256_of(tmp_path / "x") == hashlib.sha256(b"abc" * 100_000).hexdigest()
