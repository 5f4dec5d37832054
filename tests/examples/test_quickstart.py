"""The notebook is the one made from the script, and its cells run."""

import json
from pathlib import Path

import pytest
from matplotlib.figure import Figure

make_notebook = pytest.importorskip("make_notebook", reason="the pages are not part of the wheel")

ROOT = Path(__file__).parents[2]
SCRIPT, NOTEBOOK = ROOT / "examples" / "quickstart.py", ROOT / "examples" / "quickstart.ipynb"


def test_the_notebook_is_the_scripts():
    assert NOTEBOOK.read_text("utf-8") == make_notebook.notebook(SCRIPT.read_text("utf-8")), (
        "run python docs/tools/make_notebook.py"
    )


def test_the_notebook_is_well_formed():
    made = json.loads(NOTEBOOK.read_text("utf-8"))
    assert (made["nbformat"], made["nbformat_minor"]) == (4, 5)
    assert len({cell["id"] for cell in made["cells"]}) == len(made["cells"]) > 15
    for cell in made["cells"]:
        keys = {"cell_type", "id", "metadata", "source"}
        assert set(cell) == keys | ({"execution_count", "outputs"} if cell["cell_type"] == "code" else set())
        assert cell["source"], "no empty cell"
        assert all(line.endswith("\n") for line in cell["source"][:-1])


def test_cells_are_cut_as_the_format_says():
    script = "# %% [markdown]\n# # Title\n#\n# text\n\n# %%\n# %pip install x\nimport json\n\n\njson.dumps(1)\n"
    text, code = make_notebook.cells_of(script)
    assert (text["cell_type"], "".join(text["source"])) == ("markdown", "# Title\n\ntext")
    assert (code["cell_type"], "".join(code["source"])) == ("code", "%pip install x\nimport json\n\n\njson.dumps(1)")


def test_the_cells_run_in_order(tmp_path, monkeypatch, capsys):
    """On fewer and smaller pictures; the last line of a cell is what a notebook shows."""
    monkeypatch.chdir(tmp_path)
    names, shown = {}, []
    for cell in json.loads(NOTEBOOK.read_text("utf-8"))["cells"]:
        if cell["cell_type"] != "code":
            continue
        lines = [line for line in "".join(cell["source"]).splitlines() if not line.startswith("%")]
        code = "\n".join(lines).replace("num_images=700, size=96", "num_images=210, size=48")
        code = code.replace("image_size=64", "image_size=32").replace("epochs=8", "epochs=1")
        *body, last = code.rstrip().split("\n")
        if last.startswith(("skinzoo.plotting", "(", "[")):
            exec("\n".join(body), names)
            shown.append(eval(last, names))
        else:
            exec(code, names)
    assert len(shown) == 4
    assert all(isinstance(figure, Figure) for figure in shown)
    printed = capsys.readouterr().out
    assert "balanced acc." in printed
    assert "lesion:" in printed
    assert (tmp_path / "my_model" / "model.safetensors").is_file()
