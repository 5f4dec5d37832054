import json

import pytest

from skinzoo.errors import ConfigError, LabelError
from skinzoo.taxonomy import BINARY, DIAGNOSES, ISIC9, ISIC2018, LABEL_SPACES, LabelSpace

SPACES = [entry.obj for entry in LABEL_SPACES]


@pytest.mark.parametrize("space", SPACES, ids=lambda s: s.name)
def test_every_spelling_finds_its_class(space):
    for i, code in enumerate(space):
        assert space.index(code) == space.index(code.lower()) == space.index(f" {space.title(code)} ") == i
    for alias, code in space.aliases.items():
        assert space.classes[space.index(alias)] == code


@pytest.mark.parametrize("space", SPACES, ids=lambda s: s.name)
def test_survives_json(space):
    copy = LabelSpace.from_dict(json.loads(json.dumps(space.to_dict())))
    assert copy == space
    for field in ("titles", "aliases", "malignant", "covers"):
        assert getattr(copy, field) == getattr(space, field)


@pytest.mark.parametrize("space", SPACES, ids=lambda s: s.name)
def test_every_known_class_says_what_it_covers_and_whether_that_is_malignant(space):
    assert set(space.covers) == set(space)
    for code in space:
        kinds = {DIAGNOSES[name].kind for name in space.covers[code]}
        assert ("benign" if code in space.malignant else "malignant") not in kinds


def test_a_diagnosis_that_does_not_exist_lists_close_matches():
    with pytest.raises(ConfigError, match=r"'melanomma', which is no elementary diagnosis; did you mean 'melanoma'"):
        LabelSpace("bad", ("A",), covers={"A": "melanomma"})


def test_orders_are_those_of_the_challenge_tables():
    assert ISIC2018.classes == ("MEL", "NV", "BCC", "AKIEC", "BKL", "DF", "VASC")
    assert BINARY.classes == ("benign", "malignant")
    assert len(ISIC9) == 9


def test_ham10000_codes_are_understood():
    assert [
        ISIC2018.classes[ISIC2018.index(dx)] for dx in ("akiec", "bcc", "bkl", "df", "mel", "nv", "vasc")
    ] == sorted(ISIC2018.classes)


def test_an_unknown_label_lists_close_matches():
    with pytest.raises(LabelError, match=r"'MELL' is none of isic2018's classes; did you mean 'MEL'"):
        ISIC2018.index("MELL")


@pytest.mark.parametrize(
    "bad",
    [
        {"classes": ()},
        {"classes": ("A", "A")},
        {"classes": ("mel", "MEL")},
        {"classes": {"A", "B"}},
        {"classes": (1, 2)},
        {"classes": "AB"},
        {"classes": ("A",), "titles": {"B": "b"}},
        {"classes": ("A",), "aliases": {"x": "B"}},
        {"classes": ("A",), "malignant": frozenset({"B"})},
        {"classes": ("A",), "covers": {"B": {"melanoma"}}},
        {"classes": ("A",), "covers": {"A": set()}},
        {"classes": ("A",), "covers": {"A": {"melanomma"}}},
    ],
)
def test_inconsistent_spaces_are_refused(bad):
    with pytest.raises(ConfigError):
        LabelSpace("bad", **bad)


def test_from_names_finds_the_known_space_only_in_its_order():
    assert LabelSpace.from_names(ISIC2018.classes) is ISIC2018
    assert LabelSpace.from_names(reversed(ISIC2018.classes)).name == "custom"


@pytest.mark.parametrize(
    "bad", [{"name": "x"}, {"name": "x", "classes": ["A"], "colour": 1}, {"name": "x", "classes": 3}]
)
def test_from_dict_refuses_what_is_no_label_space(bad):
    with pytest.raises(ConfigError):
        LabelSpace.from_dict(bad)
