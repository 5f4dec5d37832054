"""Alignment: one table of what every pair of collections must give, and properties over all pairs."""

import json
from itertools import product

import pytest

from skinzoo import align
from skinzoo.errors import ConfigError, LabelError
from skinzoo.taxonomy import (
    BINARY,
    DERM7PT,
    ISIC9,
    ISIC2018,
    ISIC2019,
    LABEL_SPACES,
    MILK10K,
    PAD_UFES_20,
    PH2,
    LabelSpace,
    compatible,
    meaning,
)
from skinzoo.types import IGNORE_INDEX

SPACES = [entry.obj for entry in LABEL_SPACES]
PAIRS = [pytest.param(a, b, id=f"{a.name}-{b.name}") for a, b in product(SPACES, SPACES)]

# source -> target: the whole mapping, "-" for no counterpart.
# HAM10000's AKIEC is actinic keratosis and Bowen's disease; ISIC 2019 calls the same pictures AK (130) and SCC (197),
# so that SCC is in-situ and invasive there, in PAD-UFES-20 too; MILK10k leaves Bowen's disease with AKIEC.
# BKL is solar lentigo, seborrheic and lichenoid keratosis; isic9's PBK is the same thing, SEK a part of it.
# Derm7pt's MISC holds dermatofibromas and vascular lesions among others; PH2 keeps atypical nevi apart.
EXPECTED = {
    ("isic2018", "isic2019"): "MEL:MEL NV:NV BCC:BCC AKIEC:- BKL:BKL DF:DF VASC:VASC",
    ("isic2019", "isic2018"): "MEL:MEL NV:NV BCC:BCC AK:AKIEC BKL:BKL DF:DF VASC:VASC SCC:-",
    ("isic2018", "isic2017"): "MEL:MEL NV:NV BCC:- AKIEC:- BKL:- DF:- VASC:-",
    ("isic2017", "isic2018"): "MEL:MEL SEK:BKL NV:NV",
    ("isic2017", "isic9"): "MEL:MEL SEK:SEK NV:NV",
    ("isic9", "isic2018"): "AK:AKIEC BCC:BCC DF:DF MEL:MEL NV:NV PBK:BKL SEK:BKL SCC:- VASC:VASC",
    ("isic9", "isic2019"): "AK:AK BCC:BCC DF:DF MEL:MEL NV:NV PBK:BKL SEK:BKL SCC:SCC VASC:VASC",
    ("isic9", "isic2017"): "AK:- BCC:- DF:- MEL:MEL NV:NV PBK:- SEK:SEK SCC:- VASC:-",
    ("isic2018", "isic9"): "MEL:MEL NV:NV BCC:BCC AKIEC:- BKL:PBK DF:DF VASC:VASC",
    ("isic2019", "isic9"): "MEL:MEL NV:NV BCC:BCC AK:AK BKL:PBK DF:DF VASC:VASC SCC:SCC",
    ("isic2018", "milk10k"): "MEL:MEL NV:NV BCC:BCC AKIEC:AKIEC BKL:BKL DF:DF VASC:VASC",
    ("isic2019", "milk10k"): "MEL:MEL NV:NV BCC:BCC AK:AKIEC BKL:BKL DF:DF VASC:VASC SCC:-",
    ("milk10k", "isic2018"): (
        "AKIEC:AKIEC BCC:BCC BEN_OTH:- BKL:BKL DF:DF INF:- MAL_OTH:- MEL:MEL NV:NV SCCKA:- VASC:VASC"
    ),
    (
        "milk10k",
        "isic2019",
    ): "AKIEC:- BCC:BCC BEN_OTH:- BKL:BKL DF:DF INF:- MAL_OTH:- MEL:MEL NV:NV SCCKA:SCC VASC:VASC",
    ("milk10k", "binary"): (
        "AKIEC:malignant BCC:malignant BEN_OTH:benign BKL:benign DF:benign INF:benign MAL_OTH:malignant MEL:malignant "
        "NV:benign SCCKA:malignant VASC:benign"
    ),
    ("ph2", "isic2018"): "CN:NV AN:NV MEL:MEL",
    ("isic2018", "ph2"): "MEL:MEL NV:- BCC:- AKIEC:- BKL:- DF:- VASC:-",
    ("ph2", "binary"): "CN:benign AN:benign MEL:malignant",
    ("pad_ufes_20", "isic2018"): "ACK:AKIEC BCC:BCC MEL:MEL NEV:NV SCC:- SEK:BKL",
    ("pad_ufes_20", "isic2019"): "ACK:AK BCC:BCC MEL:MEL NEV:NV SCC:SCC SEK:BKL",
    ("pad_ufes_20", "isic9"): "ACK:AK BCC:BCC MEL:MEL NEV:NV SCC:SCC SEK:SEK",
    ("isic2019", "pad_ufes_20"): "MEL:MEL NV:NEV BCC:BCC AK:ACK BKL:- DF:- VASC:- SCC:SCC",
    ("derm7pt", "isic2018"): "BCC:BCC NEV:NV MEL:MEL MISC:- SK:BKL",
    ("isic2018", "derm7pt"): "MEL:MEL NV:NEV BCC:BCC AKIEC:- BKL:- DF:MISC VASC:MISC",
    ("derm7pt", "binary"): "BCC:malignant NEV:benign MEL:malignant MISC:benign SK:benign",
    # actinic keratosis is malignant where the space it comes from says so
    ("isic2018", "binary"): ("MEL:malignant NV:benign BCC:malignant AKIEC:malignant BKL:benign DF:benign VASC:benign"),
    ("isic2019", "binary"): (
        "MEL:malignant NV:benign BCC:malignant AK:malignant BKL:benign DF:benign VASC:benign SCC:malignant"
    ),
    ("pad_ufes_20", "binary"): "ACK:benign BCC:malignant MEL:malignant NEV:benign SCC:malignant SEK:benign",
    ("isic2018", "fitzpatrick3"): (
        "MEL:malignant NV:benign BCC:malignant AKIEC:malignant BKL:benign DF:benign VASC:benign"
    ),
    ("fitzpatrick3", "binary"): "benign:benign malignant:malignant non-neoplastic:benign",
    ("binary", "fitzpatrick3"): "benign:- malignant:malignant",  # its benign leaves inflammation out
    ("binary", "isic2018"): "benign:- malignant:-",
}


@pytest.mark.parametrize(("source", "target"), EXPECTED)
def test_the_table_of_all_pairs(source, target):
    expected = dict(entry.split(":") for entry in EXPECTED[source, target].split())
    found = align(LABEL_SPACES[source], LABEL_SPACES[target])
    assert {code: other or "-" for code, other in found.mapping.items()} == expected
    assert tuple(found.mapping) == LABEL_SPACES[source].classes


@pytest.mark.parametrize(("a", "b"), PAIRS)
def test_indices_unmatched_merged_and_absent_tell_what_the_mapping_tells(a, b):
    found = align(a, b)
    assert [None if i == IGNORE_INDEX else b.classes[i] for i in found.indices] == list(found.mapping.values())
    assert set(found.unmatched) == {code for code, other in found.mapping.items() if other is None}
    assert all(found.unmatched.values())
    for other in b:
        sources = tuple(code for code in a if found.mapping[code] == other)
        assert (other in found.absent) == (not sources)
        assert found.merged.get(other, sources[:1]) == sources
    if a == b:
        assert found.mapping == {code: code for code in a}
    assert json.loads(json.dumps(found.to_dict()))["mapping"] == found.mapping


@pytest.mark.parametrize(("a", "b"), PAIRS)
def test_malignant_and_benign_are_exchanged_for_actinic_keratosis_only(a, b):
    crossing = {
        code
        for code, other in align(a, b).mapping.items()
        if other is not None and (code in a.malignant) != (other in b.malignant)
    }
    assert all(meaning(a, code) == {"actinic keratosis"} for code in crossing)


@pytest.mark.parametrize(("a", "b"), PAIRS)
def test_a_detour_is_never_more_precise_than_the_direct_way(a, b):
    for c in SPACES:
        first, second, direct = align(a, b), align(b, c), align(a, c)
        for code in a:
            via = first.mapping[code] and second.mapping[first.mapping[code]]
            if via is None or meaning(a, code) == {"actinic keratosis"}:  # a detour may count it as malignant
                continue
            assert direct.mapping[code] is not None
            assert meaning(c, direct.mapping[code]) <= meaning(c, via)


@pytest.mark.parametrize(("a", "b"), PAIRS)
def test_a_class_and_its_counterpart_are_compatible(a, b):
    for code, other in align(a, b).mapping.items():
        assert other is None or (compatible(a, code, b, other) and compatible(b, other, a, code))


def test_reasons_name_what_is_kept_apart_known_in_part_or_unknown():
    assert align(ISIC2018, ISIC2019).unmatched == {
        "AKIEC": "covers actinic keratosis and intraepithelial carcinoma, which isic2019 keeps apart as AK and SCC"
    }
    reason = align(ISIC2019, ISIC2018).unmatched["SCC"]
    assert reason.endswith("of which isic2018 knows only intraepithelial carcinoma (in AKIEC)")
    assert align(MILK10K, ISIC2018).unmatched["INF"] == "covers inflammatory condition, for which isic2018 has no class"


def test_the_account_is_explicit():
    shown = str(align(ISIC9, ISIC2018)).splitlines()
    assert shown[0] == "isic9 -> isic2018: 8 of 9 classes have a counterpart"
    assert "  PBK  -> BKL" in shown
    assert "PBK and SEK become one: BKL" in shown
    assert any(line.startswith("  SCC  -> not annotated: covers intraepithelial carcinoma") for line in shown)
    assert str(align(PH2, ISIC2018)).splitlines()[-1] == "nothing becomes BCC, AKIEC, BKL, DF or VASC"


@pytest.mark.parametrize(
    ("names", "target", "expected"),
    [
        (("melanoma", "nevus", "seborrheic keratosis"), ISIC2018, ["MEL", "NV", "BKL"]),
        (("mel", "nv", "akiec"), ISIC2019, ["MEL", "NV", None]),
        (("melanoma", "nevus"), BINARY, ["malignant", "benign"]),
        (("AK",), BINARY, [None]),  # nobody says whether it counts as malignant
        (("melanoma", "wart"), ISIC2018, ["MEL", None]),
        (("squamous cell carcinoma",), ISIC2018, [None]),
    ],
)
def test_a_users_classes_are_understood_by_their_names(names, target, expected):
    assert list(align(LabelSpace("mine", names), target).mapping.values()) == expected


def test_known_classes_find_a_users_classes_by_their_names():
    mine = LabelSpace("mine", ("actinic keratosis", "Nevus", "wart"))
    found = align(ISIC2018, mine)
    assert found.mapping["NV"] == "Nevus"
    assert found.mapping["AKIEC"] is None  # its alias of that name is for HAM10000's tables; the class is wider
    assert align(ISIC2019, mine).mapping["AK"] == "actinic keratosis"
    assert found.absent == ("actinic keratosis", "wart")


def test_names_that_mean_nothing_elsewhere_still_find_each_other():
    mine = LabelSpace("mine", ("W", "class_0"), titles={"W": "Wart"})
    theirs = LabelSpace("theirs", ("verruca", "class_0", "class_1"), aliases={"wart": "verruca"})
    assert align(mine, theirs).mapping == {"W": "verruca", "class_0": "class_0"}
    assert align(theirs, mine).mapping == {"verruca": "W", "class_0": "class_0", "class_1": None}


def test_what_a_space_says_about_its_classes_beats_their_names():
    mine = LabelSpace("mine", ("NV", "SCC"), covers={"NV": {"common nevus"}, "SCC": {"intraepithelial carcinoma"}})
    assert align(mine, ISIC2018).mapping == {"NV": "NV", "SCC": "AKIEC"}
    assert align(ISIC2018, mine).mapping["NV"] is None


def test_two_classes_of_one_meaning_are_no_choice():
    double = LabelSpace("double", ("a", "b"), covers={"a": {"melanoma"}, "b": {"melanoma"}})
    found = align(ISIC2018, double)
    assert found.mapping["MEL"] is None
    assert found.unmatched["MEL"] == "could be a or b of double"


def test_overrides_decide():
    found = align(ISIC9, ISIC2018, overrides={"scc": "akiec", "SEK": None})
    assert found.mapping["SCC"] == "AKIEC"
    assert found.unmatched == {"SEK": "left out by overrides"}
    assert found.merged == {"AKIEC": ("AK", "SCC")}


@pytest.mark.parametrize("bad", [{"XYZ": "MEL"}, {"SCC": "XYZ"}, {3: "MEL"}])
def test_overrides_of_no_class_are_refused(bad):
    with pytest.raises(ConfigError, match="Give a class of isic9 with one of isic2018 or None"):
        align(ISIC9, ISIC2018, overrides=bad)


@pytest.mark.parametrize(
    ("a", "mine", "b", "theirs", "expected"),
    [
        (ISIC2018, "AKIEC", ISIC2019, "AK", True),
        (ISIC2018, "akiec", ISIC9, "squamous cell carcinoma", True),
        (ISIC2018, "AKIEC", ISIC9, "NV", False),
        (ISIC2018, "BKL", ISIC9, "SEK", True),
        (ISIC9, "PBK", ISIC9, "SEK", True),
        (ISIC9, "AK", ISIC9, "SCC", False),
        (ISIC2018, "MEL", ISIC2018, "MEL", True),
        (ISIC2018, "DF", DERM7PT, "MISC", True),
        (PH2, "CN", PH2, "AN", False),
        (ISIC2018, "MEL", BINARY, "benign", False),
        (BINARY, "benign", BINARY, "malignant", False),
        (PAD_UFES_20, "ACK", ISIC2019, "AK", True),
        (PAD_UFES_20, "ACK", BINARY, "malignant", True),
        (LabelSpace("a", ("wart",)), "wart", LabelSpace("b", ("Wart", "x")), "wart", True),
        (LabelSpace("a", ("wart",)), "wart", ISIC2018, "MEL", False),
    ],
)
def test_labels_of_one_picture_contradict_only_if_no_diagnosis_fits_both(a, mine, b, theirs, expected):
    assert compatible(a, mine, b, theirs) is compatible(b, theirs, a, mine) is expected


def test_compatible_refuses_an_unknown_label():
    with pytest.raises(LabelError):
        compatible(ISIC2018, "SCC", ISIC2019, "SCC")
