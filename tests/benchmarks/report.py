"""Results as JSON, and the table that is made of it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from tests.benchmarks.harness import Result

HEAD = "<!-- made of benchmarks.json by `python -m tests.benchmarks`; do not edit -->"


@dataclass(frozen=True)
class Section:
    """The results of one benchmark."""

    name: str
    title: str
    about: str
    results: tuple[Result, ...]


@dataclass(frozen=True)
class Report:
    """All that a run found out.

    Attributes:
        machine: What it was measured on.
        quick: True if only the code was tried.
        sections: In the order of the run.
    """

    machine: Mapping[str, str]
    quick: bool
    sections: tuple[Section, ...]

    def to_json(self) -> str:
        """As text; rows say whether their bar is met."""
        values = asdict(self)
        for section, plain in zip(self.sections, values["sections"], strict=True):
            for result, row in zip(section.results, plain["results"], strict=True):
                row["met"] = result.met
        return json.dumps(_rounded(values), indent=1, ensure_ascii=False) + "\n"

    @classmethod
    def from_json(cls, text: str) -> Report:
        """The inverse of `to_json`, up to its rounding to six digits."""
        values = json.loads(text)
        sections = [
            Section(**{**s, "results": tuple(_result(row) for row in s["results"])}) for s in values["sections"]
        ]
        return cls(values["machine"], values["quick"], tuple(sections))

    def with_section(self, section: Section) -> Report:
        """With one more section."""
        return replace(self, sections=(*self.sections, section))

    def to_markdown(self) -> str:
        """The table of each section, and what it was measured on."""
        about = ", ".join(f"{name} {value}" for name, value in self.machine.items() if name != "processor")
        blocks = [HEAD, f"Measured on: {self.machine.get('processor', 'unknown')}; {about}."]
        if self.quick:
            blocks.append("**Made with `--quick`: these are no measurements.**")
        blocks += [f"## {s.title}\n\n{s.about}\n\n{_table(s.results)}" for s in self.sections]
        return "\n\n".join(blocks) + "\n"


def _result(row: Mapping[str, Any]) -> Result:
    plain = {name: tuple(value) if isinstance(value, list) else value for name, value in row.items() if name != "met"}
    return Result(**plain)


def _rounded(value: Any) -> Any:
    """Floats to six significant digits, in whatever holds them."""
    if isinstance(value, float):
        return float(f"{value:.6g}")
    if isinstance(value, Mapping):
        return {key: _rounded(one) for key, one in value.items()}
    return [_rounded(one) for one in value] if isinstance(value, list | tuple) else value


def _table(results: Sequence[Result]) -> str:
    head = "| measure | median | middle half | range | rounds | bar | |\n| --- | --- | --- | --- | --- | --- | --- |"
    return "\n".join([head, *map(_row, results)])


def _row(result: Result) -> str:
    note = f"; {result.note}" if result.note else ""
    if result.value is None:
        return f"| {result.measure}{note} | skipped: {result.skipped} | | | | | |"
    bar = ""
    if result.at_least is not None or result.at_most is not None:
        sign, limit = ("≥", result.at_least) if result.at_least is not None else ("≤", result.at_most)
        bar = f"{sign} {limit:g} {result.unit}"
    met = {True: "met", False: "**not met**", None: ""}[result.met]
    spans = " | ".join(_span(pair) for pair in (result.quartiles, result.extremes))
    value = f"{figure(result.value)} {result.unit}"
    return f"| {result.measure}{note} | {value} | {spans} | {result.rounds} | {bar} | {met} |"


def _span(pair: tuple[float, float] | None) -> str:
    return "" if pair is None else f"{figure(pair[0])} to {figure(pair[1])}"


def figure(value: float) -> str:
    """Three significant digits, whole numbers from 100 on with thousands marked."""
    return f"{value:,.0f}" if abs(value) >= 99.95 else f"{value:#.3g}" if value else "0"
