"""Collections by name."""

import pytest

from skinzoo.datasets import DATASETS, dataset_info, folder, list_datasets, load_dataset
from skinzoo.errors import ConfigError, DatasetNotFoundError, UnknownNameError


def test_names_and_facets():
    assert {"ham10000", "isic2018_task3", "archive", "folder", "synthetic"} <= set(list_datasets())
    assert list_datasets("isic*") == ["isic2018_task3"]
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
        for name in ("folder", "synthetic"):
            with pytest.raises(ConfigError, match="is no folder; give its path"):
                load_dataset(name, root)
        with pytest.raises(ConfigError, match=r"folder: root=.* is no folder"):
            folder(root)


def test_default_root_is_the_data_folder(fake_ham10000, monkeypatch, tmp_path):
    root = fake_ham10000("ham10000", masks=None)
    monkeypatch.setenv("SKINZOO_DATA", str(root.parent))
    assert len(load_dataset("ham10000")) == 28
    monkeypatch.setenv("SKINZOO_DATA", str(tmp_path / "nowhere"))
    with pytest.raises(DatasetNotFoundError, match=r"no root was given .*nowhere.*Get it from https://doi.org"):
        load_dataset("ham10000")
