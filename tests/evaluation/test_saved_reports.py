"""What `Report.save` writes comes back bit for bit, and a damaged file is refused by name, line and column."""

import csv
import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from skinzoo.errors import ConfigError, DatasetNotFoundError, TableError
from skinzoo.evaluation.inference import Outcome
from skinzoo.evaluation.report import Report, Resampling
from skinzoo.evaluation.saved.reading import load_report
from skinzoo.evaluation.saved.writing import prediction_table, quoted, saved_keys, unquoted
from skinzoo.files import write_csv, write_json
from skinzoo.models import OperatingPoints
from skinzoo.taxonomy import ISIC2018, LabelSpace
from skinzoo.types import IGNORE_INDEX

AWKWARD = [
    "=cmd|' /C calc'!A0",
    "'=1+1",
    "''@x",
    "'quoted'",
    "-5",
    "+49 30",
    "@user",
    "\ttab",
    "\rreturn",
    "line\nbreak",
    "both\r\n",
    'say "hi", twice',
    " blanks ",
    "Nävus 痣 🙂",
    "None",
    "nan",
    "0012",
    "1e5",
    "",
    "'",
    "<script>alert(1)</script>",
    "a,b;c",
]


def write(report, folder):
    """The two files with what `load_report` needs; `Report.save` adds further keys."""
    keys = {"title": report.title, "facts": report.facts, "metrics": report.values}
    write_json(folder / "report.json", keys | saved_keys(report))
    write_csv(folder / "predictions.csv", *prediction_table(report))
    return folder


def made(n=12, *, space=ISIC2018, masks=True, labels="all", logits=True, ids=None, groups=True, metadata=None, seed=0):
    """A report on numbers drawn at random."""
    rng = np.random.default_rng(seed)
    c = len(space) if space else 0
    truth = rng.integers(0, max(c, 1), n)
    if labels != "all":
        truth[:: 1 if labels == "none" else 3] = IGNORE_INDEX
    raw = rng.normal(size=(n, c)) * 3
    rows = np.flatnonzero(rng.random(n) < 0.7) if masks else np.zeros(0, np.int64)
    areas = rng.integers(0, 1000, (len(rows), 2))
    outcome = Outcome(
        ids=ids or [f"ISIC_{k:07d}" for k in range(n)],
        labels=truth,
        logits=raw if space and logits else None,
        probabilities=np.exp(raw) / np.exp(raw).sum(1, keepdims=True) if space else None,
        mask_counts=np.column_stack([areas.min(1) // 2, areas]) if masks else None,
        mask_rows=rows,
        loss_sums={"classification_loss": (1.25, 12.0)},
        loss=0.1,
        classes=space.classes if space else (),
    )
    return Report(
        title="resnet18 on <HAM10000>",
        facts={"model": "resnet18", "images": n, "parts": ["a", "b"]},
        label_space=space,
        outcome=outcome,
        groups=np.array([f"lesion {k // 2}" for k in range(n)]) if groups else None,
        metadata=metadata or {},
    )


def assert_same(report, loaded):
    a, b = report.outcome, loaded.outcome
    assert (loaded.title, loaded.facts, a.ids, a.classes) == (report.title, report.facts, b.ids, b.classes)
    assert (a.loss, a.loss_sums) == (b.loss, b.loss_sums)
    assert loaded.label_space == report.label_space
    if report.label_space:
        assert loaded.label_space.to_dict() == report.label_space.to_dict()
    for name in ("labels", "logits", "probabilities", "mask_counts", "mask_rows"):
        one, other = getattr(a, name), getattr(b, name)
        if one is None:
            assert other is None, name
        else:
            assert one.shape == other.shape, name
            assert one.astype(other.dtype).tobytes() == other.tobytes(), name
    np.testing.assert_equal(loaded.values, report.values)
    assert loaded.undefined == report.undefined
    if report.groups is None:
        assert loaded.groups is None
    else:
        assert loaded.groups.tolist() == report.groups.tolist()
    assert list(loaded.metadata) == list(report.metadata)
    for name, column in report.metadata.items():
        np.testing.assert_equal(loaded.metadata[name].tolist(), column.tolist())


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"masks": False},
        {"space": None, "labels": "none"},
        {"space": None},
        {"labels": "none"},
        {"labels": "some", "logits": False},
        {"groups": False},
        {"n": 0},
        {"n": 1, "masks": False},
        {"space": LabelSpace("odd", ("=a", "'=a", "x,y", "n\nn", "redicted")), "masks": False},
    ],
    ids=str,
)
def test_round_trip(options, tmp_path):
    report = made(**options)
    loaded = load_report(write(report, tmp_path))
    assert_same(report, loaded)
    assert loaded.examples == []
    again = tmp_path / "again"
    write(loaded, again)
    for name in ("report.json", "predictions.csv"):
        assert (again / name).read_bytes() == (tmp_path / name).read_bytes()
    assert_same(report, load_report(again / "report.json"))


def test_what_save_writes_is_loaded(tmp_path):
    report = made(metadata={"age_approx": np.arange(12.0)})
    points = OperatingPoints(per_class={"MEL": 0.2}, malignant=0.31, rule="by hand", source="nothing")
    report = replace(report, operating_points=points, resampling=Resampling(resamples=50, seed=3, level=0.9))
    report.save(tmp_path / "report")
    loaded = load_report(tmp_path / "report")
    assert_same(report, loaded)
    assert (loaded.operating_points, loaded.resampling) == (points, report.resampling)
    assert loaded.malignant_threshold == 0.31
    np.testing.assert_equal(loaded.intervals, report.intervals)
    assert str(loaded) == str(report)


def test_a_model_with_masks_on_a_collection_without_any(tmp_path):
    report = made()
    o = report.outcome
    vars(o).update(mask_counts=np.zeros((0, 3), np.int64), mask_rows=np.zeros(0, np.int64))
    report = Report(report.title, {}, report.label_space, o)
    loaded = load_report(write(report, tmp_path))
    assert_same(report, loaded)
    assert loaded.segmentation is None


def test_awkward_ids_groups_and_metadata(tmp_path):
    n = len(AWKWARD)
    some = np.array([*AWKWARD[: n // 2], *[None] * (n - n // 2)], dtype=object)
    some[[v == "" for v in some]] = "x"
    metadata = {
        "text": np.array(AWKWARD),
        "object": np.array([*AWKWARD[:-1], None], dtype=object),
        "some": some,
        "mixed": np.array([1, "1", True, 2.5, None, "", ["a", 1]] + [None] * (n - 7), dtype=object),
        "age": np.array([0.1, np.nan, -0.0, 1e300, np.inf, 5e-324, -7.5] + [np.nan] * (n - 7)),
        "count": np.arange(n) - 2**62,
        "flag": np.arange(n) % 2 == 0,
        "all missing": np.full(n, None, dtype=object),
        "=name\n": np.array(["x"] * n),
    }
    report = made(n, ids=AWKWARD, metadata=metadata)
    report.groups = np.array([name or "alone" for name in AWKWARD[::-1]])
    loaded = load_report(write(report, tmp_path))
    assert_same(report, loaded)
    assert np.signbit(loaded.metadata["age"][2])
    assert [type(v) for v in loaded.metadata["mixed"][:4]] == [int, str, bool, float]
    assert {k: v.dtype.kind for k, v in loaded.metadata.items()} == {
        **dict.fromkeys(("text", "object", "some", "mixed", "all missing", "=name\n"), "O"),
        "age": "f",
        "count": "i",
        "flag": "b",
    }
    with (tmp_path / "predictions.csv").open(newline="") as file:
        cells = [cell for row in csv.reader(file) for cell in row]
    numbers = {cell for cell in cells if cell[:1] in "-+" and cell and not _is_float(cell)}
    assert not numbers, "no cell that a spreadsheet would run"
    assert not [cell for cell in cells if cell.startswith(("=", "@", "\t", "\r"))]


def _is_float(cell):
    try:
        float(cell)
    except ValueError:
        return False
    return True


@given(st.text(alphabet="'=+-@\t\rab\"\n ,", max_size=6) | st.text(st.characters(exclude_categories=["Cs"])))
def test_quoting_is_undone_exactly(text):
    from skinzoo.files import _harmless

    assert unquoted(_harmless(quoted(text))) == text


@settings(max_examples=40, deadline=None)
@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=2, max_size=2))
def test_any_float_survives(tmp_path_factory, values):
    report = made(2, masks=False, metadata={"x": np.array(values)})
    report.outcome.logits[:] = np.array(values)[:, None]
    loaded = load_report(write(report, tmp_path_factory.mktemp("report")))
    assert loaded.outcome.logits.tobytes() == report.outcome.logits.tobytes()
    assert loaded.metadata["x"].tobytes() == np.array(values).tobytes()


def test_columns_of_the_table(tmp_path):
    report = made(metadata={"age": np.arange(12.0)}, space=LabelSpace("two", ("MEL", "NV")))
    header, rows = prediction_table(report)
    assert header == [
        *("id", "group", "label", "predicted", "p_MEL", "p_NV", "logit_MEL", "logit_NV", "dice", "iou"),
        *("mask_intersection", "mask_truth_area", "mask_predicted_area", "meta_age"),
    ]
    row = dict(zip(header, list(rows)[int(report.outcome.mask_rows[0])], strict=True))
    assert row["dice"] == report.segmentation.per_image.dice[0]
    assert row["mask_truth_area"] == report.outcome.mask_counts[0, 1]
    assert list(prediction_table(made(space=None, labels="none", masks=True, groups=False))[0])[:3] == [
        *("id", "dice", "iou")
    ]


def test_metadata_that_no_text_can_stand_for(tmp_path):
    report = made(2, metadata={"when": np.array(["2020-01-01", "2021-01-01"], dtype="datetime64[D]")})
    with pytest.raises(ConfigError, match="metadata column 'when' is an array of datetime64"):
        write(report, tmp_path)
    report = made(2, metadata={"thing": np.array([object(), None], dtype=object)})
    with pytest.raises(ConfigError, match="metadata column 'thing'"):
        write(report, tmp_path)


def edit_cell(folder, row, column, text):
    with (folder / "predictions.csv").open(newline="") as file:
        cells = list(csv.reader(file))
    cells[row][cells[0].index(column)] = text
    with (folder / "predictions.csv").open("w", newline="") as file:
        csv.writer(file).writerows(cells)


@pytest.mark.parametrize(
    ("column", "text", "message"),
    [
        ("p_MEL", "1.5", r"line 3, column 'p_MEL': '1.5' is not a number in \[0, 1\]"),
        ("p_MEL", "nan", r"line 3, column 'p_MEL': 'nan' is not a number in \[0, 1\]"),
        ("p_MEL", "1e999", "line 3, column 'p_MEL'"),
        ("p_MEL", "", "line 3, column 'p_MEL': '' is not a number"),
        ("p_MEL", "0_1", "line 3, column 'p_MEL': '0_1' is not a number"),
        ("p_MEL", "\u0661", "line 3, column 'p_MEL'"),
        ("p_MEL", "=1+1", "line 3, column 'p_MEL': '=1\\+1' is not a number"),
        ("p_MEL", "1", "line 3, column 'p_MEL ... p_VASC': the sum is"),
        ("logit_NV", "inf", "line 3, column 'logit_NV': 'inf' is not a finite number"),
        ("label", "melanoma", "line 3, column 'label': 'melanoma' is none of the classes MEL, NV"),
        ("predicted", "??", "line 3, column 'predicted': '\\?\\?', and '[A-Z]+' has the highest probability"),
        ("id", "ISIC_0000000", "line 3, column 'id': 'ISIC_0000000' stands twice, first in line 2"),
        ("mask_intersection", "-1", "line 3, column 'mask_intersection': '-1' is not a number of pixels"),
        ("mask_intersection", "999999", "line 3, column 'mask_intersection': 999999 pixels in both masks"),
        ("mask_truth_area", "", "line 3, column 'mask_truth_area': '' is not a number of pixels"),
        ("mask_truth_area", "9" * 20, "line 3, column 'mask_truth_area'"),
        ("meta_age", "old", "line 3, column 'meta_age': 'old' is not a number"),
        ("meta_count", "1.5", "line 3, column 'meta_count': '1.5' is not a whole number"),
        ("meta_count", "9" * 30, "line 3, column 'meta_count'"),
        ("meta_flag", "yes", "line 3, column 'meta_flag': 'yes' is not True or False"),
        ("meta_mixed", "[NaN]", "line 3, column 'meta_mixed'"),
        ("meta_mixed", "[" * 99999, "line 3, column 'meta_mixed'"),
    ],
)
def test_a_hostile_cell_is_named(tmp_path, column, text, message):
    metadata = {
        "age": np.arange(12.0),
        "count": np.arange(12),
        "flag": np.arange(12) > 3,
        "mixed": np.array([1, "a"] * 6, dtype=object),
    }
    report = made(metadata=metadata, seed=3)
    assert 1 in report.outcome.mask_rows
    edit_cell(write(report, tmp_path), 2, column, text)
    with pytest.raises(TableError, match=message) as caught:
        load_report(tmp_path)
    assert "predictions.csv" in str(caught.value)


def edit_json(folder, **keys):
    path = folder / "report.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **keys}))


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"schema_version": 99}, "schema_version 99, this skinzoo reads 1; load it with a newer skinzoo"),
        ({"schema_version": None}, "schema_version None, .*evaluate and save it again"),
        ({"schema_version": True}, "schema_version True"),
        ({"task": "detection"}, "unknown task 'detection'"),
        ({"task": "segmentation"}, "a report of the task segmentation with label_space"),
        ({"title": 5}, "'title' holds 5"),
        ({"facts": []}, r"'facts' holds \[\]"),
        ({"num_samples": True}, "'num_samples' holds True"),
        ({"label_space": {"name": "x"}}, "label_space"),
        ({"label_space": {"name": "x", "classes": ["a", "A"]}}, "each once in any case"),
        ({"label_space": {"name": "x", "classes": ["a"], "aliases": {"b": []}}}, "label_space"),
        ({"metadata_columns": {"age": "pickle"}}, "'age' is of the unknown kind 'pickle'"),
        ({"metadata_columns": {"age": []}}, "'age' is of the unknown kind"),
        ({"operating_points": {"malignant": 2}}, "operating_points: .*must lie in"),
        ({"operating_points": {"x": 1}}, "operating_points: "),
        ({"operating_points": 3}, "'operating_points' holds 3"),
        ({"resampling": {"level": 0.95, "resamples": 10**9, "seed": 0}}, "resampling must hold"),
        ({"resampling": {"level": 95, "resamples": 10, "seed": 0}}, "resampling must hold"),
        ({"resampling": {}}, "resampling must hold"),
        ({"loss": "low"}, "loss must be a number"),
        ({"loss": 10**400}, "loss must be a number"),
        ({"loss_sums": {"a": [1]}}, "loss_sums: 'a' must be two numbers"),
        ({"metrics": {"accuracy": 0.99}}, "says accuracy = 0.99, the predictions beside it give"),
        ({"metrics": {"accuracy": "high"}}, "says accuracy = 'high'"),
        ({"metrics": {"accuracy": None}}, "says accuracy = None"),
        ({"metrics": {"accuracy": 10**400}}, "says accuracy"),
    ],
)
def test_a_hostile_report_json_is_refused(tmp_path, keys, message):
    edit_json(write(made(), tmp_path), **keys)
    with pytest.raises(ConfigError, match=message) as caught:
        load_report(tmp_path)
    assert "report.json" in str(caught.value)


@pytest.mark.parametrize("text", ["", "{", "[]", "null", "[" * 99999, '{"schema_version": NaN}', "\ufeff{}"])
def test_what_is_no_report_json(tmp_path, text):
    (write(made(), tmp_path) / "report.json").write_text(text)
    with pytest.raises(ConfigError, match=r"report.json"):
        load_report(tmp_path)


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda b: b[: len(b) // 2].rsplit(b"\n", 1)[0] + b"\n", "rows, and report.json speaks of 12 samples"),
        (lambda b: b[: len(b) - 9], r"line \d+: \d+ cells under \d+ columns"),
        (lambda b: b"", "0 rows, and report.json speaks of 12"),
        (lambda b: b.replace(b"p_MEL", b"q_MEL"), "no column 'p_MEL', which report.json promises"),
        (lambda b: b.replace(b"p_MEL", b"p_NV"), "column 'p_NV' stands twice"),
        (lambda b: b.replace(b"mask_truth_area", b"mask_area"), "no column 'mask_truth_area'"),
        (lambda b: b.replace(b"group", b"patient"), "no column 'group'"),
        (lambda b: b.replace(b"lesion", b"l\xe9sion"), "not UTF-8"),
        (lambda b: b.replace(b"lesion 0", b'"lesion 0'), "not a readable table|cells under"),
    ],
)
def test_a_damaged_table_is_refused(tmp_path, damage, message):
    path = write(made(), tmp_path) / "predictions.csv"
    path.write_bytes(damage(path.read_bytes()))
    with pytest.raises(TableError, match=message):
        load_report(tmp_path)


def test_exchanged_predictions_are_noticed(tmp_path):
    """Each file is fine, but they are of two reports."""
    write(made(seed=1), tmp_path / "a")
    write(made(seed=2), tmp_path / "b")
    (tmp_path / "a" / "predictions.csv").replace(tmp_path / "b" / "predictions.csv")
    with pytest.raises(ConfigError, match="the two files do not belong together"):
        load_report(tmp_path / "b")


def test_absent_files(tmp_path):
    with pytest.raises(DatasetNotFoundError, match=r"report.json is absent; give the folder that Report.save wrote"):
        load_report(tmp_path)
    (write(made(), tmp_path) / "predictions.csv").unlink()
    with pytest.raises(DatasetNotFoundError, match=r"predictions.csv is absent"):
        load_report(tmp_path)
