"""Collections by name."""

import re
from urllib.parse import urlsplit

import pytest

from skinzoo.datasets import DATASETS, dataset_info, list_datasets, load_dataset
from skinzoo.datasets.catalogue import _wanted
from skinzoo.datasets.filesource import check_relative
from skinzoo.errors import ConfigError, DatasetNotFoundError, UnknownNameError


def test_names_and_facets():
    assert {"ham10000", "isic2018_task3", "archive", "folder", "synthetic"} <= set(list_datasets())
    assert "isic2018_task3" in list_datasets("isic*")
    assert "ham10000" not in list_datasets("isic*")
    assert "ham10000" in list_datasets(has_masks=True, group="lesion")
    assert "folder" not in list_datasets(has_masks=True)


@pytest.mark.parametrize("name", [e.name for e in DATASETS])
def test_declared_facts_are_complete(name):
    info = dataset_info(name)
    assert info.name == name
    assert info.title
    if info.num_images is not None:  # a published collection
        assert info.tree
        assert info.licence
        assert info.homepage.startswith("https://")
        assert info.citation


@pytest.mark.parametrize("name", [e.name for e in DATASETS])
def test_there_is_a_way_to_get_it(name):
    info = dataset_info(name)
    assert info.downloads or info.access or info.num_images is None, "a published collection says how it is got"
    assert info.licence or not info.downloads
    assert len({f.url for f in info.downloads}) == len(info.downloads)
    assert len({f.path for f in info.downloads if not f.unpack}) == len([f for f in info.downloads if not f.unpack])
    options = {e.name: e.obj.options for e in DATASETS}[name]
    for file in info.downloads:
        parts = urlsplit(file.url)
        assert parts.scheme == "https"
        assert parts.hostname
        assert "." in parts.hostname
        assert file.url.isascii()
        assert " " not in file.url
        assert check_relative(file.path) == file.path
        assert file.path or file.unpack
        assert file.part in ("", *info.parts)
        assert "part" in options or not file.part
        assert set(file.options) <= set(options)
        assert file.size is None or file.size > 0
        assert re.fullmatch(r"([0-9a-f]{64})?", file.sha256)
        assert re.fullmatch(r"([0-9a-f]{32})?", file.md5)


@pytest.mark.parametrize("name", [e.name for e in DATASETS if e.obj.info.downloads])
def test_the_files_of_the_default_options_are_unambiguous(name):
    """What `load_dataset(name, root, download=True)` fetches: something, and one file of each choice."""
    entry = DATASETS[name]
    files = _wanted(entry, {})
    assert files
    chosen = [f.options for f in files if f.options]
    assert all(o == chosen[0] for o in chosen)


def test_unknown_names_and_options():
    with pytest.raises(UnknownNameError, match="did you mean 'ham10000'"):
        load_dataset("ham1000")
    with pytest.raises(ConfigError, match=r"does not take the option 'mask'. Did you mean 'masks'"):
        load_dataset("ham10000", ".", mask=True)


def test_names_and_folders_of_a_wrong_type():
    for name in (None, 7, ["ham10000"]):
        with pytest.raises(ConfigError, match=r"is no text; give one of .*ham10000"):
            load_dataset(name)
        with pytest.raises(ConfigError, match="is no text"):
            dataset_info(name)
    for root in (7, b"data", ["data"]):
        with pytest.raises(ConfigError, match="is no folder; give its path"):
            load_dataset("folder", root)
        with pytest.raises(ConfigError, match="synthetic needs no files, so it takes no root"):
            load_dataset("synthetic", root)


def test_default_root_is_the_data_folder(fake_ham10000, monkeypatch, tmp_path):
    root = fake_ham10000("ham10000", masks=None)
    monkeypatch.setenv("SKINZOO_DATA", str(root.parent))
    assert len(load_dataset("ham10000")) == 28
    monkeypatch.setenv("SKINZOO_DATA", str(tmp_path / "nowhere"))
    with pytest.raises(DatasetNotFoundError, match=r"no root was given .*nowhere.*Get it from https://doi.org"):
        load_dataset("ham10000")
