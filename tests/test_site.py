"""The documentation as it is served: every page opened in a browser, on the width of a phone and of a desk."""

import functools
import http.server
import subprocess
import sys
import threading
from pathlib import Path

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


def pages_of(folder):
    return sorted(p.parent.relative_to(folder).as_posix() for p in folder.rglob("index.html"))


def test_every_page_in_a_browser(site, tmp_path):
    """No complaint, no request to another host, every picture there, nothing wider than the window."""
    folder, address = site
    pages = pages_of(folder)
    assert len(pages) > 40
    wrong = []
    with Browser(find_browser(), tmp_path / "profile") as browser:
        for width in WIDTHS.values():
            browser.resize(width, 900)
            for page in pages:
                browser.open(f"{address}/{page}/".replace("/./", "/"))
                wrong += [f"{page}: picture {name}" for name in browser.run(BROKEN)]
                wrong += filter(None, [browser.run(WIDE)])
    assert not wrong
    assert not browser.problems
    assert [url for url in browser.requests if not url.startswith(address)] == []


def test_every_link_inside_leads_somewhere(site, tmp_path):
    """Also those that the tables and the reference make, and to the right place on the page."""
    folder, address = site
    with Browser(find_browser(), tmp_path / "profile") as browser:
        places, links = {}, set()
        for page in pages_of(folder):
            url = f"{address}/{page}/".replace("/./", "/")
            browser.open(url)
            places[url] = set(browser.run("[...document.querySelectorAll('[id]')].map(e => e.id)"))
            links |= {(url, link) for link in browser.run(LINKS) if link.startswith(address)}
    dead = []
    for page, link in sorted(links):
        target, _, anchor = link.partition("#")
        if target in places:
            if anchor and anchor not in places[target] | {"__tabbed_1_1"}:
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
