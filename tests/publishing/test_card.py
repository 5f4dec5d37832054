"""What a human states: read from YAML and JSON with suspicion, complete or refused with everything that is missing."""

import dataclasses
import json
import re

import pytest
import yaml
from carded import ANSWERS, answers, carded

import skinzoo
from skinzoo.errors import ConfigError
from skinzoo.publishing import QUESTIONS, ModelCard, card_template
from skinzoo.publishing.answers import unanswered
from skinzoo.publishing.licences import HUB_LICENCES

NEEDED = [q.name for q in QUESTIONS if q.needed and q.kind == "text"]


def lacking(card, model, **known):
    return list(unanswered(card, model, **({"has_external": False} | known)))


def test_the_questions_are_the_fields():
    assert [f.name for f in dataclasses.fields(ModelCard)] == [q.name for q in QUESTIONS]
    sections = [q.section for q in QUESTIONS]
    assert list(dict.fromkeys(sections)) == [s for k, s in enumerate(sections) if k == 0 or s != sections[k - 1]]
    assert all(q.ask.endswith(".") and q.title[0].isupper() for q in QUESTIONS)


def test_a_complete_card_lacks_nothing(small):
    assert lacking(carded(small), small) == []


def test_no_field_has_a_default(small):
    """An empty card lacks every field, and each is named with what to write."""
    found = lacking(ModelCard(), small)
    for question in QUESTIONS:
        if question.needed and question.kind == "text":
            line = next(line for line in found if line.startswith(f"{question.name}: nothing is written. "))
            assert question.ask in line
    assert sum(line.startswith("ground_truth.") for line in found) == 7
    assert any(line.startswith("no_external_test: nothing is written, and there is no external") for line in found)
    assert len(found) == len(NEEDED) + 7 + 1
    assert not any(line.startswith(("licence_name", "licence_link", "data_licences")) for line in found)


@pytest.mark.parametrize("name", NEEDED)
@pytest.mark.parametrize("word", ["", "N/A", "not available.", "unknown", "TODO", "...", "?", "none", "  \n "])
def test_what_says_nothing_is_no_answer(name, word, small):
    found = lacking(carded(small, **{name: word}), small)
    question = next(q for q in QUESTIONS if q.name == name)
    taken = (question.unavailable and word.startswith("not available")) or (question.none and word == "none")
    assert [line.partition(":")[0] for line in found] == ([] if taken else [name])


def test_not_available_is_taken_for_demographics_and_skin_tone_alone():
    assert [q.name for q in QUESTIONS if q.unavailable] == ["demographics", "skin_tone", "skin_tone_assessment"]
    assert [q.name for q in QUESTIONS if q.none] == [
        "excluded_classes",
        "preprocessing",
        "synthetic_data",
        "pretraining",
    ]


@pytest.mark.parametrize("text", ["short", ["fine enough for a first point", "TODO: more"]])
def test_an_answer_has_to_tell_something(text, small):
    assert len(lacking(carded(small, limits=text), small)) == 1


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"licence": "CC-BY-4"}, "licence: 'CC-BY-4' is none that the Hub knows; did you mean"),
        ({"licence": "unknown"}, "licence: 'unknown' is no answer"),
        ({"licence": ["mit", "isc"]}, "licence: "),
        ({"licence": "other"}, "licence_name: the licence is other"),
        ({"licence": "other", "licence_name": "hospital-1.0", "licence_link": "javascript:1"}, "licence_link: "),
        ({"licence": "other", "licence_name": "A <b>", "licence_link": "https://a.org/x"}, "licence_name: "),
        ({"licence_name": "x"}, "licence_name, licence_link: mit needs neither"),
        ({"ground_truth": {"MEL": "histopathology"}}, "ground_truth.NV (melanocytic nevus): nothing is written"),
        ({"data_licences": {"HAM10000": "CC BY-NC 4.0"}}, "data_licences: HAM10000 is not asked for"),
    ],
)
def test_licences_and_names(changes, said, small):
    assert any(line.startswith(said) for line in lacking(carded(small, **changes), small)), said


def test_another_licence_needs_a_name_and_a_link(small):
    card = carded(small, licence="other", licence_name="hospital-1.0", licence_link="https://example.org/licence")
    assert lacking(card, small) == []
    assert "unknown" not in HUB_LICENCES
    assert {"mit", "apache-2.0", "cc-by-nc-4.0", "cc0-1.0"} <= HUB_LICENCES


def test_a_licence_that_no_record_states_is_asked_for(small):
    assert lacking(carded(small), small, unlicensed=["My clinic"])[0].startswith("data_licences.My clinic (its record")
    assert lacking(carded(small, data_licences={"My clinic": "by contract"}), small, unlicensed=["My clinic"]) == []


def test_an_external_test_or_a_reason(small):
    assert lacking(carded(small, no_external_test=None), small, has_external=True) == []
    assert lacking(carded(small), small, has_external=True)[0].startswith("no_external_test: there are external")


def test_masks_have_a_ground_truth_too():
    model = skinzoo.create_model("multitask_resnet18", image_size=64, backbone_weights=None, seed=0)
    values = answers(model)
    del values["ground_truth"]["mask"]
    assert lacking(ModelCard.from_dict(values), model)[0].startswith("ground_truth.mask (the outlines of lesions)")


@pytest.mark.parametrize("suffix", ["yaml", "json"])
def test_files(suffix, small, tmp_path):
    path, values = tmp_path / f"card.{suffix}", answers(small, version=1.5, limits=["one point, long enough", "two"])
    path.write_text(json.dumps(values) if suffix == "json" else yaml.safe_dump(values, allow_unicode=True), "utf-8")
    card = ModelCard.from_file(path)
    assert card == ModelCard.from_dict(values)
    assert (card.version, card.seeds) == ("1.5", "0")
    assert ModelCard.from_dict(card.to_dict()) == card


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("limit: x", "no field 'limit'; did you mean 'limits'"),
        ("limits: a\nlimits: b", "has limits twice"),
        ("limits: {a: b}", "limits must be a text or a list of texts"),
        ("limits: true", "put it in quotes"),
        ("limits: [[a]]", "limits must be a text"),
        ("ground_truth: [a]", "ground_truth must hold texts by name"),
        ("- a", "a model card has named fields"),
        ("limits: [", "no readable YAML"),
        ("limits: !!python/object/apply:os.system [echo]", "no readable YAML"),
        (f"limits: {'x' * 30_000}", "at most 20,000"),
        ("x: " + "y" * 1_000_001, "at most 1,000,000"),
    ],
)
def test_files_that_are_no_card(text, said, tmp_path):
    path = tmp_path / "card.yaml"
    path.write_text(text, "utf-8")
    with pytest.raises(ConfigError, match=re.escape(said)):
        ModelCard.from_file(path)


def test_no_file(tmp_path):
    with pytest.raises(ConfigError, match=r"no model card at .*card_template"):
        ModelCard.from_file(tmp_path / "card.yaml")
    (tmp_path / "card.yaml").write_bytes(b"limits: \xff\xfe")
    with pytest.raises(ConfigError, match="no readable YAML"):
        ModelCard.from_file(tmp_path / "card.yaml")


def test_the_skeleton_has_every_question_and_no_answer(small, drawn, tmp_path):
    path = tmp_path / "card.yaml"
    text = card_template(path, model=small)
    assert path.read_text("utf-8") == text
    assert max(map(len, text.splitlines())) <= 120
    card = ModelCard.from_file(path)
    assert set(lacking(card, small)) == set(lacking(ModelCard(), small))
    for question in QUESTIONS:
        assert question.ask.split(" ")[-1] in text
        assert re.search(rf"^{question.name}:", text, re.MULTILINE)
    assert f"{len(drawn[0])} images" in text
    assert "licence: MIT" in text
    with pytest.raises(ConfigError, match="may hold answers already"):
        card_template(path)


def test_the_skeleton_takes_what_is_known(small):
    hostile = "a\nlimits: injected # \u2028x: y"
    text = card_template(model=small, known={"seeds": "42", "loss": hostile, "ground_truth": {"MEL": "histopathology"}})
    values = yaml.safe_load(text)
    assert values["seeds"] == "42"
    assert values["loss"] == hostile
    assert values["limits"] is None
    assert values["ground_truth"]["MEL"] == "histopathology"
    filled = ModelCard.from_dict(yaml.safe_load(card_template(model=small, known=answers(small))))
    assert filled == carded(small)
    with pytest.raises(ConfigError, match="no field 'seed'; did you mean 'seeds'"):
        card_template(known={"seed": 1})


def test_the_skeleton_without_a_model_is_a_card():
    assert ModelCard.from_dict(yaml.safe_load(card_template())) == ModelCard()
    assert set(ANSWERS) < {q.name for q in QUESTIONS}
