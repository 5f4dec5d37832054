"""The frame of HTML pages: texts are escaped, nothing empty is shown."""

import base64
import math
import re
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
        html.tiles({"a": "1"}, {"a": [NASTY, "n"]}),
        html.about(NASTY),
        html.checks([("warn", NASTY)]),
        html.details(NASTY, "x"),
        html.figure("a", b"", NASTY, headed=True),
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
    assert not re.search(r"https?:|src=|url\(", text)


def test_a_picture_is_held_in_the_page():
    source = dict(Tags(html.image("alt", b"\xff\xd8", kind="jpeg")).attributes)["src"]
    head, _, data = source.partition(",")
    assert head == "data:image/jpeg;base64"
    assert base64.b64decode(data) == b"\xff\xd8"


def test_what_is_empty_is_not_shown():
    assert html.section("Title", "", "") == html.card("") == html.bullets([]) == html.bar(math.nan) == ""
    assert html.about("") == html.checks([]) == html.details("Title", "") == html.figures() == ""


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


def test_an_interval_is_drawn_where_it_lies():
    assert "left:25.0%;width:50.0%" in html.interval_bar(0.5, 0.25, 0.75)
    assert "left:50.0%" in html.interval_bar(0.5, 0.25, 0.75)
    for undrawn in ((math.nan, 0.1, 0.2), (0.1, math.nan, math.nan), (0.5, -0.1, 0.9), (1.5, 1.2, 1.9)):
        assert html.interval_bar(*undrawn) == ""


def test_a_table_keeps_fragments_in_its_cells():
    page = Tags(html.table(["a", "b"], [["<b>1</b>", "2"]]))
    assert page.tags == ["table", "thead", "tr", "th", "th", "tbody", "tr", "td", "b", "td"]


SCORES = {"MEL": 0.5, "NV": math.nan, "BCC": 0.25, "DF": 1.0}


def sortable_page(extra=""):
    rows = [[name, html.value(score, note="0.1 to 0.9")] for name, score in SCORES.items()]
    table = html.section("Per class", html.card(html.table(["class", "recall"], rows, sortable=True)))
    return html.page(NASTY, NASTY, [table, extra], contents=["Per class"])


def test_cells_say_what_they_sort_by():
    page = Tags(sortable_page())
    assert [v for k, v in page.attributes if k == "data-v"] == ["0.5", "", "0.25", "1"]
    assert ("href", "#per-class") in page.attributes
    assert ("id", "per-class") in page.attributes
    assert "0.500 " in page.texts
    assert "n/a " in page.texts


FIRST_COLUMN = "[...document.querySelectorAll('tbody tr')].map(row => row.cells[0].textContent).join(' ')"


def test_a_browser_sorts_the_table(browser, tmp_path):
    path = tmp_path / "page.html"
    path.write_text(sortable_page(), "utf-8")
    browser.open(path)
    browser.run("document.querySelectorAll('th button')[1].click()")
    assert browser.run(FIRST_COLUMN) == "DF MEL BCC NV", "the largest first, undefined ones last"
    browser.run("document.querySelectorAll('th button')[1].focus()")
    browser.press("Enter")
    assert browser.run(FIRST_COLUMN) == "BCC MEL DF NV"
    browser.run("document.querySelectorAll('th button')[0].click()")
    assert browser.run(FIRST_COLUMN) == "BCC DF MEL NV"
    assert browser.run("[...document.querySelectorAll('th')].map(h => h.ariaSort).join()") == "ascending,none"
    assert browser.problems == []
    assert browser.requests == [path.resolve().as_uri()]


def test_a_browser_refuses_what_is_not_the_page_s_own(browser, tmp_path):
    path = tmp_path / "page.html"
    path.write_text(sortable_page("<script>document.title = 'taken'</script><img src='http://127.0.0.1:9/x.png'>"))
    browser.open(path)
    assert browser.run("document.title") == NASTY
    assert len(browser.problems) >= 2
    assert all("Content Security Policy" in problem for problem in browser.problems)
