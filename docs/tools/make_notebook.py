"""Makes `examples/quickstart.ipynb` from `examples/quickstart.py`: `python docs/tools/make_notebook.py`.

The script is in the percent format: `# %%` begins a cell of code, `# %% [markdown]` one of text, and a comment that
begins with `# %` or `# !` in a cell of code is a command of the notebook's own.
"""

import json
import re
from pathlib import Path
from typing import Any

EXAMPLES = Path(__file__).parents[2] / "examples"
_MARK = re.compile(r"^# %%(?P<text> \[markdown\])?$", re.MULTILINE)


def cells_of(script: str) -> list[dict[str, Any]]:
    """The notebook's cells."""
    marks = list(_MARK.finditer(script))
    ends = [mark.start() for mark in marks[1:]] + [len(script)]
    cells: list[dict[str, Any]] = []
    for number, (mark, end) in enumerate(zip(marks, ends, strict=True)):
        body = script[mark.end() : end].strip("\n")
        name = {"id": f"cell-{number}", "metadata": {}}
        if mark["text"]:
            text = re.sub(r"^# ?", "", body, flags=re.MULTILINE)
            cells.append({"cell_type": "markdown", **name, "source": text.splitlines(keepends=True)})
        else:
            code = re.sub(r"^# (?=[%!])", "", body, flags=re.MULTILINE)
            made = {"execution_count": None, "outputs": [], "source": code.splitlines(keepends=True)}
            cells.append({"cell_type": "code", **name, **made})
    return cells


def notebook(script: str) -> str:
    """The notebook's file, in version 4.5 of the format."""
    kernel = {"display_name": "Python 3", "language": "python", "name": "python3"}
    made = {
        "cells": cells_of(script),
        "metadata": {"kernelspec": kernel, "language_info": {"name": "python"}},
        "nbformat": 4,
        "nbformat_minor": 5,
    }
    return json.dumps(made, indent=1, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    text = notebook((EXAMPLES / "quickstart.py").read_text("utf-8"))
    (EXAMPLES / "quickstart.ipynb").write_text(text, "utf-8", newline="\n")
