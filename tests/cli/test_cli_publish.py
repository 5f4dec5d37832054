"""`skinzoo publish` passes on what `push_to_hub` takes; that itself is tested elsewhere."""

from pathlib import Path

import pytest

from skinzoo import publishing
from skinzoo.errors import PublishError
from skinzoo.publishing import Published, PublishedFile

COMMIT = "0123456789abcdef0123456789abcdef01234567"
NEEDED = ("--report", "report", "--card", "card.yaml", "--repo", "me/ham")


@pytest.fixture
def pushed(monkeypatch):
    """Nothing is published; the list fills with what would have been."""
    asked = []

    def fake(model, repository, **options):
        asked.append({"model": model.config.architecture, "repository": repository, **options})
        file = PublishedFile("model.safetensors", 1234, "0" * 64)
        revision = None if options["dry_run"] else COMMIT
        return Published(
            repository, revision, f"https://hub/{repository}", (file,), 2e-7, "# card", ("a.png",), Path("x")
        )

    monkeypatch.setattr(publishing, "push_to_hub", fake)
    return asked


def test_dry_run(cli, small, pushed):
    done = cli("publish", small, *NEEDED, "--dry-run", "--json")
    assert done.status == 0, done
    assert done.json == {
        "repository": "me/ham",
        "revision": None,
        "url": "https://hub/me/ham",
        "files": [{"path": "model.safetensors", "size": 1234, "sha256": "0" * 64}],
        "golden_difference": 2e-7,
        "card": "# card",
        "left_out": ["a.png"],
        "folder": "x",
    }
    [asked] = pushed
    assert (asked["model"], asked["repository"]) == ("simple_cnn", "me/ham")
    assert (asked["report"], asked["card"], asked["external"]) == ("report", "card.yaml", None)
    assert (asked["dry_run"], asked["private"], asked["photographs"]) == (True, False, False)


def test_everything_that_is_passed_on(cli, small, pushed):
    more = ("--external", "a", "--external", "b", "--private", "--float16", "--photographs", "--message", "first")
    done = cli("publish", small, *NEEDED, *more, "--folder", "kept", "--endpoint", "https://hub.example.org")
    assert f"published and verified: hf-hub:me/ham@{COMMIT}" in done.out
    [asked] = pushed
    assert (asked["external"], asked["private"], asked["dtype"]) == (["a", "b"], True, "float16")
    assert (asked["photographs"], asked["message"], asked["folder"]) == (True, "first", "kept")
    assert (asked["dry_run"], asked["hub"].endpoint) == (False, "https://hub.example.org")


def test_a_card_to_fill_in(cli, small, tmp_path, pushed):
    path = tmp_path / "card.yaml"
    done = cli("publish", small, "--template", path)
    assert (done.status, pushed) == (0, [])
    assert done.out.startswith(f"{path}: answer its questions")
    assert "intended_task" in path.read_text("utf-8")
    assert cli("publish", small, "--template", tmp_path / "other.yaml", "--json").json == {
        "template": str(tmp_path / "other.yaml")
    }


def test_what_is_needed(cli, small):
    done = cli("publish", small, "--repo", "me/ham")
    assert done.status == 2
    assert "the following arguments are required: --report, --card" in done.err


def test_what_cannot_be_published(cli, small, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    done = cli("publish", small, *NEEDED)
    assert (done.status, done.out) == (1, "")
    assert "error: no model card at card.yaml" in done.err
    done = cli("publish", small, *NEEDED[:4], "--repo", "ham")
    assert "'ham' is no Hub repository" in done.err

    def refuse(*_, **__):
        raise PublishError("the card lacks: licence.")

    monkeypatch.setattr(publishing, "push_to_hub", refuse)
    assert cli("publish", small, *NEEDED, "--json")[:3] == (1, "", "error: the card lacks: licence.\n")
