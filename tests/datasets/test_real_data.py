"""The real collections: published counts, the traps in their files, and what opening them finds by itself."""

import numpy as np
import pytest

from skinzoo.datasets import check_disjoint, load_dataset, read_mask
from skinzoo.datasets.integrity import IntegrityWarning
from skinzoo.errors import LeakageError, SplitError

pytestmark = pytest.mark.real_data


@pytest.fixture(scope="module")
def ham(real_ham10000):
    return load_dataset("ham10000", real_ham10000)  # without a warning: nothing is wrong with it


@pytest.fixture(scope="module")
def nine(real_isic9):
    with pytest.warns(IntegrityWarning, match="2047 of 2359 rows are usable"):
        return load_dataset("folder", real_isic9)


def test_ham10000_counts(ham):
    assert len(ham) == 8_940
    assert len(np.unique(ham.records.groups)) == 6_690
    assert ham.class_counts() == {"MEL": 981, "NV": 6024, "BCC": 439, "AKIEC": 287, "BKL": 980, "DF": 104, "VASC": 125}
    assert ham.integrity.counts() == {"IDENTICAL_BYTES": 4, "MASK_PALETTE": 363, "MASK_RESIZED": 8_940}
    assert (ham.records.masks != "").all()
    ages = ham.records.metadata["age"]
    assert np.nanmax(ages) == 85
    assert 0 < np.isnan(ages).sum() < 60
    assert 0 < (ages == 0).sum() < 40


def test_ham10000_identical_pictures_are_the_published_pairs(ham):
    ids = {f.id for f in ham.integrity.of("IDENTICAL_BYTES")}
    assert ids == {"ISIC_0024366", "ISIC_0029861", "ISIC_0024777", "ISIC_0029938"}


def test_inverted_palette_masks_show_the_lesion_in_the_middle(ham):
    centre, border = [], []
    found = ham.integrity.of("MASK_PALETTE")
    for finding in found:
        mask = read_mask(ham.source.path(finding.path)).array
        assert mask.shape == (450, 600)
        centre.append(mask[225, 300])
        border.append(np.concatenate([mask[0], mask[-1], mask[:, 0], mask[:, -1]]).mean())
    assert len(found) == 363
    assert np.mean(centre) > 0.9  # read by raw indices: 0.07
    assert np.mean(border) < 0.1  # read by raw indices: 0.98


def test_ham10000_sample(ham):
    sample = ham[int(np.flatnonzero(ham.records.ids == "ISIC_0024324")[0])]  # a palette mask
    assert sample.image.shape == (150, 200, 3)
    assert sample.mask.shape == (150, 200)
    assert sample.mask[75, 100] == 1


def test_ham10000_split_keeps_lesions_together_and_classes_in_balance(ham):
    parts = ham.split((0.70, 0.15, 0.15), seed=42)
    check_disjoint(*parts)
    for part, share in zip(parts, (0.70, 0.15, 0.15), strict=True):
        for code, n in part.class_counts().items():
            assert abs(n / (share * ham.class_counts()[code]) - 1) <= 0.05
    with pytest.raises(LeakageError, match="of the images of the last part"):
        ham.split(by="image")


def test_nine_classes_contradictions_and_copies(nine):
    report = nine.integrity
    assert report.num_rows == 2_359
    assert report.counts() == {"DUP_CONFLICT": 310, "DUP_ID": 2, "IDENTICAL_BYTES": 4}
    assert len({f.id for f in report.of("DUP_CONFLICT")}) == 155
    messages = [f.message for f in report.of("DUP_CONFLICT")]
    assert sum("under MEL and SEK" in m for m in messages) == 2 * 78
    assert sum("under AK and NV" in m for m in messages) == 2 * 77
    assert {f.path.rpartition("/")[2] for f in report.of("DUP_ID")} == {"ISIC_0025509(1).jpg", "ISIC_0025601(1).jpg"}
    assert {f.id for f in report.of("IDENTICAL_BYTES")} == {
        "ISIC_0000279",
        "ISIC_0000280",
        "ISIC_0000477",
        "ISIC_0000512",
    }
    crossing = [m for m in messages if "Train/" in m and "Test/" in m]
    assert len(crossing) == 2 * 18


def test_nine_classes_after_dropping_contradictions(nine):
    assert nine.label_space.name == "isic9"
    assert nine.class_counts() == {
        "AK": 53,
        "BCC": 392,
        "DF": 111,
        "MEL": 376,
        "NV": 296,
        "PBK": 478,
        "SEK": 2,
        "SCC": 197,
        "VASC": 142,
    }
    with pytest.raises(SplitError, match="SEK has 2"):
        nine.split()
    assert sum(len(p) for p in nine.split(allow_missing_classes=True)) == 2_047


def test_nine_classes_keeping_everything(real_isic9):
    with pytest.warns(IntegrityWarning, match="2359 of 2359 rows are usable"):
        data = load_dataset("folder", real_isic9, conflicts="keep", duplicates="keep")
    assert len(np.unique(data.records.ids)) == 2_359
    assert len(np.unique(data.records.groups)) == 2_359 - 155 - 2 - 2


def test_nine_classes_overlap_with_ham10000_is_found(nine, ham):
    with pytest.raises(LeakageError, match=r"share \d+ ids"):
        check_disjoint(nine, ham)
