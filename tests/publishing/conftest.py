"""A small model with its report, and a Hub that somebody is logged in to."""

import pytest
from carded import drawn_parts, made_up_report, recorded
from hub_server import TOKEN

import skinzoo


@pytest.fixture(scope="session")
def drawn():
    """Train, val and test of a drawn collection."""
    return drawn_parts()


@pytest.fixture(scope="session")
def small(drawn):
    """A classifier of 32 pixels, with a record."""
    return recorded(skinzoo.create_model("simple_cnn", image_size=32, seed=0), drawn)


@pytest.fixture(scope="session")
def made_up(small, drawn):
    """Its report; whoever changes it takes a copy."""
    return made_up_report(small, drawn[2])


@pytest.fixture
def logged_in(hub, monkeypatch):
    """The stand-in Hub, with the token of `tester` in the environment."""
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    return hub


@pytest.fixture
def no_page(monkeypatch):
    """Reports without their page, whose figures take seconds to draw."""
    monkeypatch.setattr("skinzoo.publishing.staging.render_page", lambda *_: "<!doctype html>")
    monkeypatch.setattr(skinzoo.Report, "pictures", lambda _: [])
