"""The integrity report: accounting, its table, its files, its one warning."""

import csv
import json
import warnings

import pytest

from skinzoo.datasets.integrity import CODES, Finding, IntegrityReport, IntegrityWarning
from skinzoo.errors import IntegrityError


def report():
    return IntegrityReport(
        "demo",
        10,
        [
            Finding.of("IMG_EMPTY", "a", "x/a.jpg", "zero bytes", "quarantined", row=7),
            Finding.of("IMG_EMPTY", "b", "x/b.jpg", "zero bytes", "quarantined"),
            Finding.of("IMG_GRAY", "c", "x/c.jpg", "", "converted"),
            Finding.of("MASK_RESIZED", "d", "m/d.png", "", "converted", count=7),
            Finding.of("EXTRA_FILE", "", "=cmd|' /C calc'!A0.jpg", "", "kept"),
        ],
    )


def test_accounting_and_counts():
    r = report()
    assert (r.num_rows, r.num_ok, r.num_quarantined) == (10, 8, 2)
    assert r.counts() == {"EXTRA_FILE": 1, "IMG_EMPTY": 2, "IMG_GRAY": 1, "MASK_RESIZED": 7}
    assert [f.id for f in r.of("IMG_EMPTY")] == ["a", "b"]


def test_table_names_code_count_action_example_and_hint():
    text = str(report())
    assert text.startswith("demo: 10 rows, 8 usable, 2 quarantined\ncode ")
    line = next(part for part in text.splitlines() if part.startswith("IMG_EMPTY"))
    assert line.split(maxsplit=3)[:3] == ["IMG_EMPTY", "2", "quarantined"]
    assert "x/a.jpg" in line
    assert CODES["IMG_EMPTY"].hint in line
    assert "nothing to report" in str(IntegrityReport("demo", 3))


def test_saved_as_json_and_as_csv_without_formulas(tmp_path):
    saved = json.loads(report().save(tmp_path / "r.json").read_text())
    assert saved["num_quarantined"] == 2
    assert saved["findings"][0]["path"] == "x/a.jpg"
    with report().save(tmp_path / "r.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert list(rows[0]) == ["row", "id", "path", "code", "severity", "message", "action", "count", "sha256"]
    assert [row["code"] for row in rows] == [f.code for f in report().findings]
    assert [row["row"] for row in rows] == ["7", "", "", "", ""]
    assert saved["findings"][0] == dict(zip(rows[0], saved["findings"][0].values(), strict=True))
    assert (saved["findings"][0]["row"], saved["findings"][1]["row"]) == (7, None)
    assert rows[-1]["path"] == "'=cmd|' /C calc'!A0.jpg"


def test_one_warning_with_the_counts_that_matter():
    with pytest.warns(IntegrityWarning) as caught:
        report().announce()
    assert len(caught) == 1
    assert "8 of 10 rows are usable (EXTRA_FILE 1, IMG_EMPTY 2, IMG_GRAY 1)" in str(caught[0].message)


def test_benign_findings_do_not_warn_and_strict_tolerates_them():
    benign = IntegrityReport("demo", 3, [Finding.of("MASK_PALETTE", "a", "m/a.png", "", "kept")])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert benign.announce(strict=True) is benign


def test_strict_raises_the_summary():
    with pytest.raises(IntegrityError, match=r"2 quarantined\n(.*\n)*IMG_EMPTY"):
        report().announce(strict=True)


def test_as_a_table():
    table = report().table
    assert table.columns.tolist()[:4] == ["row", "id", "path", "code"]
    assert table["row"].isna().tolist() == [False, True, True, True, True]
    assert table.loc[0, "row"] == 7
    assert table.groupby("code")["count"].sum().to_dict() == report().counts()
    empty = IntegrityReport("demo", 3).table
    assert (len(empty), str(empty["row"].dtype)) == (0, "Int64")


NAMES = [
    "a\nb\t\r.jpg",
    "\udcff\udc80.jpg",
    "\u202egpj.exe",
    "🩺" * 60,
    "é".encode().decode("latin-1"),
    "\x1b[31m",
    "+1.jpg",
]


@pytest.mark.parametrize("name", NAMES)
def test_any_name_gives_valid_files_and_one_line(tmp_path, name):
    r = IntegrityReport("demo", 1, [Finding.of("IMG_EMPTY", name, name, name, "quarantined")])
    shown = json.loads(r.save(tmp_path / "r.json").read_text("utf-8"))["findings"][0]["path"]
    assert shown == name or "\\udcff" in shown
    with r.save(tmp_path / "r.csv").open(newline="", encoding="utf-8") as file:
        (row,) = csv.DictReader(file)
    assert row["path"].removeprefix("'") == shown
    text = str(r)
    assert len(text.splitlines()) == 3
    assert text.encode("utf-8")
    assert "\x1b" not in text
    assert r.table.loc[0, "path"] == shown
