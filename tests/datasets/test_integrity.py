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
            Finding.of("IMG_EMPTY", "a", "x/a.jpg", "zero bytes", "quarantined"),
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
    assert [row["code"] for row in rows] == [f.code for f in report().findings]
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
