"""The facts about a model that only a human knows."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

import yaml

from skinzoo.errors import ConfigError
from skinzoo.publishing.questions import QUESTIONS
from skinzoo.registry import did_you_mean

Text = str | tuple[str, ...]
"""One text, in which an empty line begins a new paragraph; or several points."""

_MOST_BYTES, _LONGEST, _MOST_POINTS = 1_000_000, 20_000, 200


@dataclass(frozen=True)
class ModelCard:
    """Facts about a model that only a human knows; `QUESTIONS` says what each field is asked for.

    A text may have several paragraphs, with an empty line between them, or be a list of points. No field has a default
    that would be published: what is empty is missing. "not available" is taken for demographics and skin tone alone,
    and has to be typed.

    Every attribute is a `Text`, one for each question of `QUESTIONS` that is answered by a text; `data_licences` and
    `ground_truth` are texts by name.

    Raises:
        ConfigError: A value is no text, or a text is too long.
    """

    title: Text = ""
    version: Text = ""
    authors: Text = ""
    contact: Text = ""
    citation: Text = ""
    licence: Text = ""
    licence_name: Text = ""
    licence_link: Text = ""

    intended_task: Text = ""
    intended_users: Text = ""
    modality: Text = ""
    target_population: Text = ""
    out_of_scope: Text = ""

    data_sources: Text = ""
    data_dates: Text = ""
    data_sites: Text = ""
    data_devices: Text = ""
    inclusion_exclusion: Text = ""
    excluded_classes: Text = ""
    demographics: Text = ""
    skin_tone: Text = ""
    skin_tone_assessment: Text = ""
    artefacts: Text = ""
    preprocessing: Text = ""
    synthetic_data: Text = ""
    duplicates: Text = ""
    missing_data: Text = ""
    sample_size: Text = ""
    data_licences: Mapping[str, str] = field(default_factory=dict)

    ground_truth: Mapping[str, str] = field(default_factory=dict)
    annotators: Text = ""

    pretraining: Text = ""
    loss: Text = ""
    training_procedure: Text = ""
    selection_rule: Text = ""
    seeds: Text = ""
    compute: Text = ""

    baseline: Text = ""
    fairness: Text = ""
    out_of_distribution: Text = ""
    no_external_test: Text = ""

    limits: Text = ""
    known_biases: Text = ""
    expected_harms: Text = ""
    code_access: Text = ""
    data_access: Text = ""

    def __post_init__(self) -> None:
        for question in QUESTIONS:
            read = _named if question.kind == "named" else _text
            object.__setattr__(self, question.name, read(question.name, getattr(self, question.name)))

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> ModelCard:
        """Make it of plain values; numbers and days become texts, null is empty.

        Raises:
            ConfigError: A field is unknown, or a value is no text.
        """
        if not isinstance(values, Mapping):
            raise ConfigError(f"a model card has named fields; got {values!r:.80}. card_template() writes a skeleton.")
        names = [question.name for question in QUESTIONS]
        for key in values:
            if key not in names:
                raise ConfigError(f"a model card has no field {str(key)[:80]!r}; {did_you_mean(str(key)[:80], names)}")
        return cls(**{str(k): v for k, v in values.items()})

    @classmethod
    def from_file(cls, path: str | os.PathLike[str]) -> ModelCard:
        """Read a card from a YAML or JSON file.

        Raises:
            ConfigError: The file is absent, too large, no YAML, has a field twice, an unknown one, or one that is no
                text.
        """
        path = Path(path)
        if not path.is_file():
            raise ConfigError(f"no model card at {path}; skinzoo.card_template() writes a skeleton to fill in.")
        if path.stat().st_size > _MOST_BYTES:
            raise ConfigError(f"{path} has {path.stat().st_size:,} bytes; a model card has at most {_MOST_BYTES:,}.")
        try:
            text = path.read_text("utf-8")
            if path.suffix.lower() == ".json":
                values = json.loads(text)
            else:
                _refuse_twice(path, text)
                values = yaml.safe_load(text)
        except (UnicodeDecodeError, ValueError, yaml.YAMLError, RecursionError) as error:
            if isinstance(error, ConfigError):
                raise
            raise ConfigError(f"{path} is no readable YAML or JSON: {' '.join(str(error).split())[:400]}") from error
        try:
            return cls.from_dict(values or {})
        except ConfigError as error:
            raise ConfigError(f"{path}: {error}") from error

    def to_dict(self) -> dict[str, Any]:
        """Plain values for JSON and YAML."""
        found: dict[str, Any] = {}
        for question in QUESTIONS:
            value = getattr(self, question.name)
            found[question.name] = dict(value) if question.kind == "named" else _plain(value)
        return found


def _plain(value: Text) -> str | list[str]:
    return value if isinstance(value, str) else list(value)


def _text(name: str, value: object) -> Text:
    if isinstance(value, list | tuple):
        if len(value) > _MOST_POINTS:
            raise ConfigError(f"{name}: a list has at most {_MOST_POINTS} points, got {len(value)}.")
        return tuple(text for item in value if (text := _line(name, item)))
    return _line(name, value)


def _line(name: str, value: object) -> str:
    if isinstance(value, int | float | date) and not isinstance(value, bool):  # YAML reads 1.0 and 2020-01-31 so
        value = str(value)
    if value is None:
        value = ""
    if not isinstance(value, str):
        raise ConfigError(f"{name} must be a text or a list of texts, got {value!r:.80}; put it in quotes.")
    if len(value) > _LONGEST:
        raise ConfigError(f"{name} has {len(value):,} characters; a text has at most {_LONGEST:,}.")
    return value.strip()


def _named(name: str, value: object) -> dict[str, str]:
    if value is None or value == "":
        return {}
    if not isinstance(value, Mapping) or len(value) > _LONGEST:
        raise ConfigError(
            f"{name} must hold texts by name, such as {{MEL: all confirmed by histopathology}}; got {value!r:.80}."
        )
    return {str(key): _line(f"{name}.{key!s:.80}", item) for key, item in value.items()}


def _refuse_twice(path: Path, text: str) -> None:
    """YAML would keep the last of two answers and say nothing."""
    node = yaml.compose(text, Loader=yaml.SafeLoader)
    names = [key.value for key, _ in node.value] if isinstance(node, yaml.MappingNode) else []
    if twice := sorted({str(name)[:80] for name in names if names.count(name) > 1}):
        raise ConfigError(f"{path} has {', '.join(twice)} twice; keep one.")
