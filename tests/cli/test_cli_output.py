"""The layout of what is printed."""

import io
import json

import numpy as np
import pytest

from skinzoo.cli.output import WIDTH, NobodyReadsError, Output, fields, table, wrapped
from skinzoo.cli.parsing import name_and_value

LONG = "one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen"


def test_a_table_wraps_its_last_column_below_itself():
    text = table(("name", "n", "what"), [("a", 1, "short"), ("long_name", 20, LONG)])
    lines = text.splitlines()
    assert lines[0] == "name       n   what"
    assert lines[1] == "a          1   short"
    assert lines[3].startswith(" " * 15)
    assert max(map(len, lines)) <= WIDTH
    assert " ".join(text.split())[-len(LONG) :] == LONG


def test_a_table_without_room_gives_its_last_column_a_line_of_its_own():
    text = table(("name", "what"), [("x" * 70, LONG)])
    assert text.splitlines()[2] == "x" * 70
    assert text.splitlines()[3].startswith("    one two")
    assert max(map(len, text.splitlines())) <= WIDTH


def test_fields_leave_out_what_is_unknown_and_break_no_word():
    address = "https://" + "a" * 100
    text = fields(
        [("name", "x"), ("gone", None), ("empty", ""), ("zero", 0), ("address", address), ("tree", "a\n\n  b")]
    )
    assert "gone" not in text
    assert "empty" not in text
    assert text.splitlines()[1] == "zero     0"
    assert address in text
    assert text.splitlines()[-1].strip() == "b"
    assert fields([]) == ""


def test_wrapped_leaves_short_lines_and_indents_the_rest():
    text = wrapped(f"head\n  {LONG}\n  x   y")
    assert text.splitlines()[0] == "head"
    assert text.splitlines()[1].startswith("  one")
    assert text.splitlines()[2].startswith("      ")
    assert text.splitlines()[-1] == "  x   y"


def test_json_is_one_strict_ascii_document():
    stream = io.StringIO()
    output = Output(stream, as_json=True)
    output.say("not for programs")
    output.answer({"a": float("nan"), "b": np.float32(0.5), "c": "é \ud800", "d": (1, 2)})
    output.finish()
    assert stream.getvalue().isascii()
    assert json.loads(stream.getvalue()) == {"a": None, "b": 0.5, "c": "é \ud800", "d": [1, 2]}


def test_text_is_for_people_only():
    stream = io.StringIO()
    output = Output(stream)
    output.answer({"a": 1})
    output.say("two\nlines\tand a \r return")
    output.finish()
    assert stream.getvalue() == "two\nlines\tand a \\r return\n"


@pytest.mark.parametrize(("number", "raised"), [(32, NobodyReadsError), (22, NobodyReadsError), (28, OSError)])
def test_a_full_disk_is_no_closed_pipe(number, raised):
    class Stream(io.StringIO):
        def write(self, text):
            raise OSError(number, "cannot write")

    with pytest.raises(raised):
        Output(Stream()).say("x")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("size=64", ("size", 64)),
        ("part=train", ("part", "train")),
        ("masks=true", ("masks", True)),
        ("label=None", ("label", "None")),
        ("site=", ("site", "")),
        ("where=a=b", ("where", "a=b")),
        ('columns=["a"]', ("columns", ["a"])),
    ],
)
def test_options_are_json_or_text(text, expected):
    assert name_and_value(text) == expected
