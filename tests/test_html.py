"""The frame of HTML pages: texts are escaped, nothing empty is shown."""

import base64
import math
from html.parser import HTMLParser

import pytest

from skinzoo import html

NASTY = "<script>alert('x')</script> & \"co\""


class Tags(HTMLParser):
    def __init__(self, text):
        super().__init__()
        self.tags, self.texts, self.attributes = [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += attrs

    def handle_data(self, data):
        self.texts.append(data)


@pytest.mark.parametrize(
    "fragment",
    [
        html.page(NASTY, NASTY, []),
        html.tiles({NASTY: NASTY}),
        html.section(NASTY, "x"),
        html.table([NASTY], []),
        html.facts({NASTY: NASTY}),
        html.facts({"list": [NASTY]}),
        html.bullets([NASTY]),
        html.figure(NASTY, b"", NASTY),
        html.image(NASTY, b""),
    ],
)
def test_every_text_is_escaped(fragment):
    page = Tags(fragment)
    assert "script" not in page.tags
    assert NASTY in [*page.texts, *(value for _, value in page.attributes)]


def test_a_page_holds_its_fragments_and_needs_nothing_else():
    text = html.page("Title", "Lead", ["<p>one</p>", "<p>two</p>"], style=".x { color: red }")
    page = Tags(text)
    assert text.startswith("<!doctype html>")
    assert page.tags.count("p") == 3
    assert not {"script", "link"} & set(page.tags)
    assert ".x { color: red }" in text
    assert "prefers-color-scheme: dark" in text
    assert "http" not in text


def test_a_picture_is_held_in_the_page():
    source = dict(Tags(html.image("alt", b"\xff\xd8", kind="jpeg")).attributes)["src"]
    head, _, data = source.partition(",")
    assert head == "data:image/jpeg;base64"
    assert base64.b64decode(data) == b"\xff\xd8"


def test_what_is_empty_is_not_shown():
    assert html.section("Title", "", "") == html.card("") == html.bullets([]) == html.bar(math.nan) == ""


def test_numbers():
    assert html.number(0.12345) == "0.123"
    assert html.number(math.nan) == "n/a"
    assert "width:25%" in html.bar(0.25)
    assert Tags(html.facts({"n": 12345, "yes": True, "list": [1, 2]})).texts == [
        "n",
        "12,345",
        "yes",
        "True",
        "list",
        "1, 2",
    ]


def test_a_table_keeps_fragments_in_its_cells():
    page = Tags(html.table(["a", "b"], [["<b>1</b>", "2"]]))
    assert page.tags == ["table", "tr", "th", "th", "tr", "td", "b", "td"]
