"""Models from the Hub and from records, through the real client and a stand-in server on this machine."""

import hashlib
import json
import shutil
from pathlib import Path

import pytest
import segmentation_models_pytorch as smp
import timm
import torch
from hub_server import HubServer
from saved_models import change_config

import skinzoo
from skinzoo.errors import ChecksumError, ConfigError, OfflineError, UnknownNameError, WeightsError
from skinzoo.hub import FileDigest, HubOptions
from skinzoo.models import Calibration, factory, published, weight_file
from skinzoo.models.factory import build
from skinzoo.models.published import load_published
from skinzoo.models.saved_config import read_config

REPOSITORY = "lab/skin-model"
NAME = f"hf-hub:{REPOSITORY}"
FIXTURE = Path(__file__).parents[1] / "fixtures" / "format_1" / "model"


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """A saved model, with what it was trained on."""
    model = skinzoo.create_model("simple_cnn", label_space="isic2018", image_size=32, seed=0)
    model.calibration = Calibration("temperature", (0.5,))
    train, val = skinzoo.load_dataset("synthetic", num_images=28, size=32).split((0.7, 0.3), seed=0)
    model.training_record = skinzoo.evaluation.record_training(train, val)
    return model.save_pretrained(tmp_path_factory.mktemp("saved")), model


def contents(folder):
    return {p.name: p.read_bytes() for p in Path(folder).iterdir() if p.is_file()}


def put(hub: HubServer, folder, **more):
    """Publish a folder; returns the commit."""
    return hub.put(REPOSITORY, {**contents(folder), "README.md": b"# card", **more})


def same(model, other):
    theirs = other.state_dict()
    return all(torch.equal(v, theirs[k]) for k, v in model.state_dict().items())


def fetched(hub):
    """Names of the files whose bytes were asked for."""
    return {str(entry).rpartition("/")[2].partition("?")[0] for entry in hub.requests("GET .*/resolve/")}


def test_a_model_is_loaded_by_its_repository(hub, saved):
    folder, model = saved
    commit = put(hub, folder, **{"pytorch_model.bin": b"\x80evil", "evil.py": b"raise SystemExit"})
    for name in (NAME, f"{NAME}@{commit}"):
        loaded = skinzoo.create_model(name)
        assert same(model, loaded)
        assert loaded.config == model.config
        assert loaded.calibration == model.calibration
        assert loaded.training_record == model.training_record
        assert not loaded.training
    assert fetched(hub) == {"config.json", "model.safetensors", "training_data.json"}, "and nothing else"
    assert same(model, load_published(f"{REPOSITORY}@{commit}", build, HubOptions(cache_dir=folder.parent / "other")))


def test_it_can_start_another_model(hub, saved):
    folder, model = saved
    put(hub, folder)
    other = skinzoo.create_model("simple_cnn", weights=NAME, dropout=0.2)
    assert same(model, other)
    assert other.label_space.classes == model.label_space.classes
    assert other.input_spec == model.input_spec
    with pytest.warns(UserWarning, match="rows kept by name: MEL"):
        few = skinzoo.create_model(NAME, label_space=["MEL", "x"], rebuild_head=True)
    assert few.label_space.classes == ("MEL", "x")
    both = skinzoo.create_model("ensemble", members=[NAME, f"local-dir:{folder}"])
    assert same(both.members[0], model)


def test_pinned_files_in_the_cache_need_no_request(hub, saved):
    folder, model = saved
    commit = put(hub, folder)
    options = HubOptions(cache_dir=folder.parent / "cache")
    skinzoo.create_model(f"{NAME}@{commit}", hub=options)
    before = len(hub.log)
    assert same(model, skinzoo.create_model(f"{NAME}@{commit}", hub=options))
    assert len(hub.log) == before
    offline = HubOptions(cache_dir=folder.parent / "cache", offline=True)
    assert same(model, skinzoo.create_model(f"{NAME}@{commit}", hub=offline))
    with pytest.raises(OfflineError):
        skinzoo.create_model(NAME, hub=HubOptions(cache_dir=folder.parent / "empty", offline=True))


def test_bytes_are_hashed_once_where_they_were_just_verified(hub, saved, monkeypatch):
    folder, _ = saved
    put(hub, folder)
    skinzoo.create_model(NAME)
    monkeypatch.setattr(weight_file, "hashlib", None)
    skinzoo.create_model(NAME)
    with pytest.raises(AttributeError):
        skinzoo.create_model(f"local-dir:{folder}")


def test_a_configuration_is_checked_before_anything_else_is_fetched(hub, saved, tmp_path):
    folder = Path(shutil.copytree(saved[0], tmp_path / "copy"))
    for values in ({"architecture": "os.system"}, {"files": {"../x": {"sha256": "0" * 64, "size": 1}}}, {"task": 1}):
        change_config(folder, **values)
        put(hub, folder)
        with pytest.raises(WeightsError, match="cannot be used"):
            skinzoo.create_model(NAME)
    assert fetched(hub) == {"config.json"}


def test_weights_that_are_not_those_of_the_configuration(hub, saved, tmp_path):
    folder = Path(shutil.copytree(saved[0], tmp_path / "copy"))
    data = bytearray((folder / "model.safetensors").read_bytes())
    data[-1] ^= 1
    (folder / "model.safetensors").write_bytes(data)
    put(hub, folder)
    with pytest.raises(ChecksumError, match=r"model\.safetensors"):
        skinzoo.create_model(NAME)


def test_a_model_of_format_1(hub):
    put(hub, FIXTURE)
    loaded = skinzoo.create_model(NAME)
    assert loaded.training_record is not None
    assert same(loaded, skinzoo.create_model(f"local-dir:{FIXTURE}"))


def test_other_libraries_are_named(hub):
    hub.put(
        "lab/timm-model",
        {
            "config.json": json.dumps({"architecture": "resnet18", "num_classes": 7, "pretrained_cfg": {}}),
            "model.safetensors": b"x" * 100,
        },
    )
    with pytest.raises(WeightsError, match=r"lab/timm-model on the Hub is no model of skinzoo's\..*timm\.create_model"):
        skinzoo.create_model("hf-hub:lab/timm-model")
    hub.put("lab/odd", {"config.json": "[1]"})
    with pytest.raises(WeightsError, match="no model of skinzoo's"):
        skinzoo.create_model("hf-hub:lab/odd")
    assert "model.safetensors" not in fetched(hub)


@pytest.mark.parametrize(
    "name", ["hf-hub:x", "hf-hub:../x/y", "hf-hub:lab/x@main", "hf-hub:lab/x@../../y", "hf-hub:", "hf-hub:lab/x\0"]
)
def test_odd_references_are_refused_before_any_request(hub, name):
    with pytest.raises(ConfigError):
        skinzoo.create_model(name)
    with pytest.raises(ConfigError):
        skinzoo.create_model("simple_cnn", weights=name)
    assert not hub.log


# --------------------------------------------------------------------------------------------------- other libraries


def test_plain_timm_loads_a_repository(hub, tmp_path):
    model = skinzoo.create_model("resnet18_scratch", num_classes=3, image_size=64, seed=0)
    put(hub, model.save_pretrained(tmp_path / "model", dtype="float16"))
    model = skinzoo.create_model(NAME)
    plain = timm.create_model(NAME, pretrained=True, cache_dir=tmp_path / "timm").eval()
    images = torch.randn(2, 3, 64, 64)
    with torch.no_grad():
        assert torch.equal(plain(images), model(images).logits)


def test_plain_smp_loads_a_repository(hub, tmp_path):
    model = skinzoo.create_model("multitask", num_classes=3, backbone_weights=None, image_size=64, seed=0)
    put(hub, model.save_pretrained(tmp_path / "model"))
    plain = smp.from_pretrained(REPOSITORY, cache_dir=tmp_path / "smp").eval()
    images = torch.randn(2, 3, 64, 64)
    with torch.no_grad():
        masks, logits = plain(images)
        output = model(images)
    torch.testing.assert_close(masks, output.mask_logits)
    torch.testing.assert_close(logits, output.logits, atol=1e-5, rtol=1e-5)
    asked = {str(entry).split("/resolve/")[0].rpartition("/")[2] for entry in hub.requests(".*/resolve/")}
    assert asked == {"skin-model"}, "no weights of an encoder are fetched"


# -------------------------------------------------------------------------------------------------------------- records


class Record:
    """What is used of a `WeightsRecord`."""

    def __init__(self, name, folder, repository=None, revision=None):
        self.name, self.repository, self.revision = name, repository, revision
        self.architecture, _, self.tag = name.partition(".")
        self.bundled, self.synthetic = repository is None, False
        self.files = {n: FileDigest.of(Path(folder) / n) for n in ("config.json", "model.safetensors")}


@pytest.fixture
def records(monkeypatch, saved):
    """Two records: bundled, and of a repository that a test fills."""
    from skinzoo.hub import records as module

    folder, _ = saved
    known = {r.name: r for r in (Record("simple_cnn.bundled", folder), Record("simple_cnn.isic", folder, REPOSITORY))}
    monkeypatch.setattr(module, "known_records", lambda: known)
    monkeypatch.setattr(published, "known_records", lambda: known)
    monkeypatch.setattr(published, "bundled_folder", lambda record: folder)
    return known


def test_weights_by_their_record(hub, saved, records, tmp_path, monkeypatch):
    folder, model = saved
    for built in (
        skinzoo.create_model("simple_cnn.bundled"),
        skinzoo.create_model("simple_cnn", weights="bundled"),
        skinzoo.create_model("simple_cnn", weights="simple_cnn.bundled"),
        skinzoo.create_model("ensemble", members=["simple_cnn.bundled"]).members[0],
    ):
        assert same(model, built)
        assert built.calibration == model.calibration
    assert not hub.log
    records["simple_cnn.isic"].revision = put(hub, folder)
    assert same(model, skinzoo.create_model("simple_cnn.isic"))
    monkeypatch.setenv("SKINZOO_HUB_NAMESPACE", "mirror")
    hub.put("mirror/skin-model", contents(folder))
    with pytest.raises(WeightsError):
        skinzoo.create_model("simple_cnn.isic", hub=HubOptions(cache_dir=tmp_path / "new"))  # another commit there


def test_the_digests_of_a_record_come_first(hub, saved, records, tmp_path):
    other = skinzoo.create_model("simple_cnn", label_space="isic2018", image_size=32, seed=9)
    folder = other.save_pretrained(tmp_path / "forged")
    records["simple_cnn.isic"].revision = put(hub, folder)
    with pytest.raises(ChecksumError, match=r"config\.json"):
        skinzoo.create_model("simple_cnn.isic")
    forged = {n: FileDigest.of(folder / n) for n in ("config.json",)}
    records["simple_cnn.isic"].files |= forged
    with pytest.raises(ChecksumError, match=r"model\.safetensors"):
        skinzoo.create_model("simple_cnn.isic")


def test_a_tag_counts_before_a_path(saved, records, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    other = skinzoo.create_model("simple_cnn", label_space="isic9", image_size=32, seed=9)
    other.save_pretrained("bundled")
    assert same(saved[1], skinzoo.create_model("simple_cnn", weights="bundled"))
    assert same(other, skinzoo.create_model("simple_cnn", weights="local-dir:bundled"))
    assert same(other, skinzoo.create_model("simple_cnn", weights="./bundled"))
    assert same(other, skinzoo.create_model("simple_cnn", weights=Path("bundled")))


def test_unknown_tags_get_close_matches(records):
    with pytest.raises(WeightsError, match=r"did you mean 'bundled'.* no file or folder 'bundlde'"):
        skinzoo.create_model("simple_cnn", weights="bundlde")
    with pytest.raises(UnknownNameError, match="did you mean 'bundled'"):
        skinzoo.create_model("simple_cnn.bundlde")
    with pytest.raises(UnknownNameError, match="unknown model 'simple_cn'"):
        skinzoo.create_model("simple_cn.bundled")
    assert skinzoo.create_model("resnet18.a1_in1k_scratch", image_size=32) is not None, "timm has tags as well"


def test_what_is_no_option_of_the_hub():
    with pytest.raises(ConfigError, match="hub must be a HubOptions, got 'x'"):
        skinzoo.create_model("simple_cnn", hub="x")


def test_nothing_half_loaded_is_ever_seen(saved, tmp_path, monkeypatch):
    """Whatever goes wrong, `create_model` raises; what was built is dropped."""
    folder = Path(shutil.copytree(saved[0], tmp_path / "copy"))
    (folder / "model.safetensors").write_bytes((folder / "model.safetensors").read_bytes()[:-100])
    with pytest.raises(WeightsError, match="damaged or cut short"):
        skinzoo.create_model(f"local-dir:{folder}")
    config = read_config(saved[0])
    assert (
        config.files["model.safetensors"].sha256
        == hashlib.sha256((saved[0] / "model.safetensors").read_bytes()).hexdigest()
    )
    monkeypatch.setattr(factory, "find_saved", lambda *_: None)
    with pytest.raises(UnknownNameError):
        skinzoo.create_model(f"local-dir:{folder}")
