"""Format 2 of a saved model: it comes back as it was, and the library that its network comes from can load it too.

Plain timm and plain segmentation_models_pytorch are the oracles.
"""

import hashlib
import json
import shutil

import pytest
import segmentation_models_pytorch as smp
import timm
import torch
from huggingface_hub import constants
from safetensors.torch import load_file, save_file
from saved_models import change_config, own_config
from timm.data import resolve_data_config

import skinzoo
from skinzoo.errors import (
    ChecksumError,
    ConfigError,
    SkinzooError,
    UnsafeWeightsError,
    WeightsError,
    WeightsMismatchError,
)
from skinzoo.models import MetadataEncoder
from skinzoo.models.blank import Blank
from skinzoo.models.weight_file import open_weights
from skinzoo.taxonomy import LabelSpace
from skinzoo.tensors import load_tensors, save_tensors
from skinzoo.types import InputSpec

METADATA = MetadataEncoder.from_dict({"columns": [{"name": "age", "mean": 50.0, "std": 15.0}]})
SPACE = LabelSpace("mine", ("MEL", "NV", "other"), titles={"MEL": "melanoma"}, malignant={"MEL"})
FAMILIES = [
    *("vit_tiny_patch16_224_scratch", "swin_tiny_patch4_window7_224_scratch", "convnext_atto_scratch"),
    *("mobilenetv3_small_050_scratch", "densenet121_scratch", "regnety_002_head", "efficientnet_b0_scratch"),
    *("multitask_mobilenetv3_small_050", "unet_regnety_002"),
]
OWN_NAMES = ("simple_cnn", "ensemble")


def build(name, **options):
    """A small model whose BatchNorm statistics are not those of a new one."""
    known = skinzoo.model_info(name)
    if "backbone_weights" in known.options:
        options["backbone_weights"] = None
    if "metadata" in known.options:
        options["metadata"] = METADATA
    if "members" in known.options:
        options["members"] = [skinzoo.create_model("simple_cnn", label_space=SPACE, image_size=32, seed=1)]
    elif known.task.has_labels:
        options.setdefault("label_space", SPACE)
    fixed = name.startswith(("vit", "swin")) or name == "ensemble"
    model = skinzoo.create_model(name, seed=0, **({} if fixed else {"image_size": 64}), **options)
    generator = torch.Generator().manual_seed(2)
    for tensor_name, tensor in model.state_dict().items():
        if tensor_name.endswith(("running_mean", "running_var")):
            tensor.add_(torch.rand(tensor.shape, generator=generator))
    return model


def picture(model):
    return torch.randn(1, 3, *model.input_spec.size, generator=torch.Generator().manual_seed(1))


def plain_timm(folder):
    """The model as plain timm loads it; older versions take every weights file of a folder for a pickle."""
    name = f"local-dir:{folder}"
    if hasattr(timm.models._hub, "load_state_dict"):
        return timm.create_model(name, pretrained=True).eval()
    return timm.create_model(name, checkpoint_path=folder / "model.safetensors").eval()


def buffers(model):
    """All of them, also those that are not saved."""
    return dict(model.named_buffers())


@pytest.fixture(autouse=True)
def _no_network(monkeypatch, tmp_path):
    """A download that is tried fails at once."""
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path / "no cache"))


@pytest.mark.parametrize("name", [*skinzoo.list_models(), *FAMILIES])
def test_a_model_comes_back_and_plain_libraries_load_it(name, tmp_path):
    model = build(name)
    model.save_pretrained(tmp_path)
    state = torch.get_rng_state()
    loaded = skinzoo.create_model(f"local-dir:{tmp_path}")
    assert torch.equal(torch.get_rng_state(), state), "loading draws no random numbers"
    assert loaded.config == model.config
    assert not loaded.training
    for ours, theirs in ((model.state_dict(), loaded.state_dict()), (buffers(model), buffers(loaded))):
        assert ours.keys() == theirs.keys()
        assert all(torch.equal(v, theirs[k]) and v.dtype == theirs[k].dtype for k, v in ours.items()), name
    trains = {k: p.requires_grad for k, p in model.named_parameters()}
    assert {k: p.requires_grad for k, p in loaded.named_parameters()} == trains

    images, form = picture(model), model.plain_form()
    assert (form is None) == (name in OWN_NAMES or name.endswith("_metadata"))
    if form is None:
        assert json.loads((tmp_path / "config.json").read_text()).keys() == {"_skinzoo"}
        return
    with torch.no_grad():
        output = model(images)
        if form.library == "timm":
            plain = plain_timm(tmp_path)
            assert torch.equal(plain(images), output.logits)
            return
        plain = smp.from_pretrained(str(tmp_path)).eval()
        answers = plain(images)
    masks, logits = answers if model.task.has_labels else (answers, None)
    torch.testing.assert_close(masks, output.mask_logits)
    if logits is not None:
        torch.testing.assert_close(logits, output.logits, atol=1e-5, rtol=1e-5)


def test_timm_is_told_of_these_weights_and_of_no_others(tmp_path):
    spec = InputSpec((96, 64), (0.7, 0.5, 0.5), (0.2, 0.3, 0.2), interpolation="bicubic", crop="center")
    skinzoo.create_model(
        "resnet18_finetuned", label_space=SPACE, input_spec=spec, backbone_weights=None, seed=0
    ).save_pretrained(tmp_path)
    config = json.loads((tmp_path / "config.json").read_text())
    plain = plain_timm(tmp_path)
    data = resolve_data_config(pretrained_cfg=plain.pretrained_cfg)
    assert {k: tuple(v) if isinstance(v, list) else v for k, v in data.items()} == {
        "input_size": (3, 96, 64),
        "interpolation": "bicubic",
        "mean": spec.mean,
        "std": spec.std,
        "crop_pct": 0.875,
        "crop_mode": "center",
    }
    assert plain.num_classes == 3
    assert plain.pretrained_cfg["label_names"] == ["MEL", "NV", "other"]
    assert plain.pretrained_cfg["label_descriptions"]["MEL"] == "melanoma"
    said = json.dumps(config).lower()
    for word in ("imagenet", "in1k", "a1_", "tag", "license", "origin", "paper", "http", "hf_hub", "url", "timm/"):
        assert word not in said.replace('"stage', ""), f"{word} speaks of other weights"
    squashed = build("resnet18_scratch").plain_form().config["pretrained_cfg"]
    assert (squashed["crop_mode"], squashed["crop_pct"], squashed["input_size"]) == ("squash", 1.0, [3, 64, 64])


def test_other_heads_keep_our_names(tmp_path):
    for name in ("resnet18_scratch", "multitask_resnet18"):
        model = build(name, head="mlp")
        assert model.plain_form() is None
        model.save_pretrained(tmp_path / name)
        assert load_file(tmp_path / name / "model.safetensors").keys() == model.state_dict().keys()


def test_the_bytes_are_reproducible(tmp_path):
    for folder in ("first", "second"):
        build("multitask_resnet18").save_pretrained(tmp_path / folder, note="same")
    for name in ("config.json", "model.safetensors"):
        first, second = (tmp_path / folder / name for folder in ("first", "second"))
        assert first.read_bytes() == second.read_bytes()
    weights = (tmp_path / "first" / "model.safetensors").read_bytes()
    said = own_config(tmp_path / "first")
    assert said["files"]["model.safetensors"] == {"sha256": hashlib.sha256(weights).hexdigest(), "size": len(weights)}
    assert said["format_version"] == 2
    assert said["parameters"] == build("multitask_resnet18").num_parameters()


# -------------------------------------------------------------------------------------------------------------- float16


@pytest.mark.parametrize("name", ["resnet18_scratch", "multitask_resnet18", "simple_cnn"])
def test_float16_is_half_the_size_and_computes_in_float32(name, tmp_path):
    model = build(name)
    model.save_pretrained(tmp_path / "full")
    folder = model.save_pretrained(tmp_path / "half", dtype="float16", note=1)
    sizes = [(tmp_path / n / "model.safetensors").stat().st_size for n in ("full", "half")]
    assert sizes[1] == pytest.approx(sizes[0] / 2, rel=0.02)
    assert (own_config(folder)["dtype"], own_config(folder)["training"]) == ("float16", {"note": 1})
    loaded = skinzoo.create_model(f"local-dir:{folder}").state_dict()
    for key, tensor in model.state_dict().items():
        assert loaded[key].dtype == tensor.dtype
        expected = tensor.half().float() if tensor.is_floating_point() else tensor
        assert torch.equal(loaded[key], expected)
    stored = load_tensors(folder / "model.safetensors")
    assert {t.dtype for k, t in stored.items() if "num_batches" not in k} == {torch.float16}
    assert all(t.dtype == torch.int64 for k, t in stored.items() if "num_batches" in k)


def test_float16_refuses_what_it_cannot_hold(tmp_path):
    model = build("resnet18_scratch")
    model.backbone.bn1.running_var[3] = 70_000
    says = r"backbone\.bn1\.running_var has values up to 70000, .* 65504.*dtype='float32'"
    with pytest.raises(ConfigError, match=says):
        model.save_pretrained(tmp_path / "new", dtype="float16")
    assert not (tmp_path / "new").exists()
    with pytest.raises(ConfigError, match=r"'float32', 'float16', got 'int8'"):
        model.save_pretrained(tmp_path / "new", dtype="int8")


# ---------------------------------------------------------------------------------------------------------- strictness


@pytest.fixture
def saved(tmp_path):
    model = build("resnet18_scratch")
    return model.save_pretrained(tmp_path / "saved"), model


def rewrite(folder, change):
    """Change the tensors, and the digest with them."""
    path = folder / "model.safetensors"
    with open_weights(path) as file:
        metadata = file.metadata
    tensors = load_file(path)
    change(tensors)
    save_tensors(path, tensors, metadata)
    digest = {"sha256": hashlib.sha256(path.read_bytes()).hexdigest(), "size": path.stat().st_size}
    return change_config(folder, files={"model.safetensors": digest})


def rename(tensors):
    for name in sorted(tensors)[:7]:
        tensors[f"x.{name}"] = tensors.pop(name)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda t: t.pop("fc.bias"), r"1 absent from the file: fc\.bias"),
        (lambda t: t.update(extra=torch.zeros(1)), r"1 unknown to the model: extra"),
        (rename, r"7 absent from the file: (\S+, ){4}[^ ,;]+; 7 unknown to the model: (x\.\S+, ){4}x\.[^ ,;]+\. Is it"),
        (
            lambda t: t.update({"conv1.weight": torch.zeros(64, 3, 5, 5)}),
            r"1 of another shape: conv1\.weight \(file \(64, 3, 5, 5\), model \(64, 3, 7, 7\)\)",
        ),
        (lambda t: t.update({"bn1.bias": torch.zeros(64, dtype=torch.int32)}), r"1 of another type: bn1\.bias"),
        (lambda t: [t.pop(name) for name in list(t) if name != "fc.bias"], r"121 absent from the file"),
        (lambda t: t["bn1.bias"].fill_(float("nan")), r"NaN or infinite values in 'bn1\.bias'"),
        (lambda t: t["bn1.bias"].fill_(float("inf")), r"NaN or infinite values in 'bn1\.bias'"),
    ],
)
def test_every_tensor_must_fit(saved, change, says):
    with pytest.raises(WeightsError, match=says):
        skinzoo.create_model(rewrite(saved[0], change))


def test_values_whose_sum_overflows_are_finite(saved):
    name = rewrite(saved[0], lambda t: t["bn1.bias"].fill_(3e38))
    assert skinzoo.create_model(name).backbone.bn1.bias.max().item() == pytest.approx(3e38)


def test_damage_is_told_from_a_wrong_model(saved):
    folder, _ = saved
    data = bytearray((folder / "model.safetensors").read_bytes())
    data[-1] ^= 1
    (folder / "model.safetensors").write_bytes(data)
    want = own_config(folder)["files"]["model.safetensors"]["sha256"]
    got = hashlib.sha256(data).hexdigest()
    with pytest.raises(ChecksumError, match=rf"model\.safetensors is not the .* want sha256 {want} .*got {got}"):
        skinzoo.create_model(f"local-dir:{folder}")
    other = skinzoo.create_model("simple_cnn", label_space=SPACE, image_size=32).save_pretrained(folder / "other")
    shutil.copy(other / "model.safetensors", folder)
    with pytest.raises(ChecksumError, match="want sha256"):
        skinzoo.create_model(f"local-dir:{folder}")


def test_an_old_record_of_the_training_is_not_taken_over(saved):
    folder, _ = saved
    (folder / "training_data.json").write_text("[]")
    assert skinzoo.create_model(f"local-dir:{folder}").training_record is None


def test_a_changed_record_of_the_training_is_noticed(tmp_path):
    model = build("simple_cnn")
    train, val = skinzoo.load_dataset("synthetic", num_images=28, size=32).split((0.7, 0.3), seed=0)
    model.training_record = skinzoo.evaluation.record_training(train, val)
    folder = model.save_pretrained(tmp_path)
    assert skinzoo.create_model(f"local-dir:{folder}").training_record == model.training_record
    path = folder / "training_data.json"
    path.write_text(path.read_text().replace("synthetic", "Synthetic"))
    with pytest.raises(ChecksumError, match=r"training_data\.json is not the file"):
        skinzoo.create_model(f"local-dir:{folder}")
    path.unlink()
    with pytest.raises(WeightsError, match=r"no training_data\.json in"):
        skinzoo.create_model(f"local-dir:{folder}")


def test_files_of_timm_itself_load(tmp_path):
    """A file without a word about its classes, named as timm names it."""
    torch.manual_seed(0)
    plain = timm.create_model("resnet18", num_classes=3).eval()
    save_file(plain.state_dict(), tmp_path / "plain.safetensors")
    model = skinzoo.create_model("resnet18_scratch", num_classes=3, weights=tmp_path / "plain.safetensors")
    images = torch.randn(2, 3, 64, 64)
    with torch.no_grad():
        assert torch.equal(model(images).logits, plain(images))


# -------------------------------------------------------------------------------------------------- the file's own form


def entry(dtype="F32", shape=(2,), offsets=(0, 8), **more):
    return {"dtype": dtype, "shape": list(shape), "data_offsets": list(offsets), **more}


def write(path, header, data=b"\0" * 8, length=None):
    text = json.dumps(header).encode() if not isinstance(header, bytes) else header
    path.write_bytes((len(text) if length is None else length).to_bytes(8, "little") + text + data)
    return path


@pytest.mark.parametrize(
    ("header", "data"),
    [
        ({"a": entry()}, b"\0" * 9),
        ({"a": entry()}, b"\0" * 7),
        ({"a": entry(offsets=(1, 9))}, b"\0" * 9),
        ({"a": entry(), "b": entry()}, b"\0" * 8),
        ({"a": entry(), "b": entry(offsets=(4, 12))}, b"\0" * 12),
        ({"a": entry(), "b": entry(offsets=(12, 20))}, b"\0" * 20),
        ({"a": entry(shape=(2**62, 4))}, b"\0" * 8),
        ({"a": entry(shape=(-2,))}, b"\0" * 8),
        ({"a": entry(shape=(2.0,))}, b"\0" * 8),
        ({"a": entry(shape=(True, 2))}, b"\0" * 8),
        ({"a": entry(shape=(1,) * 50)}, b"\0" * 8),
        ({"a": entry(dtype="object")}, b"\0" * 8),
        ({"a": entry(dtype=["F32"])}, b"\0" * 8),
        ({"a": entry(offsets=(8, 0))}, b"\0" * 8),
        ({"a": entry(offsets=(0, 8, 9))}, b"\0" * 8),
        ({"a": {}}, b""),
        ({"a": 3}, b""),
        ({"__metadata__": []}, b""),
        ({"__metadata__": {"skinzoo": "{"}}, b""),
        ({"__metadata__": {"skinzoo": 5}}, b""),
        (b"{" * 5000, b""),
        (b'{"a":' * 5000 + b"1" + b"}" * 5000, b""),
        (b"{\xff}", b""),
    ],
)
def test_damaged_files_are_refused(tmp_path, header, data):
    path = write(tmp_path / "x.safetensors", header, data)
    with pytest.raises(WeightsError, match=r"x\.safetensors is damaged or cut short"), open_weights(path):
        pass


def test_an_absurd_header_and_every_cut_are_refused(tmp_path):
    path = write(tmp_path / "x.safetensors", b"{}", length=2**40)
    with pytest.raises(WeightsError, match="damaged"), open_weights(path):
        pass
    tensors = {"a": torch.arange(6.0), "n": torch.tensor(3), "e": torch.zeros(0, 4), "h": torch.ones(3).bfloat16()}
    whole = save_tensors(path, tensors, {"classes": ["x"]}).read_bytes()
    for keep in range(0, len(whole), 7):
        path.write_bytes(whole[:keep])
        with pytest.raises(SkinzooError), open_weights(path) as file:
            file.read_into({name: torch.empty_like(t) for name, t in tensors.items()})
    path.write_bytes(whole)
    with open_weights(path) as file:
        assert file.classes == ["x"]
        into = {name: torch.empty_like(t) for name, t in tensors.items()}
        file.read_into(into)
        assert all(torch.equal(into[name], t) for name, t in tensors.items())
        wider = {
            name: torch.empty_like(t, dtype=torch.float64 if t.is_floating_point() else None).t()
            for name, t in tensors.items()
            if t.ndim < 3
        }
        wider["e"] = torch.empty(0, 4)
        file.read_into(wider)
        assert torch.equal(wider["a"], tensors["a"].double())


def test_a_pickle_is_refused(tmp_path):
    torch.save({"a": torch.zeros(1)}, tmp_path / "model.safetensors")
    with pytest.raises(UnsafeWeightsError, match="zip archive"):
        skinzoo.create_model("simple_cnn", weights=tmp_path / "model.safetensors")


# ------------------------------------------------------------------------------------------------------ without weights


def test_what_is_not_random_is_computed_and_nothing_is_drawn():
    torch.manual_seed(0)
    before = torch.get_rng_state()
    with Blank():
        layer = torch.nn.Linear(3, 4)
        norm = torch.nn.BatchNorm2d(5)
        steps = torch.linspace(0, 1, 5)
        places = torch.randn(1, 4, 2) * 0.02
    assert torch.equal(torch.get_rng_state(), before)
    assert layer.weight.shape == (4, 3)
    assert norm.running_var.tolist() == norm.weight.tolist() == [1] * 5
    assert places.shape == (1, 4, 2)
    assert steps.tolist() == [0, 0.25, 0.5, 0.75, 1]


@pytest.mark.parametrize(
    "make",
    [
        lambda: torch.nn.Linear(10**5, 10**5),
        lambda: torch.zeros(10**10),
        lambda: torch.ones((10**5, 10**5)),
        lambda: torch.full((10**10,), 1.0),
        lambda: torch.zeros(size=(10**10,)),
        lambda: torch.zeros(1).new_zeros(10**10),
        lambda: torch.arange(10**10),
        lambda: torch.arange(4000)[None] - torch.arange(4000)[:, None],
        lambda: [torch.empty(600_000) for _ in range(10)],
    ],
)
def test_more_than_the_weights_could_fill_is_not_made(make):
    with pytest.raises(WeightsError, match=r"could fill 4,000,000 at most"), Blank(limit=4_000_000):
        make()


def test_weights_bring_the_options_that_they_need(tmp_path):
    """Of another head or decoder they would not fit; what the caller says counts more."""
    options = {"backbone_weights": None, "image_size": 64, "seed": 0}
    before = skinzoo.create_model("multitask_resnet18", decoder="light", head="mlp", dropout=0.3, **options)
    folder = before.save_pretrained(tmp_path)
    after = skinzoo.create_model("multitask_resnet18", weights=folder, dropout=0.1)
    assert dict(after.config.options) == {"decoder": "light", "head": "mlp", "dropout": 0.1}
    assert torch.equal(before.head[-1].weight, after.head[-1].weight)
    with pytest.raises(WeightsMismatchError, match="does not fit"):
        skinzoo.create_model("multitask_resnet18", weights=folder, decoder="standard")
