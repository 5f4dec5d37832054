"""That no block of a page escapes: how blocks are found, and what is run of them."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.pages import blocks, stage
from tests.pages.blocks import PLAIN, PYTHON, ROOT, SHELL, blocks_in, blocks_of, pages

PAGE = """\
# A page

```python
a = 1
```

=== "A tab"

    ```py title="b.py"
    if a:

        b = 2
    ```

- a list

    ~~~~ { .python }
    text = '''
    ~~~
    '''
    ~~~~

> ```Python3 linenums="1"
> c = 3
> ```

1. ```python
   d = 4
   ```

```` bash
$ echo '```'
````

```
e = 5
```

``` { .python }
--8<-- "train_isic.py"
```
"""


def test_blocks_are_found_wherever_they_stand():
    found = list(blocks_in(PAGE, "p.md"))
    assert [(block.line, block.language) for block in found] == [
        (4, "python"),
        (10, "py"),
        (18, "python"),
        (24, "python3"),
        (28, "python"),
        (32, "bash"),
        (36, ""),
        (40, "python"),
    ]
    assert found[0].text == "a = 1\n"
    assert found[1].text == "if a:\n\n    b = 2\n"
    assert found[2].text == "text = '''\n~~~\n'''\n"
    assert found[3].text == "c = 3\n"
    assert found[4].text == "d = 4\n"
    assert found[-1].included == "train_isic.py"
    assert [block.included for block in found[:-1]] == [None] * 7
    assert found[3].place == "p.md:24"
    assert all(PAGE.splitlines()[block.line - 1].strip(" >") == block.text.split("\n")[0] for block in found)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("```python\na = 1\n", "p.md:1: a fence is not closed"),
        ("```python\na\n~~~\n", "p.md:1: a fence is not closed"),
        ("````python\na\n```\n", "p.md:1: a fence is not closed"),
        ("x\ntext ```python\n", "p.md:2: a fence in the middle of a line"),
    ],
)
def test_what_is_no_block_is_refused(text, said):
    with pytest.raises(ValueError, match=said):
        list(blocks_in(text, "p.md"))


@pytest.mark.parametrize("page", pages())
def test_every_block_has_a_language_that_is_known(page):
    """What is in another one would not be looked at; and what has none is no Python."""
    for block in blocks_of(page):
        assert block.language in PYTHON | SHELL | PLAIN, block.place
        if block.language not in PYTHON:
            assert "import skinzoo" not in block.text, f"{block.place}: name its language"
        if block.included and block.language in PYTHON:
            assert (ROOT / "examples" / block.included).is_file(), f"{block.place}: a script with a test of its own"


@pytest.fixture
def a_page(tmp_path, monkeypatch, request):
    """`a_page(text)`: a page of that text, its stage, and nobody who knows it."""
    (tmp_path / "docs").mkdir()
    monkeypatch.setattr(blocks, "ROOT", tmp_path)
    monkeypatch.setattr(stage, "ROOT", tmp_path)
    monkeypatch.setattr(stage, "ENTRIES", {})

    def make(text: str) -> stage.Stage:
        (tmp_path / "docs" / "a.md").write_text(text)
        return stage.Stage(request)

    return make


def test_a_page_that_nobody_knows_fails(a_page):
    made = a_page("```python\na = 1\n```\n")
    assert pages() == ["docs/a.md"]
    with pytest.raises(pytest.fail.Exception, match=r"docs/a.md has blocks of Python and no entry"):
        stage.run_page("docs/a.md", made)
    assert "a" not in made.names


def test_all_blocks_run_in_order_between_the_halves_of_the_entry(a_page):
    made = a_page("```python\nseen.append(1)\n```\n\n    ```py\n    seen.append(2)\n    def f(x: int): ...\n    ```\n")
    seen = []

    @stage.page("docs/a.md")
    def entry(there):
        assert there is made
        assert Path.cwd() == made.folder
        names = there.take(seen=seen)
        seen.append(0)
        yield
        seen.append(3)
        assert names["f"].__annotations__ == {"x": int}, "no __future__ of this file"

    stage.run_page("docs/a.md", made)
    assert seen == [0, 1, 2, 3]
    with pytest.raises(ValueError, match=r"docs/a.md has two entries"):
        stage.page("docs/a.md")(entry)


def test_a_block_that_fails_names_the_line_of_the_page(a_page):
    made = a_page("# A\n\n```python\na = 1\n```\n\n```python\nb = a\nb / 0\n```\n")

    @stage.page("docs/a.md")
    def entry(_):
        yield

    with pytest.raises(ZeroDivisionError) as error:
        stage.run_page("docs/a.md", made)
    assert (error.traceback[-1].path, error.traceback[-1].lineno + 1) == (made.folder / "docs" / "a.md", 9)


def test_what_a_page_needs_and_does_not_say_fails(a_page):
    made = a_page("```python\nmodel.task\n```\n")

    @stage.page("docs/a.md")
    def entry(there):
        there.take("train")
        yield

    with pytest.raises(NameError, match="model"):
        stage.run_page("docs/a.md", made)
