"""Splits from tables alone: the same as from the opened collection, and the same from the same table."""

import hashlib
import runpy
import sys
from pathlib import Path

import pytest

import skinzoo

SCRIPT = Path(__file__).parents[2] / "examples" / "make_splits.py"


@pytest.fixture
def run(monkeypatch, capsys, tmp_path):
    def run_script(*arguments: object) -> list[Path]:
        monkeypatch.setattr(sys, "argv", ["make_splits", *map(str, arguments), "--save_dir", str(tmp_path / "out")])
        runpy.run_path(str(SCRIPT), run_name="__main__")
        return [Path(line) for line in capsys.readouterr().out.splitlines() if line.endswith(".csv")]

    return run_script


def test_ham10000_from_its_table_is_ham10000_from_its_folder(run, fake_ham10000):
    root = fake_ham10000(mask_scale=1)
    split, folds = run("ham10000", root / "HAM10000_metadata.csv", "--folds", 3)
    assert [p.name for p in (split, folds)] == ["ham10000_70-15-15_seed42.csv", "ham10000_3fold_seed42.csv"]
    data = skinzoo.load_dataset("ham10000", root)
    expected = {part.part: part.records.ids.tolist() for part in data.split()}
    assert {name: part.records.ids.tolist() for name, part in skinzoo.load_split(split, data).items()} == expected
    held_out = [fold[1].records.ids.tolist() for fold in data.kfold(3)]
    assert [p.records.ids.tolist() for p in skinzoo.load_split(folds, data).values()] == held_out
    table = root / "HAM10000_metadata.csv"
    first = hashlib.sha256(split.read_bytes()).hexdigest()
    header, *rows = table.read_text().splitlines()
    table.write_text("\n".join([header, *reversed(rows)]) + "\n")
    assert hashlib.sha256(run("ham10000", table, "--folds", 0)[0].read_bytes()).hexdigest() == first


def challenge(folder: Path, lesions: dict[str, str]) -> list[Path]:
    """ISIC 2019's two tables: eight classes and UNK, 64 images of lesions that `lesions` may lack."""
    codes = [*skinzoo.dataset_info("isic2019").label_space, "UNK"]
    truth, metadata = folder / "ISIC_2019_Training_GroundTruth.csv", folder / "ISIC_2019_Training_Metadata.csv"
    ids = [f"ISIC_{k:07d}" for k in range(72)]
    cells = [[f"{float(k % 9 == c)}" for c in range(9)] for k in range(72)]
    truth.write_text(
        "\n".join([",".join(["image", *codes]), *(",".join([i, *c]) for i, c in zip(ids, cells, strict=True))])
    )
    metadata.write_text(
        "\n".join(["image,age_approx,lesion_id", *(f"{i},40,{lesions.get(i, '')}" for i in reversed(ids))])
    )
    return [truth, metadata]


def test_isic2019_from_two_tables(run, tmp_path):
    together = {"ISIC_0000000": "A", "ISIC_0000009": "A", "ISIC_0000001": "B", "ISIC_0000028": "B"}
    split, folds, *_ = run("isic2019", *challenge(tmp_path, together), "--fractions", 0.5, 0.5, "--folds", 2)
    for path in (split, folds):
        part_of = dict(line.split(",") for line in path.read_text().splitlines()[2:])
        assert len(part_of) == 72
        assert part_of["ISIC_0000000"] == part_of["ISIC_0000009"]
        assert part_of["ISIC_0000001"] == part_of["ISIC_0000028"]
        for code in range(9):
            assert len({part_of[f"ISIC_{k:07d}"] for k in range(code, 72, 9)}) == 2
    assert split.name == "isic2019_50-50_seed42.csv"


def test_a_stable_split_of_a_part_of_the_table_is_a_part_of_the_split(run, tmp_path):
    rows = [f"m{k}.jpg,{'xy'[k % 2]},p{k // 2}" for k in range(400)]
    columns = ["--id", "file", "--label", "dx", "--group", "patient", "--stable", "--folds", 0]
    sides = []
    for some in (rows, rows[::3]):
        (tmp_path / "t.csv").write_text("\n".join(["file,dx,patient", *some]))
        (path,) = run("my_clinic", tmp_path / "t.csv", *columns)
        sides.append(dict(line.split(",") for line in path.read_text().splitlines()[2:]))
    assert path.name == "my_clinic_stable_70-15-15_seed42.csv"
    assert len(sides[0]) == 400
    assert sides[1].items() <= sides[0].items()
    assert set(sides[1].values()) == {"train", "val", "test"}


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["clinic"], "error: clinic is none of ham10000"),
        (["clinic", "--id", "file"], "name the column with the class: --label"),
        (["clinic", "--id", "image", "--label", "dx"], "has no column 'image', but file, dx"),
        (["clinic", "--id", "file", "--label", "class"], "no column 'class' in .*; there are file, dx"),
        (["clinic", "--id", "file", "--label", "dx"], "error: a class needs at least 3 groups"),
    ],
)
def test_mistakes_end_in_one_line(run, tmp_path, arguments, says):
    (tmp_path / "t.csv").write_text("file,dx\na,x\nb,x\n")
    with pytest.raises(SystemExit, match=says):
        run(arguments[0], tmp_path / "t.csv", *arguments[1:])
