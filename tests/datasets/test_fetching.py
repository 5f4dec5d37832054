"""Collections that are fetched: a temporary one in the registry, whose files lie on a server on this machine."""

import functools
import hashlib
import json
import logging
import tarfile
import threading
import zipfile
from dataclasses import replace
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import pytest

from skinzoo.datasets import DATASETS, DatasetInfo, download_dataset, load_dataset, register_dataset
from skinzoo.datasets.adapters import folder as folder_adapter
from skinzoo.datasets.fetching import MARKER, how_to_get, wanted_files
from skinzoo.datasets.listing import not_found
from skinzoo.download import RemoteFile
from skinzoo.errors import ArchiveError, ConfigError, DatasetNotFoundError, DownloadError

NAME = "temporary_collection"


@pytest.fixture
def site(tmp_path):
    """The server's folder and address; `.asked` are the paths that it was asked for."""

    class Handler(SimpleHTTPRequestHandler):
        def log_request(self, *args):
            site.asked.append(self.path)

        def log_message(self, *args):
            pass

    class Site:
        folder, asked = tmp_path / "site", []

        def url(self, name):
            return f"http://127.0.0.1:{server.server_port}/{name}"

    site = Site()
    site.folder.mkdir()
    server = ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Handler, directory=site.folder))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield site
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def collection(tmp_path, site, write_image, monkeypatch):
    """A collection of two classes with a table for all and an archive for each part; returns its info."""
    monkeypatch.setattr("os.sync", lambda: None, raising=False)
    source = tmp_path / "source"
    for k, (part, label) in enumerate((p, c) for p in ("train", "test") for c in ("nevus", "melanoma")):
        write_image(source / part / label / f"{part}{k}.jpg", seed=k)
    with zipfile.ZipFile(site.folder / "train.zip", "w") as archive:
        for path in sorted((source / "train").rglob("*.jpg")):
            archive.write(path, path.relative_to(source))
    with tarfile.open(site.folder / "test.tar.gz", "w:gz") as archive:
        archive.add(source / "test", "test")
    (site.folder / "about.txt").write_text("about")
    about = site.folder / "about.txt"
    info = DatasetInfo(
        name=NAME,
        title="Temporary",
        tree="train/nevus/a.jpg",
        num_images=4,
        parts={"train": 2, "test": 2},
        licence="CC0 1.0",
        homepage="https://example.org",
        citation="Nobody (2020).",
        downloads=(
            RemoteFile(site.url("about.txt"), "about.txt", size=5, sha256=hashlib.sha256(b"about").hexdigest()),
            RemoteFile(site.url("train.zip"), "", "train", unpack=True),
            RemoteFile(site.url("test.tar.gz?download=1"), "", "test", unpack=True),
        ),
    )
    assert about.stat().st_size == 5
    register(info)
    yield info
    DATASETS._entries.pop(NAME)


def register(info):
    @register_dataset(info)
    def opened(root, checks, *, part: str = "train", size: int | None = None):
        if not (root / part).is_dir():
            raise not_found(info, root, f"no {part}")
        return folder_adapter.folder(root / part, checks)


def redeclare(info, **changes):
    DATASETS._entries.pop(info.name)
    register(replace(info, **changes))


def names(root):
    return sorted(p.relative_to(root).as_posix() for p in root.rglob("*") if p.is_file())


TRAIN = ["train/melanoma/train1.jpg", "train/nevus/train0.jpg"]
TEST = ["test/melanoma/test3.jpg", "test/nevus/test2.jpg"]


def test_download_and_open(collection, site, tmp_path, caplog):
    root = tmp_path / "data" / "here"
    data = load_dataset(NAME, root, download=True)
    assert len(data) == 2
    assert names(root) == sorted([MARKER, "about.txt", *TRAIN])
    assert site.asked == ["/about.txt", "/train.zip"]
    assert [(r.name, r.levelno) for r in caplog.records] == [("skinzoo.datasets.fetching", logging.WARNING)]
    assert "CC0 1.0" in caplog.text
    assert "Nobody (2020)" in caplog.text

    for download in (True, False):
        assert len(load_dataset(NAME, root, download=download)) == 2
    assert len(site.asked) == 2, "nothing is fetched twice"
    assert len(load_dataset(NAME, root, part="test", download=True)) == 2
    assert site.asked[2:] == ["/test.tar.gz?download=1"]
    assert names(root) == sorted([MARKER, "about.txt", *TRAIN, *TEST])
    assert len(caplog.records) == 2


def test_the_marker(collection, site, tmp_path):
    assert download_dataset(NAME, tmp_path / "data") == tmp_path / "data"
    noted = json.loads((tmp_path / "data" / MARKER).read_text())
    assert noted["pending"] == []
    for file in collection.downloads:
        content = (site.folder / file.url.rpartition("/")[2].removesuffix("?download=1")).read_bytes()
        entry = noted["files"][file.url]
        assert (entry["size"], entry["sha256"]) == (len(content), hashlib.sha256(content).hexdigest())


def test_default_root_and_parts(collection, site, tmp_path, monkeypatch):
    monkeypatch.setenv("SKINZOO_DATA", str(tmp_path / "data"))
    assert len(load_dataset(NAME, download=True)) == 2
    assert download_dataset(NAME, part="test") == tmp_path / "data" / NAME
    assert names(tmp_path / "data" / NAME) == sorted([MARKER, "about.txt", *TRAIN, *TEST])
    with pytest.raises(ConfigError, match="part='trian' is unknown; use 'test', 'train'"):
        load_dataset(NAME, download=True, part="trian")
    with pytest.raises(ConfigError, match="the download of 'temporary_collection' does not take the option 'strict'"):
        download_dataset(NAME, strict=True)


def test_a_download_that_was_cut_off_is_continued(collection, site, tmp_path):
    root = tmp_path / "data"
    (site.folder / "test.tar.gz").rename(site.folder / "away")
    with pytest.raises(DownloadError, match="404"):
        download_dataset(NAME, root)
    assert names(root) == sorted([MARKER, "about.txt", *TRAIN])
    with pytest.raises(DownloadError, match="404"):
        download_dataset(NAME, root)
    (site.folder / "away").rename(site.folder / "test.tar.gz")
    (root / ".skinzoo-unpack-killed").mkdir()
    load_dataset(NAME, root, part="test", download=True)
    assert site.asked.count("/train.zip") == site.asked.count("/about.txt") == 1
    assert names(root) == sorted([MARKER, "about.txt", *TRAIN, *TEST])
    assert not (root / ".skinzoo-unpack-killed").exists()


def test_what_is_half_there_is_continued_though_it_could_be_opened(collection, site, tmp_path):
    root = tmp_path / "data"
    more = RemoteFile(site.url("more.zip"), "", "train", unpack=True)
    redeclare(collection, downloads=(*collection.downloads, more))
    with pytest.raises(DownloadError, match="404"):
        load_dataset(NAME, root, download=True)
    assert len(load_dataset(NAME, root)) == 2
    with zipfile.ZipFile(site.folder / "more.zip", "w") as archive:
        archive.write(tmp_path / "source" / "test" / "nevus" / "test2.jpg", "train/nevus/more.jpg")
    assert len(load_dataset(NAME, root, download=True)) == 3


def test_a_copy_of_ones_own_is_left_alone(collection, site, tmp_path):
    data = load_dataset(NAME, tmp_path / "source", download=True)
    assert len(data) == 2
    assert not site.asked
    assert names(tmp_path / "source") == sorted([*TRAIN, *TEST])


def test_what_was_deleted_is_fetched_again(collection, site, tmp_path):
    root = download_dataset(NAME, tmp_path / "data")
    (root / "about.txt").unlink()
    (root / "train").rename(tmp_path / "away")
    with pytest.raises(DatasetNotFoundError):
        load_dataset(NAME, root)
    assert len(load_dataset(NAME, root, download=True)) == 2
    assert site.asked.count("/train.zip") == site.asked.count("/about.txt") == 2
    assert len([a for a in site.asked if "test" in a]) == 1


@pytest.mark.parametrize("content", ["", "[1]", '{"files": 3, "pending": []}', '{"files": {"x": 1}}'])
def test_a_damaged_marker(collection, site, tmp_path, content):
    root = download_dataset(NAME, tmp_path / "data", part="train")
    (root / MARKER).write_text(content)
    download_dataset(NAME, root, part="train")
    assert names(root) == sorted([MARKER, "about.txt", *TRAIN])


def test_bad_archives_leave_nothing(collection, site, tmp_path):
    with zipfile.ZipFile(site.folder / "train.zip", "w") as archive:
        archive.writestr("train/nevus/a.jpg", b"1")
        archive.writestr("../evil", b"2")
    with pytest.raises(ArchiveError, match=r"train\.zip.*climbs out"):
        load_dataset(NAME, tmp_path / "data", download=True)
    assert names(tmp_path / "data") == [MARKER, "about.txt"]
    assert not (tmp_path / "evil").exists()


def test_wrong_files_leave_nothing(collection, site, tmp_path):
    (site.folder / "about.txt").write_text("ABOUT")
    with pytest.raises(DownloadError, match="its sha256 is"):
        load_dataset(NAME, tmp_path / "data", download=True)
    assert names(tmp_path / "data") == [MARKER]


def test_paths_stay_below_the_root(collection, tmp_path):
    redeclare(collection, downloads=(replace(collection.downloads[0], path="../about.txt"),))
    with pytest.raises(Exception, match="paths may not leave it"):
        download_dataset(NAME, tmp_path / "data")


def test_several_processes_fetch_each_file_once(collection, site, tmp_path):
    root = tmp_path / "data"
    threads = [threading.Thread(target=download_dataset, args=(NAME, root)) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(site.asked) == ["/about.txt", "/test.tar.gz?download=1", "/train.zip"]
    assert names(root) == sorted([MARKER, "about.txt", *TRAIN, *TEST])


def test_files_for_options(collection, site, tmp_path):
    sizes = [RemoteFile(site.url(f"{s}.npz"), f"{s}.npz", options={"size": s}) for s in (28, 64)]
    info = replace(collection, downloads=(collection.downloads[0], *sizes))
    chosen = [[f.path for f in wanted_files(info, None, o)] for o in (None, {"size": None}, {"size": 64}, {"size": 9})]
    assert chosen == [["about.txt", "28.npz"], ["about.txt", "28.npz"], ["about.txt", "64.npz"], ["about.txt"]]
    redeclare(info)
    (site.folder / "64.npz").write_bytes(b"64")
    assert names(download_dataset(NAME, tmp_path / "data", size=64)) == [MARKER, "64.npz", "about.txt"]
    with pytest.raises(DatasetNotFoundError, match="no train"):
        load_dataset(NAME, tmp_path / "data", size=64, download=True)


def test_a_collection_that_cannot_be_fetched(collection, tmp_path):
    redeclare(collection, downloads=(), access="fill in the form")
    for call in (functools.partial(load_dataset, download=True), download_dataset):
        with pytest.raises(DownloadError, match=r"(?s)CC0 1\.0.*example\.org.*fill in the form") as caught:
            call(NAME, tmp_path / "data")
        assert caught.value.code == "NOT_DOWNLOADABLE"
    assert not (tmp_path / "data").exists()
    assert len(load_dataset(NAME, tmp_path / "source", download=True)) == 2, "it is there already"


def test_not_found_says_how_to_get_it(collection, tmp_path, monkeypatch):
    monkeypatch.setenv("SKINZOO_DATA", str(tmp_path / "nowhere"))
    (tmp_path / "empty").mkdir()
    roots = (None, tmp_path / "absent", tmp_path / "empty")
    for root in roots:
        with pytest.raises(DatasetNotFoundError, match=f"load_dataset\\('{NAME}', ..., download=True\\) fetches it"):
            load_dataset(NAME, root)
    redeclare(collection, downloads=(), access="fill in the form")
    for root in roots:
        with pytest.raises(DatasetNotFoundError, match=r"What to do: fill in the form") as caught:
            load_dataset(NAME, root)
        assert "download=True" not in str(caught.value)
    assert how_to_get(DatasetInfo("x", "X")) == ""


def test_made_collections_have_nothing_to_fetch():
    assert len(load_dataset("synthetic", num_images=4, download=True)) == 4
    with pytest.raises(ConfigError, match="synthetic needs no files"):
        download_dataset("synthetic")
