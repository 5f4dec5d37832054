"""The script that makes the results page: what it trains, what it leaves alone, and what it writes."""

import importlib
import json
import re
import runpy
import shutil
import sys
from pathlib import Path

import pytest

import skinzoo

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "examples"
RESULTS = ROOT / "docs" / "assets" / "results"
sys.path.insert(0, str(EXAMPLES))
try:
    import make_bundled  # noqa: F401 - found once, it is remembered

    curves, data, jobs, references, settings, tables, training = (
        importlib.import_module(f"reproduction.{name}")
        for name in ("curves", "data", "jobs", "references", "settings", "tables", "training")
    )
finally:
    sys.path.remove(str(EXAMPLES))

TABLES = ("ham-classification", "ham-segmentation", "ham-multitask", "isic9", "transfer")
SMOKE = ["--smoke", "--out"]


def call(monkeypatch, *arguments):
    monkeypatch.setattr(sys, "argv", ["reproduce", *map(str, arguments)])
    runpy.run_path(str(EXAMPLES / "reproduce.py"), run_name="__main__")


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """The folders of a smoke test of every table: of the results, and of the tables for the documentation."""
    folder = tmp_path_factory.mktemp("reproduce")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(skinzoo.Report, "pictures", lambda report: [])  # they take seconds to draw
        patch.setattr(skinzoo.training.callbacks.Writer, "on_fit_end", lambda writer, trainer: None)  # likewise
        options = [*SMOKE, folder / "runs", "--docs", folder / "docs", "--table"]
        call(patch, *options, *(table for table in TABLES if table != "isic9"))
        call(patch, *options, "isic9", "--runs", "kept-simple_cnn-smoke-seed42")
    return folder / "runs", folder / "docs"


def is_left_out(job):
    """The other runs with contradictions differ from these in nothing that the script does."""
    return job.table == "isic9" and (job.protocol == "contradictions kept") != (job.recipe.model == "simple_cnn")


def rows_of(folder, table):
    return {row["run"]: row for row in json.loads((folder / f"{table}.json").read_text("utf-8"))["rows"]}


@pytest.mark.parametrize("table", TABLES)
def test_every_table_is_filled(finished, table):
    runs, docs = finished
    planned = [job for job in jobs.make_jobs(table, settings.BUDGETS["smoke"], None) if not is_left_out(job)]
    rows = rows_of(runs, table)
    assert sorted(rows) == sorted(job.name for job in planned)
    for row in rows.values():
        assert row["protocol"] in jobs.PROTOCOLS
        assert re.fullmatch("[0-9a-f]{64}", row["test_hash"])
        assert row["steps"] == 2
        assert row["minutes"] > 0
        assert min(row["images_per_second"].values()) > 0
        assert (runs / row["table"] / row["run"] / "report.json").is_file()
        assert not (runs / row["table"] / row["run"] / "train" / "checkpoints").exists(), "nothing goes on from there"
    assert (runs / f"{table}.md").read_text("utf-8") == (docs / f"{table}.md").read_text("utf-8")
    assert (runs / f"{table}.json").read_bytes() == (docs / f"{table}.json").read_bytes()
    assert str(runs) not in (docs / f"{table}.json").read_text("utf-8"), "no place of this machine"


def test_figures_and_hash_are_those_of_the_report(finished):
    runs, _ = finished
    row = rows_of(runs, "ham-multitask")["multitask-by-lesion-smoke-seed42"]
    folder = runs / "ham-multitask" / row["run"]
    report = skinzoo.load_report(folder / "report")
    for name in ("accuracy", "macro_f1", "dice", "weighted_recall"):
        assert row["figures"][name] == pytest.approx([report[name], *report.intervals[name][:2]])
    assert row["figures"]["MEL/recall"][0] == report.classification.per_class["MEL"]["recall"]
    assert row["test_hash"] == report.facts["split hash"]
    saved = skinzoo.create_model(f"local-dir:{folder / 'train' / 'best'}")
    assert row["parameters"] == saved.num_parameters()
    assert saved.calibration is not None


def test_exposure_is_measured_where_images_are_dealt(finished):
    rows = rows_of(finished[0], "ham-classification")
    by_lesion, by_image = (rows[f"scratch-by-{unit}-smoke-seed42"] for unit in ("lesion", "image"))
    assert by_lesion["exposed"] is None
    whole = skinzoo.load_dataset("synthetic", num_images=280, size=40)
    with pytest.warns(skinzoo.datasets.LeakageWarning):
        *_, test = whole.split(seed=42, by="image", allow_leakage=True)
    assert by_image["exposed"] == test.exposure.share > 0
    assert f"{100 * test.exposure.share:.1f} %" in (finished[0] / "ham-classification.md").read_text("utf-8")


def test_one_test_part_for_the_models_that_are_compared(finished):
    rows = rows_of(finished[0], "ham-multitask")
    assert len({row["test_hash"] for row in rows.values()}) == 1
    assert {row["table"] for row in rows.values()} == {"ham-multitask", "ham-classification", "ham-segmentation"}


def test_transfer_starts_from_the_pretrained_backbone(finished):
    runs, _ = finished
    rows = rows_of(runs, "transfer")
    head = rows["removed-resnet18_head-smoke-seed42"]
    assert head["trained_parameters"] < head["parameters"]
    assert head["start"] == "backbone of pretraining-smoke-seed42"
    before, after, other = (
        skinzoo.create_model(f"local-dir:{runs / 'isic9' / name / 'train' / 'best'}").backbone.state_dict()
        for name in ("pretraining-smoke-seed42", head["run"], "removed-resnet18_scratch-smoke-seed42")
    )
    assert all((before[name] == after[name]).all() for name in before), "a frozen backbone stays as it was loaded"
    assert not (before["conv1.weight"] == other["conv1.weight"]).all()
    picture = (runs / "transfer.png").read_bytes()
    assert picture.startswith(b"\x89PNG")
    assert 'src="../assets/results/transfer.png"' in (runs / "transfer.md").read_text("utf-8")


def test_a_finished_run_is_not_trained_again(finished, monkeypatch, capsys):
    runs, _ = finished
    before = {path: path.stat().st_mtime_ns for path in runs.rglob("row.json")}
    monkeypatch.setattr(skinzoo, "Trainer", None)
    call(monkeypatch, *SMOKE, runs, "--table", "ham-segmentation", "ham-multitask")
    assert capsys.readouterr().out.count("there already") == 4
    assert {path: path.stat().st_mtime_ns for path in runs.rglob("row.json")} == before


def test_a_run_that_was_killed_before_it_was_scored_goes_on(finished, tmp_path, monkeypatch, capsys):
    command = [*SMOKE, tmp_path / "runs", "--table", "ham-segmentation"]
    monkeypatch.setattr(skinzoo.Report, "pictures", lambda report: [])

    def killed(report, folder):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(skinzoo.Report, "save", killed)
        with pytest.raises(KeyboardInterrupt):
            call(patch, *command)
    assert not list((tmp_path / "runs").rglob("row.json"))
    call(monkeypatch, *command, "--list")
    assert "; begun" in capsys.readouterr().out
    call(monkeypatch, *command)
    row, whole = (rows_of(runs, "ham-segmentation") for runs in (tmp_path / "runs", finished[0]))
    name = "unet-by-lesion-smoke-seed42"
    assert row[name]["figures"] == whole[name]["figures"]


def test_other_settings_are_not_taken_for_the_same_run(finished, tmp_path, monkeypatch):
    runs = shutil.copytree(finished[0] / "ham-segmentation", tmp_path / "runs" / "ham-segmentation").parent
    path = runs / "ham-segmentation" / "unet-by-lesion-smoke-seed42" / "row.json"
    row = json.loads(path.read_text("utf-8"))
    row["recipe"]["train"]["lr"] = 1.0
    path.write_text(json.dumps(row), "utf-8")
    with pytest.raises(SystemExit, match=r"error: .*other settings \(train\.lr\); remove it"):
        call(monkeypatch, *SMOKE, runs, "--table", "ham-segmentation")


def test_tables_are_written_without_any_run(tmp_path, monkeypatch):
    call(monkeypatch, "--write", "--out", tmp_path / "none", "--docs", tmp_path / "docs", "--budget", "cpu")
    assert {p.name for p in (tmp_path / "docs").iterdir()} == {f"{t}.{e}" for t in TABLES for e in ("md", "json")}
    assert (tmp_path / "docs" / "isic9.md").read_text("utf-8") == "Not run yet.\n"


def test_rows_of_another_machine_stay(finished, tmp_path, monkeypatch):
    docs = shutil.copytree(finished[1], tmp_path / "docs")
    before = (docs / "ham-segmentation.json").read_bytes()
    call(monkeypatch, *SMOKE, tmp_path / "none", "--write", "--docs", docs, "--table", "ham-segmentation")
    assert (docs / "ham-segmentation.json").read_bytes() == before


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--smoke", "--table", "isic9", "--runs", "nothing"], "error: no run 'nothing' in isic9; there are kept-"),
        (["--table", "isic9", "--root", "nowhere", "--budget", "cpu", "--device", "cpu"], "error: .*nowhere"),
    ],
)
def test_mistakes_end_in_one_line(tmp_path, monkeypatch, arguments, says):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit, match=says):
        call(monkeypatch, *arguments)


def test_the_list_names_every_run_and_trains_nothing(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    call(monkeypatch, "--list", "--budget", "cpu", "--table", "all")
    said = capsys.readouterr().out
    budget = settings.BUDGETS["cpu"]
    assert all(job.name in said for table in TABLES for job in jobs.make_jobs(table, budget, None))
    assert said.count("; not begun") == len(said.splitlines())
    assert "time not known" not in said
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("budget", ["cpu", "gpu", "smoke"])
@pytest.mark.parametrize("table", TABLES)
def test_every_planned_run_can_be_built(table, budget):
    planned = jobs.make_jobs(table, settings.BUDGETS[budget], [1, 2])
    assert len({job.name for job in planned}) == len(planned)
    for position, job in enumerate(planned):
        options = {*job.recipe.model_options}
        assert options <= {*skinzoo.model_info(job.recipe.model).options, "image_size"}
        assert job.recipe.train.seed in ((42,) if job.protocol == "pre-training" else (1, 2))
        assert not job.needs or job.needs in [earlier.name for earlier in planned[:position]]
        assert (budget in job.name) == (budget != "cpu"), "runs of two budgets do not share a folder"


def test_asking_for_one_run_brings_those_that_it_starts_from(tmp_path):
    planned = jobs.make_jobs("isic9", settings.BUDGETS["cpu"], None)
    sys.path.insert(0, str(EXAMPLES))
    try:
        script = runpy.run_path(str(EXAMPLES / "reproduce.py"))
    finally:
        sys.path.remove(str(EXAMPLES))
    chosen = script["select"](planned, ["kept-resnet18_head-seed42"])
    assert [job.name for job in chosen] == ["pretraining-seed42", "kept-resnet18_head-seed42"]
    assert script["select"](planned, None) == planned


@pytest.fixture
def real_layout(tmp_path, fake_ham10000, fake_isic9):
    """Both collections as they are distributed, with what is wrong with the nine classes.

    Five pictures are in both collections; one class loses its second and third picture to a contradiction.
    """
    root = tmp_path / "root"
    root.mkdir()
    fake_ham10000().rename(root / "ham10000")
    nine = fake_isic9.rename(root / "isic9")
    pictures = sorted((root / "ham10000").rglob("*.jpg"))
    for path in pictures[:5]:
        shutil.copy(path, nine / "Train" / "nevus")
    for path in sorted(nine.rglob("seborrheic keratosis/*.jpg"))[1:]:
        shutil.copy(path, nine / "Train" / "melanoma")
    return root


def open_as(root, tmp_path, protocol, table="isic9"):
    budget = settings.BUDGETS["smoke"]
    job = next(j for j in jobs.make_jobs(table, budget, None) if j.protocol == protocol)
    opened = data.Collections(root, tmp_path / "out", budget)
    return opened, opened.parts(job)


def test_pretraining_has_no_lesion_of_the_nine_classes(real_layout, tmp_path):
    opened = data.Collections(real_layout, tmp_path / "out", settings.BUDGETS["smoke"])
    rest = opened.ham_for_pretraining()
    by_id = {0, 2, 4, 6, 8}  # the copied pictures
    by_look = {0, 1, 2, 10, 11, 12, 20, 21, 22}  # drawn from the same number as one of the nine classes
    lesions = {number % 21 for number in by_id | by_look}
    kept = {number for number in range(28) if number % 21 not in lesions}
    assert set(rest.records.ids.tolist()) == {f"ISIC_{24306 + number:07d}" for number in kept}
    skinzoo.datasets.check_disjoint(rest, opened.nine("keep", "keep"))


def test_a_class_that_contradictions_leave_too_small_is_named(real_layout, tmp_path):
    _, parts = open_as(real_layout, tmp_path, "contradictions removed")
    assert parts.left_out == {"SEK": 1}
    assert all(part.class_counts()["SEK"] == 0 for part in parts[:3])
    assert all(part.exposure is None for part in parts[:3])


def test_kept_contradictions_are_dealt_as_the_project_does_it(real_layout, tmp_path):
    _, parts = open_as(real_layout, tmp_path, "contradictions kept")
    assert parts.left_out == {}
    assert sum(part.class_counts()["SEK"] for part in (parts.train, parts.test)) >= 2
    assert parts.test.exposure is not None
    skinzoo.datasets.check_disjoint(parts.train, parts.val)


def test_the_ceiling_is_counted_from_the_files(real_layout, tmp_path):
    opened = data.Collections(real_layout, tmp_path / "out", settings.BUDGETS["smoke"])
    files = len(list((real_layout / "isic9").rglob("*.jpg")))
    assert opened.ceiling() == (2, pytest.approx(1 - 2 / files))


@pytest.mark.real_data
def test_the_ceiling_of_the_real_files(real_isic9, tmp_path):
    opened = data.Collections(real_isic9.parent, tmp_path / "out", settings.BUDGETS["cpu"])
    assert opened.ceiling() == (155, pytest.approx(0.9343, abs=5e-5))


def test_the_words_for_figures():
    nan = [None, None, None]
    assert tables.with_interval([0.81249, 0.8, 0.9]) == "0.812 (0.800 to 0.900)"
    assert tables.with_interval([0.5, None, None]) == "0.500"
    assert tables.with_interval(nan) == "undefined"
    assert tables.with_interval(None) == ""
    assert tables.over_seeds([[0.8, 0.7, 0.9], [0.6, 0.5, 0.7]]) == "0.700 (seeds 0.600 to 0.800)"
    assert tables.over_seeds([[0.8, 0.7, 0.9]]) == "0.800 (0.700 to 0.900)"
    assert tables.over_seeds([[0.8, 0.7, 0.9], nan]) == "0.800 (1 of 2 seeds; undefined in the others)"
    assert tables.over_seeds([nan, nan]) == "undefined"
    assert tables.over_seeds([None, None]) == ""


def test_figures_of_others_have_a_source_and_a_column():
    assert set(references.REFERENCES) == set(tables.COLUMNS) == set(TABLES)
    for table, found in references.REFERENCES.items():
        for other in found:
            assert other.source
            assert set(other.figures) <= set(tables.COLUMNS[table])
    assert all(set(columns) <= set(training.FIGURES) for columns in tables.COLUMNS.values())


def test_claims_stand_by_the_runs_that_were_divided_like_theirs():
    shown = tables.markdown("isic9", list(rows_of(RESULTS, "isic9").values()))
    protocols = ("contradictions kept", "contradictions removed", "pre-training")
    kept, removed, pretraining = (shown.index(f"**{jobs.PROTOCOLS[name]}**") for name in protocols)
    assert kept < removed < pretraining
    assert shown[kept:removed].count("| claimed: ") == shown.count("| claimed: ") == 4
    assert "29.3 % of the test images are exposed" in shown[kept:removed]
    assert "exposed" not in shown[removed:]
    assert shown.count("| **simple CNN, from random weights (96 px)** |") == 2

    shown = tables.markdown("ham-classification", list(rows_of(RESULTS, "ham-classification").values()))
    by_image = shown.index(f"**{jobs.PROTOCOLS['by image']}**")
    assert shown.index("| published: ") < by_image < shown.index("| claimed: ")

    shown = tables.markdown("transfer", list(rows_of(RESULTS, "transfer").values()))
    assert shown.count("| claimed: ") == 3, "no table is divided like theirs: they stand in the first"


@pytest.mark.parametrize("table", TABLES)
def test_the_page_shows_what_was_measured(table):
    page = (ROOT / "docs" / "results.md").read_text("utf-8")
    assert f'--8<-- "docs/assets/results/{table}.md"' in page
    assert f"reproduce.py --table {table}" in page
    rows = list(rows_of(RESULTS, table).values())
    assert not [row["run"] for row in rows if "smoke" in row["run"]]
    assert (RESULTS / f"{table}.md").read_text("utf-8") == tables.markdown(table, rows)
