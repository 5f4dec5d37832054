"""The model card as the Hub shows it: Markdown with YAML at its head."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from skinzoo.evaluation import Report
from skinzoo.evaluation.summary import sentences
from skinzoo.html import DISCLAIMER
from skinzoo.models import SkinModel
from skinzoo.publishing import derived, figures
from skinzoo.publishing.card import ModelCard, Text
from skinzoo.publishing.front import front_matter
from skinzoo.publishing.markdown import block, code, inline, table
from skinzoo.publishing.questions import QUESTIONS
from skinzoo.publishing.reports import ExternalTest

WARNING = (
    "It is no medical device, it has not been approved by any authority, and it must not decide about a person: not "
    "whether a lesion is examined, excised or left."
)
_MARK = re.compile(r"\n<!-- skinzoo card ([0-9a-f]{64}) -->\n\Z")
_REFERENCES = (
    "Daneshjou R, Barata C, Betz-Stablein B, et al. Checklist for evaluation of image-based artificial intelligence "
    "reports in dermatology: CLEAR Derm consensus guidelines. JAMA Dermatology 2022;158:90-96. "
    "https://doi.org/10.1001/jamadermatol.2021.4915",
    "Collins GS, Moons KGM, Dhiman P, et al. TRIPOD+AI statement: updated guidance for reporting clinical prediction "
    "models that use regression or machine learning methods. BMJ 2024;385:e078378. "
    "https://doi.org/10.1136/bmj-2023-078378",
)


def render_card(
    model: SkinModel,
    card: ModelCard,
    report: Report,
    *,
    repository: str,
    weights: Mapping[str, Any],
    external: Sequence[ExternalTest] = (),
    golden: str = "",
) -> str:
    """The text of README.md.

    Args:
        model: The model.
        card: What a human states.
        report: Where the figures come from.
        repository: `owner/name`, for the lines of code.
        weights: `sha256`, `size` and `dtype` of the weights file.
        external: Reports on other collections.
        golden: What the golden outputs say about the published numbers; may be empty.
    """
    body = "\n\n".join(_parts(model, card, report, repository, dict(weights), external, golden))
    return marked(f"{front_matter(model, card, report, external, repository)}\n{body}\n")


def marked(text: str) -> str:
    """The text with a last line that shows whether somebody has changed it since."""
    return f"{text}\n<!-- skinzoo card {hashlib.sha256(text.encode()).hexdigest()} -->\n"


def is_untouched(text: str) -> bool:
    """Whether this is a card as `render_card` wrote it."""
    found = _MARK.search(text)
    return found is not None and hashlib.sha256(text[: found.start()].encode()).hexdigest() == found[1]


def _parts(
    model: SkinModel,
    card: ModelCard,
    report: Report,
    repository: str,
    weights: dict[str, Any],
    external: Sequence[ExternalTest],
    golden: str,
) -> Iterator[str]:
    yield f"# {inline(_flat(card.title))}"
    yield f"> **{DISCLAIMER}** {WARNING}"
    yield f"This model {derived.TASKS[model.task]}. " + inline(" ".join(filter(None, sentences(report))))
    if external:
        names = ", ".join(inline(test.name) for test in external)
        yield f"It was also scored on {names}, which it was not made with: see [External test](#external-test)."
    else:
        yield "**It was not tested on another collection.** See [External test](#external-test)."
    facts = {"Version": card.version, "Authors": card.authors, "Contact": card.contact}
    rows = [[name, inline(_flat(value))] for name, value in facts.items()]
    yield table(["", ""], [*rows, ["Licence", _licence(card)]])
    yield from _usage(model, repository)
    yield from _section("Use", "Intended use", card)
    yield from _section("Limits", "Limits, biases and harms", card, but=("code_access", "data_access"))
    yield from _scores(card, report, external)
    yield "## Classes and ground truth" if model.task.has_labels else "## Ground truth"
    yield derived.classes(model, card)
    yield from _asked("Labels", card, but=("ground_truth",))
    yield "## Data"
    yield derived.training_data(model, card)
    yield from _asked("Data", card, but=("data_licences",))
    yield "## Development"
    yield derived.architecture(model, weights)
    yield from _asked("Development", card)
    yield from _files(golden)
    yield from _asked("Limits", card, only=("code_access", "data_access"))
    yield "## Citation"
    yield code(card.citation) if isinstance(card.citation, str) and "@" in card.citation[:1] else block(card.citation)
    cited = [f"{info.title}: {info.citation}" for info in derived.collections(model) if info.citation]
    if cited:
        yield "Cite the collections, too:"
        yield block(cited)
    yield "## About this card"
    yield (
        "Every figure and count was taken from the evaluation report and from the model's own record, and none was "
        "typed; report.json holds them with all digits. Intervals are 95 % intervals. The questions are those of:"
    )
    yield block(_REFERENCES)


def _usage(model: SkinModel, repository: str) -> Iterator[str]:
    metadata = ""
    if model.metadata_encoder is not None:
        metadata = ", metadata={" + ", ".join(f"{name!r}: ..." for name in model.metadata_encoder.names) + "}"
    yield "## How to use it"
    yield code(
        "import skinzoo\n\n"
        f'model = skinzoo.create_model("hf-hub:{repository}")  # or {repository}@<commit>\n'
        f'print(skinzoo.predict(model, "lesion.jpg"{metadata})[0])',
        "python",
    )
    yield (
        "The commit, which pins this very version, stands under Files and versions. Only safetensors are loaded, each "
        "checked by its sha256."
    )


def _scores(card: ModelCard, report: Report, external: Sequence[ExternalTest]) -> Iterator[str]:
    yield "## Figures"
    yield "### What was scored"
    yield table(["", ""], [[inline(name), inline(_fact(value))] for name, value in report.facts.items()])
    parts = {
        "All together": figures.whole(report),
        "Each class against all others": figures.per_class(report),
        "Malignant or benign": figures.malignancy(report),
        "Thresholds": figures.thresholds(report),
        "Calibration": figures.calibration(report),
        "For whom": figures.subgroups(report),
        "What goes wrong": figures.confusions(report),
        "External test": figures.external(external, report) if external else block(card.no_external_test),
        **{inline(title): text for title, text in figures.attached(report)},
    }
    for title, text in parts.items():
        if text:
            yield f"### {title}"
            yield text
        if title == "For whom":
            yield from _asked("Evaluation", card, only=("fairness",))
    yield "### To be compared with, and on other pictures"
    yield from _asked("Evaluation", card, but=("fairness", "no_external_test"))


def _section(section: str, title: str, card: ModelCard, *, but: Iterable[str] = ()) -> Iterator[str]:
    yield f"## {title}"
    yield from _asked(section, card, but=but)


def _asked(section: str, card: ModelCard, *, but: Iterable[str] = (), only: Iterable[str] = ()) -> Iterator[str]:
    """Answers to the questions of a section, short ones on one line with their title."""
    left_out, kept = set(but), set(only)
    for question in QUESTIONS:
        if question.section != section or question.name in left_out or (kept and question.name not in kept):
            continue
        value: Text = getattr(card, question.name)
        if not value:
            continue
        text = block(value)
        several = not isinstance(value, str) or "\n\n" in text
        yield f"**{question.title}.**{chr(10) * 2 if several else ' '}{text}"


def _files(golden: str) -> Iterator[str]:
    yield "## Files, code and data"
    rows = {
        "model.safetensors, config.json": "the weights, and everything needed to build the model again",
        "training_data.json": "what it was trained on, as hashes, so that nobody scores it on these by mistake",
        "report.html, report.json": "the evaluation report; no photograph is in it unless it says so",
        "golden.safetensors": "what it answered to three drawn pictures; see skinzoo.publishing.replay_golden",
    }
    yield table(["", ""], [[inline(name), inline(what)] for name, what in rows.items()])
    if golden:
        yield inline(golden)


def _licence(card: ModelCard) -> str:
    name, link = inline(_flat(card.licence)), inline(_flat(card.licence_link))
    return f"{inline(_flat(card.licence_name))}, {link}" if card.licence_name else name


def _flat(value: Text) -> str:
    return value if isinstance(value, str) else ", ".join(value)


def _fact(value: object) -> str:
    if isinstance(value, int) and not isinstance(value, bool):
        return f"{value:,}"
    return ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
