"""Whether a card answers what it is asked."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from skinzoo.models import SkinModel
from skinzoo.publishing.card import ModelCard, Text
from skinzoo.publishing.licences import HUB_LICENCES, OTHER
from skinzoo.publishing.questions import NOT_AVAILABLE, QUESTIONS, Question
from skinzoo.registry import did_you_mean

MASK = "mask"
"""The name under which a card's ground truth speaks of masks."""
_NOTHING = re.compile(
    r"(not |un|none )?(available|known|applicable|specified|stated|provided)|n\.?[/ ]?a\.?|none|no|nil|null"
    r"|todo|tba|tbd|xxx|\W*",
    re.IGNORECASE,
)
_UNFINISHED = re.compile(r"\b(TODO|FIXME|TBD|TBA|XXX)\b")
_LICENCE_NAME = re.compile(r"[a-z0-9][a-z0-9.+-]{0,95}")
_LINK = re.compile(r"https://[A-Za-z0-9][A-Za-z0-9./?#%&=+,:;_~-]*")


def unanswered(
    card: ModelCard, model: SkinModel, *, has_external: bool, unlicensed: Iterable[str] = ()
) -> Iterator[str]:
    """What is missing in a card, each with what to write.

    Args:
        card: The card.
        model: The model that it is about.
        has_external: Whether there is a report on another collection.
        unlicensed: Titles of collections whose licence no record states.
    """
    for question in QUESTIONS:
        value = getattr(card, question.name)
        if question.kind == "text" and question.needed and (why := _lacks(value, question)):
            yield f"{question.name}: {why}. {question.ask}"
    yield from _of_licence(card)
    if not has_external and (why := _lacks(card.no_external_test, _question("no_external_test"))):
        ask = _question("no_external_test").ask
        yield f"no_external_test: {why}, and there is no external report. {ask} Or pass external=."
    if has_external and card.no_external_test:
        yield "no_external_test: there are external reports; leave it empty."
    yield from _of_names("ground_truth", card.ground_truth, truths(model))
    yield from _of_names("data_licences", card.data_licences, dict.fromkeys(unlicensed, "its record states none"))


def truths(model: SkinModel) -> dict[str, str]:
    """What the card has to tell the ground truth of, with the title of each: the classes by code, and masks."""
    space = model.label_space
    found = {code: space.title(code) for code in space} if space is not None else {}
    return found | ({MASK: "the outlines of lesions"} if model.task.has_masks else {})


def _of_licence(card: ModelCard) -> Iterator[str]:
    licence = card.licence
    if _lacks(licence, _question("licence")):
        return  # said already
    if not isinstance(licence, str) or licence not in HUB_LICENCES:
        hint = did_you_mean(str(licence)[:80], HUB_LICENCES)
        yield f"licence: {str(licence)[:80]!r} is none that the Hub knows; {hint} Or write other, with licence_name."
    elif licence == OTHER:
        if not isinstance(card.licence_name, str) or not _LICENCE_NAME.fullmatch(card.licence_name):
            yield "licence_name: the licence is other; write a short name of a-z, 0-9, '.' and '-'."
        if not isinstance(card.licence_link, str) or not _LINK.fullmatch(card.licence_link):
            yield "licence_link: the licence is other; write the https address of its text."
    elif card.licence_name or card.licence_link:
        yield f"licence_name, licence_link: {licence} needs neither; leave them empty, or write other as the licence."


def _of_names(name: str, given: object, wanted: dict[str, str]) -> Iterator[str]:
    question = _question(name)
    answers = given if isinstance(given, dict) else {}
    for key, what in wanted.items():
        if why := _lacks(answers.get(key, ""), question):
            yield f"{name}.{key} ({what}): {why}. {question.ask}"
    if odd := sorted(set(answers) - set(wanted)):
        known = ", ".join(wanted) or "nothing"
        yield f"{name}: {', '.join(odd)[:200]} is not asked for, {known} is; facts of records are not typed."


def _lacks(value: Text, question: Question) -> str:
    """Why this is no answer; empty if it is one."""
    points = [value] if isinstance(value, str) else list(value)
    whole = "\n".join(points).strip()
    if not whole:
        return "nothing is written"
    word = whole.rstrip(".").casefold()
    if (word == "none" and question.none) or (word == NOT_AVAILABLE and question.unavailable):
        return ""
    for point in points:
        if _NOTHING.fullmatch(point.strip(" \n.!")):
            return f"{point.strip()!r} is no answer here"
    if found := _UNFINISHED.search(whole):
        return f"{found.group()!r} is still in it"
    if len(whole) < question.least:
        return f"{whole!r} tells too little"
    return ""


def _question(name: str) -> Question:
    return next(question for question in QUESTIONS if question.name == name)
