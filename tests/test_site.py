"""The documentation as it is served: every page opened in a browser, on the width of a phone and of a desk."""

import functools
import http.server
import subprocess
import sys
import threading
from pathlib import Path
from typing import NamedTuple

import pytest
from browser import WHY_NOT, Browser, find_browser

ROOT = Path(__file__).parents[1]
WIDTHS = {"phone": 390, "desk": 1280}
WIDE = """(() => {
  const wide = document.documentElement.scrollWidth - innerWidth;
  return wide > 0 ? `${location.pathname} is ${wide} px too wide` : "";
})()"""
BROKEN = "[...document.images].filter(i => !i.complete || !i.naturalWidth).map(i => i.getAttribute('src'))"
LINKS = "[...document.querySelectorAll('a[href]')].map(a => a.href)"

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not (ROOT / "mkdocs.yml").is_file(), reason="the pages are not part of the wheel"),
    pytest.mark.skipif(find_browser() is None, reason=WHY_NOT),
]


class Visit(NamedTuple):
    wrong: list[str]
    problems: list[str]
    requests: list[str]
    places: dict[str, set[str]]
    links: set[tuple[str, str]]


class Quiet(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_):
        pass


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """The folder of the built site, and the address at which it is served."""
    pytest.importorskip("mkdocs")
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(folder)]
    subprocess.run(command, check=True, cwd=ROOT)
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=str(folder))) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield folder, f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


@pytest.fixture(scope="module")
def visit(site, tmp_path_factory):
    """Every page, opened on each width: what was wrong there, and the places and links on it."""
    folder, address = site
    names = sorted(p.parent.relative_to(folder).as_posix() for p in folder.rglob("index.html"))
    pages = [f"{address}/{name}/".replace("/./", "/") for name in names]
    wrong, places, links = [], {}, set()
    with Browser(find_browser(), tmp_path_factory.mktemp("profile")) as browser:
        for width in WIDTHS.values():
            browser.resize(width, 900)
            for page in pages:
                browser.open(page)
                wrong += [f"{page}: picture {name}" for name in browser.run(BROKEN)]
                wrong += filter(None, [browser.run(WIDE)])
                places[page] = set(browser.run("[...document.querySelectorAll('[id]')].map(e => e.id)"))
                links |= {(page, link) for link in browser.run(LINKS) if link.startswith(address)}
    return Visit(wrong, browser.problems, browser.requests, places, links)


def test_every_page_opens_as_it_should(site, visit):
    """No complaint, no request to another host, every picture there, nothing wider than the window."""
    assert len(visit.places) > 40
    assert visit.wrong == []
    assert visit.problems == []
    assert [url for url in visit.requests if not url.startswith(site[1])] == []


def test_every_link_inside_leads_somewhere(site, visit):
    """Also those that the tables and the reference make, and to the right place on the page."""
    folder, address = site
    dead = []
    for page, link in sorted(visit.links):
        target, _, anchor = link.partition("#")
        if target in visit.places:
            if anchor and anchor not in visit.places[target]:
                dead.append((page, link))
        elif not (folder / target.removeprefix(address).lstrip("/")).is_file():
            dead.append((page, link))
    assert dead == []


def test_searching_finds_a_page(site, tmp_path):
    _folder, address = site
    with Browser(find_browser(), tmp_path / "profile") as browser:
        browser.resize(WIDTHS["desk"], 900)
        browser.open(f"{address}/")
        browser.run("document.querySelector('.md-search__input').focus()")
        browser.call("Input.insertText", text="leakage")
        found = """new Promise(done => { const look = n => {
            const hits = [...document.querySelectorAll('.md-search-result__link')].map(a => a.href);
            hits.length || n > 100 ? done(hits) : setTimeout(look, 100, n + 1); }; look(0); })"""
        assert any("/guides/splits/" in link for link in browser.run(found))
