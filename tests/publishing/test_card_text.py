"""The card as others read it: every figure from the report, every answer as it was given, nothing that takes effect."""

import copy
import dataclasses
import json
import re

import huggingface_hub
import markdown
import numpy as np
import pytest
import yaml
from carded import carded, made_up_report, recorded
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import balanced_accuracy_score, confusion_matrix, roc_auc_score

import skinzoo
from skinzoo.evaluation.report import HEADLINES
from skinzoo.models import MetadataEncoder, OperatingPoints
from skinzoo.publishing.attachments import SavedAttachment
from skinzoo.publishing.card import ModelCard
from skinzoo.publishing.figures import PER_CLASS
from skinzoo.publishing.markdown import block, code, inline, plain_line
from skinzoo.publishing.questions import QUESTIONS
from skinzoo.publishing.rendering import is_untouched, marked, render_card
from skinzoo.publishing.reports import open_external
from skinzoo.taxonomy import LabelSpace

WEIGHTS = {"sha256": "0" * 64, "size": 1234567, "dtype": "float32"}


def render(model, report, card=None, external=None):
    tests = open_external(external)
    card = card or carded(model, **({"no_external_test": None} if tests else {}))
    return render_card(model, card, report, repository="tester/drawn", weights=WEIGHTS, external=tests)


def head_of(text):
    return yaml.safe_load(text.split("---\n", 2)[1])


def body_of(text):
    return text.split("---\n", 2)[2]


def html_of(text):
    return markdown.markdown(body_of(text), extensions=["tables", "fenced_code"])


def row_of(text, first):
    """Cells of the first table row whose first cell is this."""
    line = next(line for line in text.splitlines() if line.startswith(f"| {first} |"))
    return [cell.strip() for cell in plain(line).strip("|").split("|")]


def plain(text):
    """With common spaces in intervals."""
    return text.replace("\u00a0", " ")


@pytest.fixture(scope="module")
def text(small, made_up):
    return render(small, made_up)


def test_every_answer_stands_in_it(text, small):
    html = html_of(text)
    card = carded(small)
    for question in QUESTIONS:
        value = getattr(card, question.name)
        for answer in value.values() if question.kind == "named" else [value] if isinstance(value, str) else value:
            shown = answer.replace("&", "&amp;")
            assert shown in html or answer in ("mit",), question.name
    assert "Research use, not a medical device." in html
    assert "it must not decide about a person" in html


def test_the_head_is_what_the_hub_expects(text, small, made_up):
    head = head_of(text)
    assert (head["library_name"], head["license"], head["pipeline_tag"]) == ("skinzoo", "mit", "image-classification")
    assert {"skinzoo", "dermatology", "classification", "simple-cnn"} <= set(head["tags"])
    assert head["datasets"] == ["synthetic"]
    assert not any("/" in name for name in head["metrics"])
    card = huggingface_hub.ModelCard(text)  # the client reads and checks it
    assert card.data.license == "mit"
    assert {r.metric_type for r in card.data.eval_results} >= {"balanced_accuracy", "f1", "roc_auc", "ece"}
    assert all(r.dataset_name == made_up.facts["collection"] for r in card.data.eval_results)
    assert all(r.dataset_split == "test" for r in card.data.eval_results)


def test_figures_equal_a_computation_of_their_own(text, made_up):
    """Oracle: scikit-learn, from the predictions alone."""
    o = made_up.outcome
    predicted = o.probabilities.argmax(1)
    value = {m["name"]: m["value"] for m in head_of(text)["model-index"][0]["results"][0]["metrics"]}
    assert value["balanced accuracy"] == pytest.approx(balanced_accuracy_score(o.labels, predicted), abs=1e-6)
    auc = roc_auc_score(o.labels, o.probabilities, multi_class="ovr", average="macro")
    assert value["macro AUC (one vs rest)"] == pytest.approx(auc, abs=1e-6)
    matrix = confusion_matrix(o.labels, predicted)
    for k, name in enumerate(made_up.label_space):
        cells = row_of(text, f"{name}, {inline(made_up.label_space.title(name))}")
        others = np.delete(np.arange(len(matrix)), k)
        sensitivity = matrix[k, k] / matrix[k].sum()
        specificity = matrix[np.ix_(others, others)].sum() / matrix[others].sum()
        assert cells[2].split(" ")[0] == f"{sensitivity:.3f}"
        assert cells[3].split(" ")[0] == f"{specificity:.3f}"
        assert cells[5].split(" ")[0] == f"{roc_auc_score(o.labels == k, o.probabilities[:, k]):.3f}"


def test_every_figure_is_the_reports(text, made_up):
    again = copy.copy(made_up)
    for name in ("intervals", "calibration", "risk_coverage"):
        again.__dict__.pop(name, None)
    metrics = head_of(text)["model-index"][0]["results"][0]["metrics"]
    names = {title: name for name, title in HEADLINES.items()}
    assert {m["name"] for m in metrics} == {HEADLINES[n] for n in HEADLINES if n in again.values}
    for m in metrics:
        assert m["value"] == pytest.approx(again.values[names[m["name"]]], abs=1e-6)
        assert m["args"]["interval"] == pytest.approx(list(again.intervals[names[m["name"]]]), abs=1e-6)
    for name, title in {"balanced_accuracy": "balanced accuracy", "mcc": "Matthews correlation (-1 to 1)"}.items():
        low, high = again.intervals[name]
        assert row_of(text, title)[1:3] == [f"{again.values[name]:.3f}", f"{low:.3f} to {high:.3f}"]
    for name in made_up.label_space:
        cells = row_of(text, f"{name}, {inline(made_up.label_space.title(name))}")
        for cell, figure in zip(cells[2:], PER_CLASS, strict=True):
            low, high = again.intervals[f"{name}/{figure}"]
            value = again.classification.per_class[name][figure]
            assert cell == (f"{value:.3f} ({low:.3f} to {high:.3f})" if low == low else f"{value:.3f}")


def test_what_the_record_tells(text, small):
    for entry in (*small.training_record.training, *small.training_record.validation):
        assert entry.split_hash in text
        assert f"{entry.num_images:,} | {entry.num_groups:,} lesions | MIT |" in text
    counts = small.training_record.training[0].class_counts
    assert row_of(text, "MEL")[1] == str(counts["MEL"])
    assert f"{small.num_parameters():,}" in text
    assert "sha256 " + "0" * 64 in text
    assert re.search(r"torch \d+\.\d+.*numpy \d+\.\d+", text)
    assert "not available" in text


def test_a_segmenter(drawn):
    model = skinzoo.create_model("unet_resnet18", image_size=64, backbone_weights=None, seed=0)
    report = made_up_report(recorded(model, drawn), drawn[2])
    text = render(model, report)
    assert head_of(text)["pipeline_tag"] == "image-segmentation"
    assert row_of(text, "Dice, mean per image")[1] == f"{report['dice']:.3f}"
    assert "Masks (1 is lesion, 0 is skin): Painted so: the outlines of lesions" in text
    assert "## Ground truth" in text
    for absent in ("Each class", "Malignant", "Calibration", "taken for"):
        assert absent not in text
    assert f"Of {len(drawn[2])} masks" in text


def test_a_multitask_model_with_thresholds_metadata_and_calibration(drawn):
    encoder = MetadataEncoder.fit(drawn[0], columns=("skin_tone",))
    model = skinzoo.create_model("resnet18_metadata", image_size=64, metadata=encoder, backbone_weights=None, seed=0)
    model.operating_points = OperatingPoints(
        {"MEL": 0.123456}, malignant=0.21, abstain_below=0.3, rule="sensitivity at least 0.95", source="drawn[val]"
    )
    model.calibration = skinzoo.models.Calibration("temperature", (0.5,), source="drawn[val]")
    report = made_up_report(recorded(model, drawn), drawn[2])
    text = render(model, report)
    assert "Thresholds were chosen by: sensitivity at least 0.95, on drawn\\[val\\]." in text
    assert "Malignant from a summed probability of 0.21 on." in text
    assert "metadata={'skin_tone': ...}" in text
    assert "calibrated by temperature 2, fitted on drawn\\[val\\]" in text
    line = next(line for line in text.splitlines() if line.startswith("| MEL, melanoma | 0.123456 |"))
    assert f"{report.operating['MEL'].values['sensitivity']:.3f}" in line


def test_classes_of_which_none_is_malignant(drawn):
    space = LabelSpace("letters", tuple("ABCDEFG"))
    model = skinzoo.create_model("simple_cnn", image_size=32, label_space=space, seed=0)
    report = made_up_report(recorded(model, drawn), drawn[2])
    text = render(model, report)
    assert "alignant" not in body_of(text).replace("malignant or not", "")
    assert row_of(text, "A")[1] == f"{report.classification.per_class['A']['support']:.0f}"


def test_external_tests_and_attachments(small, made_up, drawn):
    other = made_up_report(small, drawn[2], seed=5)
    other.facts = other.facts | {"collection": "Clinic B", "part": "all"}
    report = copy.copy(made_up)
    interval = [0.1, 0.2]
    part = {"values": {"macro_f1": 0.5}, "drops": {"macro_f1": 0.25}, "intervals": {"macro_f1": interval}}
    report.attachments = {
        "Robustness": SavedAttachment(
            {
                "facts": {"images": 20},
                "metrics": ["macro_f1"],
                "strengths": [1, 3],
                "clean": {"macro_f1": {"value": 0.75, "interval": interval}},
                "corruptions": {"motion_blur": {"mean": part}, "hair": {"mean": part | {"drops": {"macro_f1": 0.1}}}},
                "all": part,
            }
        ),
        "Heatmaps": SavedAttachment(
            {"method": "grad_cam", "pictures": 8, "values": {"deletion": 0.4}, "intervals": {"deletion": interval}}
        ),
        "Audit": SavedAttachment({"files": ["/home/someone/a.jpg"]}),
    }
    text = render(small, report, external={"Clinic B": other})
    assert "not tested on another collection" not in text
    assert row_of(text, "Clinic B")[1] == str(len(drawn[2]))
    low, high = other.intervals["balanced_accuracy"]
    assert row_of(text, "Clinic B")[2] == f"{other['balanced_accuracy']:.3f} ({low:.3f} to {high:.3f})"
    assert row_of(text, "macro F1")[1:3] == [f"{report['macro_f1']:.3f}", str(report.intervals["macro_f1"])]
    assert "| macro F1 | 0.750 (0.100 to 0.200) | 0.500 | 0.250 (0.100 to 0.200) | 0.250 (motion blur) |" in plain(text)
    assert "| deletion area (low is good) | 0.400 (0.100 to 0.200) |" in plain(text)
    assert "/home/someone" not in text
    assert [r["dataset"]["name"] for r in head_of(text)["model-index"][0]["results"]][1:] == ["Clinic B"]


def test_evaluate_across_gives_external_tests(small, drawn):
    other = skinzoo.load_dataset("synthetic", num_images=42, size=32, seed=9)
    other.info = dataclasses.replace(other.info, name="clinic_b", title="Clinic B")
    cross = skinzoo.evaluate_across(small, {"here": drawn[2].subset(range(42)), "Clinic B": other}, resamples=200)
    (test,) = open_external(cross)
    assert (test.name, test.images) == ("Clinic B", 42)
    assert test.values == cross["Clinic B"].values
    assert any("below that of the first collection" in note for note in test.notes)
    text = render(small, cross["here"].report, external=cross)
    assert row_of(text, "Clinic B")[1] == "42"


HOSTILE = (
    "</p><script>alert(1)</script> <img src=x onerror=alert(1)> [x](javascript:alert(1)) ![p](http://evil.example/p) "
    "| a | b |\n# Heading\n---\nlicense: other\n---\n`code` $$x$$ \\(y\\) **bold** ~~gone~~ <!-- open &lt; https://ok.example/a_b"
)


def test_hostile_texts_are_shown_and_do_nothing(drawn):
    codes = tuple(f"C{k}|<b>{k}</b>" for k in range(7))
    space = LabelSpace("x", codes, titles={codes[0]: HOSTILE}, malignant=frozenset(codes[:2]))
    model = recorded(skinzoo.create_model("simple_cnn", image_size=32, label_space=space, seed=0), drawn)
    changes = {q.name: HOSTILE for q in QUESTIONS if q.kind == "text" and not q.name.startswith("licence") and q.needed}
    card = carded(model, **changes, no_external_test=HOSTILE, ground_truth=dict.fromkeys(codes, HOSTILE))
    model.training_record = dataclasses.replace(
        model.training_record,
        training=(dataclasses.replace(model.training_record.training[0], title=HOSTILE, collections=(HOSTILE,)),),
    )
    report = made_up_report(model, drawn[2])
    report.facts = {**report.facts, "collection": HOSTILE, HOSTILE: HOSTILE}
    sites = np.array([HOSTILE if k % 2 else "back" for k in range(len(drawn[2]))], dtype=object)
    report.metadata = {"localization": sites}
    report.attachments = {HOSTILE: SavedAttachment({"method": HOSTILE, "pictures": 1, "values": {}, "intervals": {}})}
    text = render(model, report, card, external={HOSTILE: copy.copy(report)})
    head, html = head_of(text), html_of(text)
    assert head["license"] == "mit"
    assert head["model-index"][0]["results"][0]["dataset"]["name"] == plain_line(HOSTILE)
    assert text.count("\n---\n") == 1
    outside = re.sub(r"<pre><code.*?</code></pre>", "", html, flags=re.DOTALL)
    tags = set(re.findall(r"<(/?[a-zA-Z!][a-zA-Z0-9-]*)", outside))
    allowed = {
        "h1",
        "h2",
        "h3",
        "p",
        "table",
        "thead",
        "tbody",
        "tr",
        "th",
        "td",
        "ul",
        "li",
        "strong",
        "a",
        "blockquote",
    }
    assert {tag.strip("/") for tag in tags} <= allowed | {"!--"}
    assert outside.count("<!--") == 1
    links = set(re.findall(r'href="([^"]*)"', outside))
    assert {"https://ok.example/a_b", "#external-test"} <= links
    assert all(link.startswith(("https://", "http://evil.example", "#")) for link in links)
    assert 'src="' not in outside
    assert not re.search(r"\$\$|\\\\\(", body_of(text))
    assert len({line.count("|") for line in body_of(text).splitlines() if line.startswith("| C0")}) <= 4
    assert "&lt;script&gt;" in outside


@settings(max_examples=150, deadline=None)
@given(st.text(max_size=120))
def test_any_text_stays_text(text):
    """Oracle: a Markdown parser gives back the text itself, and no element but a link to what is seen."""
    html = markdown.markdown(f"**Title.** {inline(text)}", extensions=["tables", "fenced_code"])
    found = re.sub(r'<a href="([^"]*)">\1</a>', r"\1", html)
    assert set(re.findall(r"</?[a-z0-9]+", found)) <= {"<p", "</p", "<strong", "</strong"}
    row = markdown.markdown(f"| a | b |\n| --- | --- |\n| {inline(text)} | x |", extensions=["tables"])
    assert row.count("<td") == 2


@settings(max_examples=100, deadline=None)
@given(st.text(alphabet="`~\n x-#", max_size=60))
def test_no_text_ends_its_block_of_code(text):
    html = markdown.markdown(f"{code(text)}\n\nafter", extensions=["fenced_code"])
    assert html.count("<p>after</p>") == 1
    assert html.count("<pre>") == 1


def test_paragraphs_and_points():
    assert block("one\ntwo\n\n1. three\n \n# four") == "one two\n\n1\\. three\n\n\\# four"
    assert block(("a", "- b")) == "- a\n- \\- b"
    assert inline("a\u202eb\u200bc\x00d") == "abcd"


def test_a_changed_card_is_noticed(text):
    assert is_untouched(text)
    assert is_untouched(marked("x"))
    for changed in (text.replace("0.", "1.", 1), text + "more\n", text.rpartition("\n<!--")[0], "", "x"):
        assert not is_untouched(changed)


def test_the_card_is_the_same_again(text, small, made_up):
    assert render(small, made_up) == text
    loaded = ModelCard.from_dict(json.loads(json.dumps(carded(small).to_dict())))
    assert render(small, made_up, loaded) == text
