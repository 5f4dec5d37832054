"""The page in a real browser; where Gradio is not installed, only what is said then."""

import importlib.util
import json
import re
import runpy
import time
from pathlib import Path

import pytest
from browser import WHY_NOT, Browser, find_browser
from PIL import Image

import skinzoo
from skinzoo.cli import main
from skinzoo.demo import build_page, launch
from skinzoo.errors import MissingDependencyError

SPACE = Path(__file__).parents[2] / "examples" / "space"
HAS_GRADIO = importlib.util.find_spec("gradio") is not None
needs_gradio = pytest.mark.skipif(not HAS_GRADIO, reason="Gradio is not installed (skinzoo[demo])")
quiet = pytest.mark.filterwarnings("ignore")  # Gradio's own


@pytest.fixture(scope="module")
def model():
    return skinzoo.create_model("multitask_regnety_004", weights="bundled")


def test_without_gradio_it_says_what_to_install(model, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "gradio", None)
    for call in (build_page, launch):
        with pytest.raises(MissingDependencyError, match=r'pip install "skinzoo\[demo\]"'):
            call(model)


def test_the_command_serves_the_model_that_is_named(monkeypatch, capsys):
    served = {}
    monkeypatch.setattr("skinzoo.demo.launch", lambda model, **options: served.update(options, model=model))
    assert main(["demo", "--port", "8123", "--no-browser", "--json", "--device", "cpu"]) == 0
    assert json.loads(capsys.readouterr().out) == {
        "model": "multitask_regnety_004.bundled",
        "address": "http://127.0.0.1:8123",
    }
    assert served["model"].config.architecture == "multitask_regnety_004"
    assert (served["host"], served["port"], served["browser"]) == ("127.0.0.1", 8123, False)
    assert main(["demo", "nowhere/at_all"]) == 1


def until(page, words, seconds=60):
    deadline = time.monotonic() + seconds
    while words not in (page.run("document.body ? document.body.innerText : ''") or ""):
        assert time.monotonic() < deadline, f"the page never says {words!r}"
        time.sleep(0.2)


@needs_gradio
@quiet
@pytest.mark.skipif(find_browser() is None, reason=WHY_NOT)
def test_a_picture_in_and_an_answer_out(model, tmp_path):
    page = build_page(model, about="A test.")
    _app, address, _share = page.launch(server_port=None, prevent_thread_lock=True, quiet=True)
    bad = tmp_path / "notes.txt"
    bad.write_text("no picture")
    try:
        with Browser(find_browser(), tmp_path / "profile") as browser:
            browser.call("Page.navigate", url=address)
            until(browser, "not a medical device")
            until(browser, "VASC")
            assert browser.run("document.querySelectorAll('button.thumbnail-item').length") == 7
            browser.run("document.querySelector('button.thumbnail-item').click()")
            until(browser, "is the most probable class")
            until(browser, "longest diameter")
            assert browser.run("document.querySelectorAll('.image-container img, .image-frame img').length") >= 2
            node = browser.call("Runtime.evaluate", expression="document.querySelector('button[aria-label=\"Clear\"]')")
            if node["result"].get("objectId"):
                browser.run("document.querySelector('button[aria-label=\"Clear\"]').click()")
            until(browser, "Choose a picture first")
            found = browser.call("Runtime.evaluate", expression="document.querySelector('#picture input[type=file]')")
            browser.call("DOM.setFileInputFiles", files=[str(bad)], objectId=found["result"]["objectId"])
            until(browser, "cannot be used as a picture")
            hosts = {url.split("/")[2] for url in browser.requests if url.startswith("http")}
            assert hosts == {address.split("/")[2]}, "nothing is asked of another server"
    finally:
        page.close()


@needs_gradio
@quiet
def test_the_space_is_the_same_page():
    names = runpy.run_path(str(SPACE / "app.py"), run_name="space")
    assert type(names["page"]).__name__ == "Blocks"
    declared = (SPACE / "README.md").read_text("utf-8").split("---")[1]
    assert "sdk: gradio" in declared
    assert "app_file: app.py" in declared
    assert (SPACE / "requirements.txt").read_text() == "skinzoo[demo]\n"


@needs_gradio
@quiet
def test_the_guide(model, tmp_path, monkeypatch, capsys):
    guide = (SPACE.parents[1] / "docs" / "guides" / "demo.md").read_text("utf-8")
    (block,) = re.findall(r"```python\n(.*?)```", guide, re.DOTALL)
    monkeypatch.chdir(tmp_path)
    Image.new("RGB", (64, 64), "tan").save("lesion.jpg")
    names = {"model": model}
    exec(block, names)
    names["page"].close()
    assert "is the most probable class" in capsys.readouterr().out
