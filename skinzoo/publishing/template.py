"""A skeleton of a model card, with every question explained."""

from __future__ import annotations

import os
import textwrap
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from skinzoo.errors import ConfigError
from skinzoo.files import write_text
from skinzoo.models import SkinModel
from skinzoo.publishing import derived
from skinzoo.publishing.answers import truths
from skinzoo.publishing.checks import unlicensed
from skinzoo.publishing.markdown import plain_line
from skinzoo.publishing.questions import QUESTIONS, Question
from skinzoo.registry import did_you_mean

_WIDTH = 118
_HEAD = """\
A model card for skinzoo.push_to_hub. Write an answer behind each name, as a text or as a list of points.
Nothing is published before every question is answered. Figures, counts, classes, split hashes and licences that the
model's record knows are filled in by skinzoo, and are not asked for here.

The questions are those of CLEAR Derm (Daneshjou et al. 2022, doi:10.1001/jamadermatol.2021.4915) and TRIPOD+AI
(Collins et al. 2024, doi:10.1136/bmj-2023-078378)."""


def card_template(
    path: str | os.PathLike[str] | None = None,
    *,
    model: SkinModel | None = None,
    known: Mapping[str, Any] | None = None,
) -> str:
    """A YAML skeleton of a card, with a comment above each field.

    Args:
        path: File to write it to, which must not exist; None to write none.
        model: The model; its classes are then listed, and what is known of its collections stands in comments.
        known: Answers by field that are filled in already, to be read again by a human.

    Returns:
        The text.

    Raises:
        ConfigError: There is a file of that name, or `known` has an unknown field.

    Examples:
        >>> card_template("card.yaml", model=model)
    """
    names = [question.name for question in QUESTIONS]
    for name in known or {}:
        if name not in names:
            raise ConfigError(f"a model card has no field {name!r}; {did_you_mean(str(name), names)}")
    text = "\n".join(_lines(model, known or {})) + "\n"
    if path is not None:
        if Path(path).exists():
            raise ConfigError(f"{path} exists, and may hold answers already; give another name.")
        write_text(path, text)
    return text


def _lines(model: SkinModel | None, known: Mapping[str, Any]) -> Iterator[str]:
    yield from (f"# {line}".rstrip() for line in _HEAD.split("\n"))
    section = ""
    for question in QUESTIONS:
        if question.section != section:
            section = question.section
            yield from ("", f"# {section} {'-' * (_WIDTH - len(section) - 3)}")
            if section == "Data" and model is not None:
                yield from _collections(model)
        yield ""
        source = f" ({question.item})" if question.item else ""
        yield from _comment(f"{question.title}{source}: {question.ask}")
        yield _answer(question, model, known)


def _answer(question: Question, model: SkinModel | None, known: Mapping[str, Any]) -> str:
    value = known.get(question.name)
    if question.kind == "named" and model is not None:
        asked = truths(model) if question.name == "ground_truth" else dict.fromkeys(unlicensed(model), "")
        value = {name: (value or {}).get(name, "") for name in asked}
    if value in (None, "", {}):
        return f"{question.name}:"
    return yaml.safe_dump({question.name: value}, sort_keys=False, allow_unicode=True, width=_WIDTH).rstrip("\n")


def _collections(model: SkinModel) -> Iterator[str]:
    """What the registry declares about the collections, for whoever writes."""
    record = model.training_record
    for entry in () if record is None else (*record.training, *record.validation):
        yield from _comment(f"Known from the record: {entry}; licence: {entry.licence or 'not stated'}.")
    for info in derived.collections(model):
        modality = f"{info.modality} pictures" if info.modality else ""
        about = "; ".join(filter(None, (modality, info.homepage, info.citation)))
        yield from _comment(f"Known of {info.title}: {about or 'nothing more'}.")


def _comment(text: str) -> list[str]:
    return [
        f"# {line}"
        for line in textwrap.wrap(plain_line(text), _WIDTH - 2, break_long_words=False, break_on_hyphens=False)
    ]
