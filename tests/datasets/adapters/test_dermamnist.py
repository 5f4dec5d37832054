"""DermaMNIST on fabricated `.npz` files: sizes, parts, variants, the leak of the official split, ids and lesions."""

import numpy as np
import pytest

from skinzoo.datasets import check_disjoint, dataset_info, load_dataset
from skinzoo.datasets.adapters.dermamnist import LABEL_ORDER, VARIANTS
from skinzoo.datasets.integrity import IntegrityWarning
from skinzoo.errors import (
    ConfigError,
    DataError,
    DatasetNotFoundError,
    IntegrityError,
    LabelError,
    LeakageError,
    TableError,
)
from skinzoo.taxonomy import ISIC2018

COUNTS = {"train": 14, "val": 7, "test": 7}
CODES = [code.lower() for code in LABEL_ORDER]
# class counts that MedMNIST publishes for its parts, in the order of its labels
PUBLISHED = {
    "train": (228, 359, 769, 80, 779, 4693, 99),
    "val": (33, 52, 110, 12, 111, 671, 14),
    "test": (66, 103, 220, 23, 223, 1341, 29),
}


def arrays(size=28):
    rng = np.random.default_rng(size)
    made = {}
    for part, n in COUNTS.items():
        made[f"{part}_images"] = rng.integers(0, 256, (n, size, size, 3), dtype=np.uint8)
        made[f"{part}_labels"] = (np.arange(n) % 7).astype(np.uint8)[:, None]
    return made


def image_ids():
    """The ISIC id of each row: 28 images, the first two of the test part of lesions that the training part shows."""
    numbers = iter(range(28))
    return {part: [f"ISIC_{next(numbers):07d}" for _ in range(n)] for part, n in COUNTS.items()}


def lesions():
    return {f"ISIC_{k:07d}": f"HAM_{k - 21 if k in (21, 22) else k}" for k in range(28)}


def write_ids(root):
    rows = [(part, i, name) for part, names in image_ids().items() for i, name in enumerate(names)]
    lines = [",".join(map(str, row)) for row in reversed(rows)]  # the index counts, not the order
    (root / "dermamnist_split_info.csv").write_text("\n".join(["split,index,image_id", *lines]) + "\n")


def write_lesions(root):
    lines = [f"{lesion},{image},nv" for image, lesion in lesions().items()]
    (root / "HAM10000_metadata.csv").write_text("\n".join(["lesion_id,image_id,dx", *lines]) + "\n")


def open_official(root, **options):
    with pytest.warns(IntegrityWarning, match="SPLIT_LEAKS 1"):
        return load_dataset("dermamnist", root, **options)


@pytest.fixture(params=[np.savez, np.savez_compressed], ids=["stored", "compressed"])
def root(request, tmp_path):
    request.param(tmp_path / "dermamnist.npz", **arrays())
    return tmp_path


def test_pictures_and_labels(root):
    data = open_official(root)
    made = arrays()
    assert data.label_space is ISIC2018
    assert data.class_counts() == dict.fromkeys(ISIC2018, 4)
    assert data.table["label"].tolist()[:7] == list(LABEL_ORDER)
    assert data.table["official_split"].tolist() == [part for part, n in COUNTS.items() for _ in range(n)]
    for part, rows in data.table.groupby("official_split").groups.items():
        for i, row in enumerate(rows):
            sample = data[row]
            assert sample.id == f"{part}_{i:05d}"
            np.testing.assert_array_equal(sample.image, made[f"{part}_images"][i])
    assert data.integrity.counts() == {"GROUP_UNKNOWN": 28, "SPLIT_LEAKS": 1}
    assert data.info.namespace == ""


def test_parts(root):
    data = open_official(root, part="val")
    assert data.name == "dermamnist[val]"
    assert len(data) == 7
    np.testing.assert_array_equal(data[3].image, arrays()["val_images"][3])
    assert data.source.members == ("val_images",), "the other arrays are not unpacked"
    with pytest.raises(ConfigError, match="part='dev'"):
        load_dataset("dermamnist", root, part="dev")


def test_the_official_split_leaks_and_the_one_by_lesion_does_not(root):
    write_ids(root)
    write_lesions(root)
    data = load_dataset("dermamnist", root)  # nothing is wrong with the whole, once lesions are known
    assert data.integrity.findings == ()
    assert data.info.namespace == "isic"
    assert dict(zip(data.records.ids.tolist(), data.records.groups.tolist(), strict=True)) == lesions()
    check_disjoint(*data.split())
    train, test = open_official(root, part="train"), open_official(root, part="test")
    assert "886 of its 2,005" in test.integrity.of("SPLIT_LEAKS")[0].message
    with pytest.raises(LeakageError, match="share 2 groups"):
        check_disjoint(train, test)


def test_ids_and_lesions_from_elsewhere(root, tmp_path):
    other = tmp_path / "other"
    other.mkdir()
    write_ids(other)
    write_lesions(other)
    tables = {"ids": other / "dermamnist_split_info.csv", "lesions": str(other / "HAM10000_metadata.csv")}
    assert len(set(load_dataset("dermamnist", root, **tables).records.groups)) == 26
    open_official(root, ids=tables["ids"])
    with pytest.raises(ConfigError, match=r"lesions= is of no use without the ids; put dermamnist_split_info\.csv"):
        load_dataset("dermamnist", root, lesions=tables["lesions"])
    with pytest.raises(DatasetNotFoundError, match=r"ids=.nowhere\.csv. is no file"):
        load_dataset("dermamnist", root, ids="nowhere.csv")


def test_corrected_variant_with_its_own_table(tmp_path):
    np.savez(tmp_path / "dermamnist_corrected_28.npz", **arrays())
    rows = [
        f"{lesions()[name]},{name},{CODES[i % 7]},{part}"
        for part, names in image_ids().items()
        for i, name in enumerate(names)
    ]
    table = tmp_path / "DermaMNIST-C.csv"
    table.write_text("\n".join(["lesion_id,image_id,dx,split", *rows]) + "\n")
    data = load_dataset("dermamnist", tmp_path, variant="corrected", strict=True)
    assert data.integrity.findings == ()
    assert data.info is VARIANTS["corrected"]
    assert data.records.ids.tolist() == [name for names in image_ids().values() for name in names]
    table.write_text("\n".join(["lesion_id,image_id,dx,split", rows[1], rows[0], *rows[2:]]) + "\n")
    with pytest.raises(TableError, match=r"line 2: 'bcc', but row 0 of the array train is AKIEC; .* another release"):
        load_dataset("dermamnist", tmp_path, variant="corrected")


def test_extended_variant_knows_lesions_of_ham10000_only(tmp_path):
    np.savez(tmp_path / "dermamnist_extended_28.npz", **arrays())
    write_lesions(tmp_path)
    rows = [
        f"{name.replace('ISIC_00000', 'ISIC_00340') if part == 'test' else name},{CODES[i % 7]},{i % 7},{part}"
        for part, names in image_ids().items()
        for i, name in enumerate(names)
    ]
    (tmp_path / "DermaMNIST-E.csv").write_text("\n".join(["image,diag,diag_int,split", *rows]) + "\n")
    data = load_dataset("dermamnist", tmp_path, variant="extended", strict=True)
    assert data.integrity.counts() == {"GROUP_UNKNOWN": 7}
    assert data.records.groups[[0, -1]].tolist() == ["HAM_0", "ISIC_0034027"]
    with pytest.raises(ConfigError, match="variant='C'"):
        load_dataset("dermamnist", tmp_path, variant="C")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda t: t.replace("val,6,ISIC_0000020\n", ""), "has 6 rows for val, but the array has 7"),
        (lambda t: t.replace("val,6,", "val,5,"), "index of val does not run from 0 to 6"),
        (lambda t: t.replace("image_id", "picture"), "wanted a column image_id or image"),
        (lambda t: t.replace("split", "part"), "wanted the columns split"),
    ],
)
def test_tables_of_ids_that_do_not_fit(root, change, message):
    write_ids(root)
    path = root / "dermamnist_split_info.csv"
    path.write_text(change(path.read_text()))
    with pytest.raises(TableError, match=message):
        load_dataset("dermamnist", root)


def test_sizes(root):
    np.savez(root / "dermamnist_64.npz", **arrays(64))
    with pytest.raises(ConfigError, match=r"holds the sizes 28, 64; choose one by size="):
        load_dataset("dermamnist", root)
    assert open_official(root, size=64)[0].image.shape == (64, 64, 3)
    assert open_official(root, size=28)[0].image.shape == (28, 28, 3)
    with pytest.raises(DatasetNotFoundError, match=r"(?s)no dermamnist_224\.npz.*dermamnist_split_info\.csv"):
        load_dataset("dermamnist", root, size=224)
    with pytest.raises(ConfigError, match="size=32 is unknown; use 28, 64, 128, 224"):
        load_dataset("dermamnist", root, size=32)
    (root / "dermamnist_64.npz").rename(root / "dermamnist_128.npz")
    with pytest.raises(DataError, match=r"of shape \(14, 64, 64, 3\); wanted \(14, 128, 128, 3\)"):
        load_dataset("dermamnist", root, size=128)


def test_identical_and_flat_pictures(tmp_path):
    made = arrays()
    made["test_images"][0] = made["train_images"][0]  # both akiec
    made["test_images"][1] = made["train_images"][3]  # bcc and df
    made["val_images"][2] = 200
    np.savez(tmp_path / "dermamnist.npz", **made)
    with pytest.warns(IntegrityWarning, match=r"26 of 28 .*\(DUP_CONFLICT 2, IDENTICAL_BYTES 2, SPLIT_LEAKS 1\)"):
        data = load_dataset("dermamnist", tmp_path)
    group = dict(zip(data.records.ids.tolist(), data.records.groups.tolist(), strict=True))
    assert group["test_00000"] == group["train_00000"]
    with pytest.warns(IntegrityWarning, match="25 of 28 .*IMG_DEGENERATE 1"):
        load_dataset("dermamnist", tmp_path, check="full")
    assert len(open_official(tmp_path, check="none")) == 28
    with pytest.raises(IntegrityError, match="DUP_CONFLICT"):
        load_dataset("dermamnist", tmp_path, strict=True)


def test_bad_labels_and_no_file(tmp_path):
    with pytest.raises(DatasetNotFoundError, match=r"no dermamnist\.npz"):
        load_dataset("dermamnist", tmp_path)
    made = arrays()
    made["val_labels"][0] = 7
    np.savez(tmp_path / "dermamnist.npz", **made)
    with pytest.raises(LabelError, match="val_labels holds 7; labels are 0 to 6"):
        load_dataset("dermamnist", tmp_path)
    (tmp_path / "dermamnist.npz").write_text("<html>")
    with pytest.raises(DataError, match="download it again"):
        load_dataset("dermamnist", tmp_path)


def test_declared_facts_are_the_published_ones():
    info = dataset_info("dermamnist")
    assert {part: sum(n) for part, n in PUBLISHED.items()} == info.parts
    totals = np.sum(list(PUBLISHED.values()), axis=0).tolist()
    assert dict(zip(LABEL_ORDER, totals, strict=True)) == info.class_counts
    assert all(sum(v.parts.values()) == v.num_images for v in VARIANTS.values())


def test_workers_read_the_same(tmp_path):
    from skinzoo.datasets import make_loader
    from skinzoo.transforms import eval_transform
    from skinzoo.types import InputSpec

    np.savez_compressed(tmp_path / "dermamnist.npz", **arrays())
    data = open_official(tmp_path, part="train")
    transform = eval_transform(InputSpec(size=(28, 28)))
    alone, shared = (
        [batch.images for batch in make_loader(data, transform, batch_size=4, num_workers=n)] for n in (0, 2)
    )
    assert all((a == b).all() for a, b in zip(alone, shared, strict=True))
