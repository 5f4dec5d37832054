"""The `archive` layout of HAM10000 on fabricated copies of its tree."""

import pytest

from skinzoo.datasets import load_dataset
from skinzoo.datasets.integrity import IntegrityWarning
from skinzoo.errors import DatasetNotFoundError


@pytest.fixture
def archive(tmp_path, write_image, write_mask):
    root = tmp_path / "archive"
    lines = ["image,MEL,NV,BCC,AKIEC,BKL,DF,VASC"]
    for k in range(7):
        name = f"ISIC_{k:07d}"
        write_image(root / "images" / f"{name}.jpg", seed=k)
        write_mask(root / "masks" / f"{name}_segmentation.png")
        lines.append(f"{name}," + ",".join("1.0" if c == k else "0.0" for c in range(7)))
    (root / "GroundTruth.csv").write_text("\n".join(lines) + "\n")
    return root


def test_archive(archive):
    data = load_dataset("archive", archive)
    assert len(data) == 7
    assert data.has_masks
    assert data.integrity.counts() == {"GROUP_UNKNOWN": 7}
    assert data.records.groups.tolist() == data.records.ids.tolist()
    assert data[3].label == 3


def test_archive_takes_lesions_from_the_metadata_beside_it(archive):
    rows = "".join(f"HAM_{k // 2},ISIC_{k:07d},mel\n" for k in range(7))
    (archive / "HAM10000_metadata.csv").write_text("lesion_id,image_id,dx\n" + rows)
    data = load_dataset("archive", archive)
    assert data.records.groups.tolist() == [f"HAM_{k // 2}" for k in range(7)]
    assert data.integrity.findings == ()


def test_archive_rows_without_one_class_are_listed(archive):
    table = archive / "GroundTruth.csv"
    table.write_text(table.read_text().replace("ISIC_0000002,0.0,0.0,1.0", "ISIC_0000002,0.0,0.0,0.0"))
    with pytest.warns(IntegrityWarning, match=r"6 of 7 rows are usable \(LABEL_NONE 1\)"):
        data = load_dataset("archive", archive)
    assert "ISIC_0000002" not in data.records.ids
    table.unlink()
    with pytest.raises(DatasetNotFoundError, match=r"no GroundTruth\.csv.*\n.*holds: images/, masks/"):
        load_dataset("archive", archive)
