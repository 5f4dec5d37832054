"""`skinzoo audit` says what `audit` and the integrity reports say."""

import json
import shutil

import numpy as np
import pytest
from PIL import Image

import skinzoo


@pytest.fixture
def clean(tmp_path):
    """Four different pictures in two classes, of which one more is damaged."""
    for k, name in enumerate(("mel/a", "mel/b", "nv/c", "nv/d")):
        path = tmp_path / "clean" / f"{name}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        noise = np.random.default_rng(k).integers(0, 256, (4, 5, 3), dtype=np.uint8)
        Image.fromarray(noise).resize((50, 40), Image.Resampling.BICUBIC).save(path)
    (tmp_path / "clean" / "mel" / "damaged.png").write_bytes(b"\x89PNG\r\n\x1a\n")
    return tmp_path / "clean"


@pytest.fixture
def contradictory(clean, tmp_path):
    """One of the pictures stands in both classes."""
    shutil.copytree(clean, tmp_path / "twice")
    shutil.copy(tmp_path / "twice" / "mel" / "a.png", tmp_path / "twice" / "nv" / "a.png")
    return tmp_path / "twice"


def test_a_clean_folder(cli, clean):
    done = cli("audit", clean, "--strict")
    assert done.status == 0
    assert "folder: 5 rows, 4 usable, 1 set aside" in done.out
    assert "IMG_TRUNCATED" in done.out
    assert "CLEAN" in done.out
    assert max(map(len, done.out.splitlines())) < 80
    assert "warning" not in done.err, "what is printed anyway is not warned of, too"
    answer = cli("audit", f"folder={clean}", "--json").json
    with pytest.warns(skinzoo.datasets.IntegrityWarning):
        data = skinzoo.load_dataset("folder", clean)
    assert answer == {"audit": skinzoo.audit(data).to_dict(), "integrity": [data.integrity.to_dict()]}


def test_contradictions_fail_only_if_strict(cli, contradictory):
    assert cli("audit", "folder", "--root", contradictory).status == 0
    done = cli("audit", "folder", "--root", contradictory, "--strict", "--json")
    assert done.status == 1
    assert done.json["integrity"][0]["counts"]["DUP_CONFLICT"] == 2
    assert done.json["audit"]["verdict"] == "clean", "of what is used"
    done = cli("audit", contradictory, "--all", "--strict", "--json")
    assert done.status == 1
    assert done.json["audit"]["counts"]["label_within"] == 1


def test_two_collections_that_share_pictures(cli, clean, contradictory, tmp_path):
    done = cli("audit", clean, contradictory, "--strict", "--save", tmp_path / "saved")
    assert done.status == 1
    assert "LEAKS" in done.out
    assert max(map(len, done.out.splitlines()[:-1])) < 80
    saved = {p.name for p in (tmp_path / "saved").iterdir()}
    assert saved == {"index.html", "audit.json", "integrity_1.json", "integrity_2.json"}
    answer = cli("audit", clean, contradictory, "--json").json
    assert json.loads((tmp_path / "saved" / "audit.json").read_text("utf-8")) == answer["audit"]
    assert json.loads((tmp_path / "saved" / "integrity_2.json").read_text("utf-8")) == answer["integrity"][1]
    alone = cli("audit", clean, contradictory, "--ids-only", "--json").json
    assert alone["audit"]["near"]["looked_for"] is False


def test_official_parts(cli, fake_isic9):
    train = next((fake_isic9 / "Train" / "melanoma").iterdir())
    shutil.copy(train, fake_isic9 / "Test" / "melanoma" / "ISIC_9999999.jpg")
    command = ["audit", "isic9", "--root", fake_isic9, "--option", "duplicates=keep", "--json", "--strict"]
    assert cli(*command).status == 0, "a copy within one class of one collection is no leak"
    done = cli(*command, "--official")
    assert done.status == 1
    assert list(done.json["audit"]["datasets"]) == ["isic9[train]", "isic9[test]"]
    assert done.json["audit"]["verdict"] == "leaks"


def test_parts_of_a_split_file(cli, tmp_path):
    data = skinzoo.load_dataset("synthetic", num_images=42, size=32)
    train, test = data.split((0.7, 0.3), seed=0)
    path = skinzoo.save_split(tmp_path / "split.csv", train=train, test=test)
    options = ["--option", "num_images=42", "--option", "size=32", "--json"]
    answer = cli("audit", "synthetic", *options, "--split", path).json["audit"]
    assert {name: part["num_images"] for name, part in answer["datasets"].items()} == {
        "synthetic[train]": len(train),
        "synthetic[test]": len(test),
    }
    assert len(answer["exposures"]) == 1


def test_what_is_in_no_part_is_said(cli, tmp_path):
    data = skinzoo.load_dataset("synthetic", num_images=42, size=32)
    path = skinzoo.save_split(tmp_path / "split.csv", train=data.subset([0, 1]), test=data.subset([20]))
    done = cli("audit", "synthetic", "--option", "num_images=42", "--option", "size=32", "--split", path)
    assert done.status == 0
    assert "39 of 42 images are in no part" in done.err


@pytest.mark.parametrize(
    ("arguments", "status", "says"),
    [
        (("nowhere",), 1, "error: unknown dataset 'nowhere'"),
        (("ham1000=data",), 1, "error: unknown dataset 'ham1000'; did you mean 'ham10000'?"),
        (("ham10000", "--root", "nowhere"), 1, "error: ham10000: "),
        (("synthetic", "--option", "sise=32"), 1, "does not take the option 'sise'. Did you mean 'size'"),
        (("synthetic", "--option", "num_images=8", "--split", "no.csv"), 1, "error: no.csv does not exist"),
        (("synthetic", "isic9", "--root", "x"), 2, "--root, --official and --split are for one collection"),
        (("synthetic", "--official", "--split", "x"), 2, "not allowed with argument"),
        (("ham10000=a", "--root", "b"), 2, "--root b and ham10000=a: name one folder"),
        (("synthetic", "--option", "num_images=8", "--official"), 1, "error: synthetic"),
    ],
)
def test_mistakes(cli, tmp_path, monkeypatch, arguments, status, says):
    monkeypatch.chdir(tmp_path)
    done = cli("audit", *arguments)
    assert done.status == status
    assert says in done.err
    assert not done.out
