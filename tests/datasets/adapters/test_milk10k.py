"""MILK10k on a fabricated copy of the challenge's tree: two pictures a lesion, labels by lesion."""

from contextlib import nullcontext

import pytest

from skinzoo.datasets import dataset_info, load_dataset
from skinzoo.datasets.integrity import IntegrityWarning
from skinzoo.errors import ConfigError, DatasetNotFoundError, TableError
from skinzoo.taxonomy import MILK10K

LESIONS = [f"IL_{652 + k:07d}" for k in range(4)]
CODES = ["BCC", "MEL", "NV", "BCC"]
VIEWS = ("clinical: close-up", "dermoscopic")
HEADER = (
    "lesion_id,image_type,isic_id,attribution,copyright_license,image_manipulation,age_approx,sex,skin_tone_class,site,"
    "MONET_ulceration_crust,MONET_hair"
)


def image_id(lesion, view):
    return f"ISIC_{4671410 + 10 * lesion + view:07d}"


def truth(columns=tuple(MILK10K), **cells):
    lines = [
        ",".join([lesion, *(f"{float(c == code)}" for c in columns)])
        for lesion, code in zip(LESIONS, CODES, strict=True)
    ]
    lines = [cells.get(line.partition(",")[0], line) for line in lines]
    return "\n".join([",".join(["lesion_id", *columns]), *filter(None, lines)]) + "\n"


@pytest.fixture
def milk(tmp_path, write_image):
    """`milk(part="Training", **tables)` writes the tree and returns the root; a table given as None is left out."""

    def write(part="Training", **tables):
        rows = [HEADER]
        for k, lesion in enumerate(LESIONS):
            for v, view in enumerate(VIEWS):
                name = image_id(k, v)
                write_image(tmp_path / f"MILK10k_{part}_Input" / lesion / f"{name}.jpg", seed=10 * k + v)
                tone = "" if k == 1 else "7" if k == 2 and v else "3"
                rows.append(f"{lesion},{view},{name},ViDIR,CC-BY-NC,altered,60.0,female,{tone},trunk,0.25,0.5")
        contents = {
            "Metadata": "\n".join(rows),
            "GroundTruth": truth() if part == "Training" else None,
            "Supplement": None,
        } | tables
        for name, content in contents.items():
            if content is not None:
                (tmp_path / f"MILK10k_{part}_{name}.csv").write_text(content)
        return tmp_path

    return write


@pytest.mark.parametrize(("view", "kept"), [("dermoscopic", [1]), ("clinical", [0]), ("all", [0, 1])])
def test_views(milk, view, kept):
    with pytest.warns(IntegrityWarning) if 1 in kept else nullcontext():
        data = load_dataset("milk10k", milk(), view=view)
    assert data.records.ids.tolist() == [image_id(k, v) for k in range(4) for v in kept]
    assert [data.label_space.classes[k] for k in data.records.labels] == [c for c in CODES for _ in kept]
    assert data.records.groups.tolist() == [lesion for lesion in LESIONS for _ in kept]
    assert data.integrity.counts() == ({"META_VALUE": 1} if 1 in kept else {}), "the other view's files are not extra"
    assert data.info.modality == {"all": "mixed"}.get(view, view)
    assert data[0].metadata["image_type"] == VIEWS[kept[0]]
    assert (data[0].metadata["skin_tone_class"], data[0].metadata["MONET_hair"]) == (3, 0.5)


def test_the_dermoscopic_view_is_the_default(milk):
    with pytest.warns(IntegrityWarning):
        assert {s.metadata["image_type"] for s in load_dataset("milk10k", milk())} == {"dermoscopic"}


def test_an_archive_that_unpacked_into_itself(milk):
    root = milk()
    (root / "MILK10k_Training_Input").rename(root / "x")
    (root / "MILK10k_Training_Input").mkdir()
    (root / "x").rename(root / "MILK10k_Training_Input/MILK10k_Training_Input")
    assert len(load_dataset("milk10k", root, view="clinical")) == 4


def test_the_test_part_has_no_labels(milk):
    data = load_dataset("milk10k", milk("Test"), part="test", view="clinical")
    assert not data.has_labels
    assert data.records.groups.tolist() == LESIONS


def test_the_supplement_is_joined_by_image(milk):
    lines = [f"{image_id(k, 0)},Diagnosis {k},histopathology," for k in (2, 0, 1)]
    supplement = "isic_id,diagnosis_full,diagnosis_confirm_type,invasion_thickness_interval\n" + "\n".join(lines)
    data = load_dataset("milk10k", milk(Supplement=supplement), view="clinical")
    assert data.records.metadata["diagnosis_full"].tolist() == ["Diagnosis 0", "Diagnosis 1", "Diagnosis 2", None]
    assert data.records.metadata["invasion_thickness_interval"].tolist() == [None] * 4


def test_a_lesion_with_a_bad_label_costs_its_images(milk):
    bad = truth(IL_0000653="IL_0000653," + ",".join("0" * 11), IL_0000654="")
    with pytest.warns(IntegrityWarning):
        data = load_dataset("milk10k", milk(GroundTruth=bad), view="all")
    assert [(f.id, f.row, f.action) for f in data.integrity.of("LABEL_NONE")] == [
        (image_id(1, 0), 2, "quarantined"),
        (image_id(1, 1), 3, "quarantined"),
        (image_id(2, 0), 4, "kept"),
        (image_id(2, 1), 5, "kept"),
    ]
    assert [s.label is None for s in data] == [False, False, True, True, False, False]


def test_columns_are_found_by_name(milk):
    root = milk(GroundTruth=truth(tuple(reversed(MILK10K.classes))))
    data = load_dataset("milk10k", root, view="clinical")
    assert [data.label_space.classes[k] for k in data.records.labels] == CODES


def test_what_is_wrong_is_said(milk, tmp_path):
    with pytest.raises(DatasetNotFoundError, match="no MILK10k_Training_Input"):
        load_dataset("milk10k", tmp_path)
    root = milk(GroundTruth=None)
    with pytest.raises(DatasetNotFoundError, match=r"no MILK10k_Training_GroundTruth\.csv"):
        load_dataset("milk10k", root)
    for options in ({"view": "both"}, {"part": "val"}):
        with pytest.raises(ConfigError, match=next(iter(options.values()))):
            load_dataset("milk10k", root, **options)
    table = root / "MILK10k_Training_Metadata.csv"
    table.write_text(table.read_text().replace("clinical: close-up", "TBP tile"))
    with pytest.raises(TableError, match="line 2: image_type 'TBP tile' begins with none of dermoscopic, clinical"):
        load_dataset("milk10k", root)


def test_facts():
    info = dataset_info("milk10k")
    assert sum(info.class_counts.values()) == info.parts["train"] == 2 * 5240
    assert sum(info.parts.values()) == info.num_images
    assert "invasion_thickness_interval" in info.leaky
    assert "MONET_hair" in info.inputs
