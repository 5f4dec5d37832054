"""What is exported answers as the model does, also for pictures that the export itself was not tried with."""

import json
import logging
import warnings

import numpy as np
import pytest
import torch

import skinzoo
from skinzoo.errors import ConfigError, DivergedError, MissingDependencyError, WeightsError
from skinzoo.files import sha256_of
from skinzoo.interchange import export_onnx, export_program, graph, parity, to_onnx
from skinzoo.interchange.unpickling import _torch_version
from skinzoo.models import Calibration, MetadataEncoder, OperatingPoints
from skinzoo.transforms import denormalise
from skinzoo.transforms.pipeline import eval_transform
from skinzoo.types import InputSpec, Sample

onnx = pytest.importorskip("onnx")
ort = pytest.importorskip("onnxruntime")
pytest.importorskip("onnxscript")

ENCODER = MetadataEncoder.from_dict(
    {
        "columns": [
            {"name": "age", "mean": 50.0, "std": 15.0},
            {"name": "sex", "categories": ["female", "male"]},
        ]
    }
)
TINY = "test_resnet"
VECTOR = Calibration("vector", tuple(0.5 + 0.2 * i for i in range(7)), tuple(0.3 * i - 1 for i in range(7)), "val")
FAMILIES = [
    "vit_tiny_patch16_224_scratch",
    "swin_tiny_patch4_window7_224_scratch",
    "convnext_atto_scratch",
    "efficientnet_b0_scratch",
    "mobilenetv3_small_100_scratch",
    "densenet121_scratch",
]


def build(name, **options):
    known = skinzoo.model_info(name).options
    options |= {"backbone_weights": None} if "backbone_weights" in known else {}
    options |= {"metadata": ENCODER} if "metadata" in known else {}
    if "members" in known:
        options["members"] = [build("simple_cnn", image_size=32), build("multitask", image_size=64)]
    options.setdefault("image_size", 56 if name.startswith("swin") else 64)
    return lively(skinzoo.create_model(name, seed=0, **options))


def lively(model):
    """With statistics that are not those of the start, and answers of an ordinary size."""
    generator = torch.Generator().manual_seed(1)
    for name, buffer in model.named_buffers():
        if "running" in name:
            buffer.copy_(torch.rand(buffer.shape, generator=generator) * 0.4 + (0.8 if "var" in name else -0.2))
    return model


def pictures(model, count, seed=9):
    height, width = model.input_spec.size
    return np.random.default_rng(seed).integers(0, 256, (count, height, width, 3), dtype=np.uint8)


def prepared(model, raw):
    """By skinzoo's own transform, which does nothing but normalise at this size."""
    transform = eval_transform(InputSpec(model.input_spec.size, model.input_spec.mean, model.input_spec.std))
    return torch.stack([transform(Sample("a", image)).image for image in raw])


def wanted(model, images, metadata=None):
    with torch.no_grad():
        output = model(images, *(() if metadata is None else (metadata,)))
    found = {k: v for k, v in output._asdict().items() if v is not None}
    if output.logits is not None:
        found["probabilities"] = model.probabilities(output.logits)
    return {k: v.numpy() for k, v in found.items()}


def by_onnxruntime(path, **inputs):
    session = ort.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    names = [o.name for o in session.get_outputs()]
    return dict(zip(names, session.run(names, inputs), strict=True))


def assert_close(got, reference):
    assert list(got) == list(reference)
    for name, value in reference.items():
        assert got[name].dtype == np.float32
        np.testing.assert_allclose(got[name], value, rtol=1e-4, atol=1e-4, err_msg=name)
        assert np.ptp(value) > 1e-3, f"{name} is the same everywhere, which proves nothing"


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    """A very small calibrated classifier of metadata, as a file and as it was."""
    model = build(f"{TINY}_metadata")
    model.calibration = VECTOR
    model.operating_points = OperatingPoints({"MEL": 0.3}, malignant=0.2, rule="youden", source="val")
    done = export_onnx(model, tmp_path_factory.mktemp("tiny") / "model.onnx", licence="CC-BY-4.0")
    return model, done


@pytest.mark.parametrize("count", [1, 4])
def test_pictures_and_metadata_give_calibrated_probabilities(count, tiny):
    model, done = tiny
    images = prepared(model, pictures(model, count))
    rows = ENCODER([{"age": 70.0, "sex": "male"}] * (count - 1) + [{}])
    got = by_onnxruntime(done.path, images=images.numpy(), metadata=rows.numpy())
    assert_close(got, wanted(model, images, rows))
    np.testing.assert_allclose(got["probabilities"].sum(1), 1, rtol=1e-6)
    assert not np.allclose(got["probabilities"], torch.tensor(got["logits"]).softmax(1).numpy(), atol=1e-2)


def test_the_description_says_what_a_program_needs(tiny):
    model, done = tiny
    described = json.loads(done.description.read_text("utf-8"))
    assert done.description.name == "model.onnx.json"
    assert described["architecture"] == "test_resnet_metadata"
    assert described["licence"] == "CC-BY-4.0"
    assert [c["code"] for c in described["classes"]] == list(model.label_space)
    assert [c["code"] for c in described["classes"] if c["malignant"]] == ["MEL", "BCC", "AKIEC"]
    assert InputSpec.from_dict(described["input_spec"]) == model.input_spec
    assert Calibration.from_dict(described["calibration"]) == VECTOR
    assert OperatingPoints.from_dict(described["operating_points"]) == model.operating_points
    assert described["inputs"]["images"]["shape"] == [None, 3, 64, 64]
    assert described["inputs"]["images"]["value"] == "(pixel / 255 - mean) / std"
    assert described["inputs"]["metadata"]["missing"] == ENCODER.missing.tolist()
    assert MetadataEncoder.from_dict({"columns": described["inputs"]["metadata"]["columns"]}) == ENCODER
    assert list(described["outputs"]) == ["logits", "probabilities"]
    assert described["file"]["sha256"] == done.sha256 == sha256_of(done.path)
    assert described["differences"] == done.parity.differences
    assert set(described["versions"]) >= {"skinzoo", "torch", "timm", "onnx", "onnxscript"}


def test_the_file_carries_the_description_and_nothing_of_this_machine(tiny):
    _, done = tiny
    proto = onnx.load(done.path)
    inside = {entry.key: entry.value for entry in proto.metadata_props}
    beside = json.loads(done.description.read_text("utf-8"))
    del beside["file"], beside["differences"]
    assert {key: json.loads(value) for key, value in inside.items()} == {"skinzoo": beside}
    assert not any(node.metadata_props or node.doc_string for node in proto.graph.node)
    assert b"/skinzoo/" not in done.path.read_bytes()
    assert b"site-packages" not in done.path.read_bytes()
    dims = [v.type.tensor_type.shape.dim[0].dim_param for v in (*proto.graph.input, *proto.graph.output)]
    assert dims == ["batch"] * 4
    assert "logits" in str(done)
    assert "largest differences" in str(done)
    assert done.parity.largest < 1e-4


def test_a_segmenter_takes_bytes(tmp_path):
    model = build(f"unet_{TINY}", decoder="light")
    raw = pictures(model, 2)
    done = export_onnx(model, tmp_path / "unet.onnx", pixels="uint8", batch=2)
    got = by_onnxruntime(done.path, images=raw.transpose(0, 3, 1, 2).copy())
    assert_close(got, wanted(model, prepared(model, raw)))
    assert done.outputs == ("mask_logits",)
    with pytest.raises(Exception, match="Got invalid dimensions"):
        by_onnxruntime(done.path, images=raw[:1].transpose(0, 3, 1, 2).copy())


def test_an_ensemble_is_one_graph(tmp_path):
    size = 32 if _torch_version() >= (2, 10) else 64  # before, the exporter knows no resizing without aliasing
    members = [build("simple_cnn", image_size=size), build(f"multitask_{TINY}", decoder="light")]
    model = skinzoo.create_model("ensemble", members=members, average="logit")
    model.calibration = Calibration("temperature", (0.5,))
    model.members[0].calibration = VECTOR
    done = export_onnx(model, tmp_path / "ensemble.onnx")
    for count in (1, 3):
        images = prepared(model, pictures(model, count))
        assert_close(by_onnxruntime(done.path, images=images.numpy()), wanted(model, images))


def test_programs_of_all_kinds():
    """`export_program` is quick, so that it stands for what both exports share."""
    simple, known = build("simple_cnn", image_size=32), build(f"{TINY}_metadata")
    cases = {
        "one of its views at once": skinzoo.with_tta(simple, "flips", views_at_once=True),
        "d4": skinzoo.with_tta(simple, "d4", average="logit"),
        "crops": skinzoo.with_tta(build(f"multitask_{TINY}", decoder="light"), "five_crops"),
        "metadata among members": skinzoo.create_model("ensemble", members=[known, simple]),
    }
    for name, model in cases.items():
        fixed = name == "crops" and _torch_version() < (2, 7)  # it takes the number of pictures for a constant
        done = export_program(model, batch=5 if fixed else "dynamic")
        images = prepared(model, pictures(model, 5))
        rows = ENCODER([{"age": 30.0 + i} for i in range(5)]) if model.metadata_encoder else None
        with torch.no_grad():
            got = done.program.module()(images, *(() if rows is None else (rows,)))
        assert_close({k: v.numpy() for k, v in got.items()}, wanted(model, images, rows))
        assert done.path is None, name


@pytest.mark.parametrize("pixels", ["unit", "uint8"])
def test_normalisation_in_the_graph(pixels):
    model = build(f"{TINY}_scratch", input_spec=InputSpec((64, 64), (0.7, 0.5, 0.3), (0.1, 0.2, 0.3)), image_size=None)
    raw = pictures(model, 3)
    images = torch.from_numpy(raw.transpose(0, 3, 1, 2).copy())
    done = export_program(model, pixels=pixels, probabilities=False)
    with torch.no_grad():
        got = done.program.module()(images if pixels == "uint8" else images / 255)
    reference = wanted(model, prepared(model, raw))
    assert_close({k: v.numpy() for k, v in got.items()}, {"logits": reference["logits"]})


def test_a_saved_program_runs_without_skinzoo(tmp_path):
    model = build(f"{TINY}_scratch")
    done = export_program(model, tmp_path / "model.pt2")
    extra = {"skinzoo.json": ""}
    program = torch.export.load(done.path, extra_files=extra)
    images = prepared(model, pictures(model, 2))
    with torch.no_grad():
        got = program.module()(images)
    assert_close({k: v.numpy() for k, v in got.items()}, wanted(model, images))
    assert json.loads(extra["skinzoo.json"])["architecture"] == "test_resnet_scratch"
    assert json.loads(done.description.read_text())["file"]["sha256"] == done.sha256 == sha256_of(done.path)
    assert b"/skinzoo/" not in done.path.read_bytes()


@pytest.mark.nightly
@pytest.mark.parametrize("name", skinzoo.list_models() + FAMILIES)
def test_every_model_can_be_exported(name, tmp_path):
    model = build(name)
    done = export_onnx(model, tmp_path / "model.onnx")
    images = prepared(model, pictures(model, 2))
    rows = ENCODER([{"age": 20.0}, {"sex": "female"}]) if model.metadata_encoder else None
    inputs = {"images": images.numpy()} | ({} if rows is None else {"metadata": rows.numpy()})
    assert_close(by_onnxruntime(done.path, **inputs), wanted(model, images, rows))


@pytest.mark.nightly
@pytest.mark.parametrize("views", ["flips", "d4", "five_crops"])
def test_every_kind_of_views_can_be_exported(views, tmp_path):
    model = skinzoo.with_tta(build("multitask", decoder="light"), views)
    done = export_onnx(model, tmp_path / "model.onnx")
    images = prepared(model, pictures(model, 2))
    assert_close(by_onnxruntime(done.path, images=images.numpy()), wanted(model, images))


def test_the_model_is_not_touched_and_nothing_is_said(tmp_path, capfd, caplog):
    model = build("simple_cnn", image_size=32).train()
    before = {k: v.clone() for k, v in model.state_dict().items()}
    state, filters, level = torch.get_rng_state(), list(warnings.filters), logging.getLogger("torch").level
    with caplog.at_level(logging.DEBUG):
        export_onnx(model, tmp_path / "model.onnx", check=False)
    assert model.training
    assert all(torch.equal(v, before[k]) for k, v in model.state_dict().items())
    assert torch.equal(torch.get_rng_state(), state)
    assert (list(warnings.filters), logging.getLogger("torch").level) == (filters, level)
    assert capfd.readouterr() == ("", "")
    assert not [r for r in caplog.records if r.levelno >= logging.INFO]
    assert sorted(p.name for p in tmp_path.iterdir()) == ["model.onnx", "model.onnx.json"]
    assert json.loads((tmp_path / "model.onnx.json").read_text())["differences"] is None


@pytest.mark.parametrize("suffix", [".onnx", ".pt2"])
def test_other_numbers_leave_no_file(suffix, tmp_path, monkeypatch):
    """A graph that forgets the shift of the normalisation is found out; an earlier file stays."""
    right = graph.normalisation
    monkeypatch.setattr(graph, "normalisation", lambda *a: (right(*a)[0], right(*a)[1] * 0))
    model, path = build("simple_cnn", image_size=32), tmp_path / f"model{suffix}"
    path.write_bytes(b"earlier")
    export = export_onnx if suffix == ".onnx" else export_program
    with pytest.raises(WeightsError, match=r"other logits than the model: they differ by .*Nothing was written"):
        export(model, path, pixels="unit")
    assert [p.name for p in tmp_path.iterdir()] == [path.name]
    assert path.read_bytes() == b"earlier"


def test_calibration_is_compared_too(monkeypatch):
    model = build("simple_cnn", image_size=32)
    model.calibration = VECTOR
    monkeypatch.setattr(Calibration, "apply", lambda self, logits: logits if logits.dtype == torch.float32 else -logits)
    with pytest.raises(WeightsError, match="other probabilities"):
        export_program(model)


def test_large_answers_are_compared_by_their_size():
    wide = np.full((1, 2), 1000.0, np.float32)
    assert parity._compare("logits", wide, wide + 0.05, tolerance=1e-4) == pytest.approx(0.05, rel=1e-2)
    with pytest.raises(WeightsError, match=r"differ by 0\.2, allowed are 0\.1"):
        parity._compare("logits", wide, wide + 0.2, tolerance=1e-4)
    with pytest.raises(WeightsError, match="differ by nan"):
        parity._compare("logits", wide, wide * np.nan, tolerance=1e-4)
    for got in (None, wide[:, :1], wide.astype(np.float64)):
        with pytest.raises(WeightsError, match=r"the model float32 \(1, 2\)"):
            parity._compare("logits", wide, got, tolerance=1e-4)


def test_the_pictures_of_the_comparison_look_like_pictures():
    model = build("simple_cnn", image_size=48)
    raw, unit, normal = (parity.probe(model, 2, pixels=p)["images"] for p in graph.PIXELS[::-1])
    assert raw.dtype == np.uint8
    assert (raw.min(), raw.max()) == (0, 255)
    np.testing.assert_allclose(unit, raw / 255, rtol=1e-6)
    assert np.array_equal(denormalise(torch.from_numpy(normal), model.input_spec), raw.transpose(0, 2, 3, 1))


def test_a_model_that_diverged_is_not_exported():
    model = build("simple_cnn", image_size=32)
    next(model.parameters()).data.fill_(float("nan"))
    with pytest.raises(DivergedError, match="hold NaN"):
        export_program(model)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"batch": 0}, r"batch must be 'dynamic' or a number from 1 to 4096, got 0"),
        ({"batch": True}, "batch must be"),
        ({"batch": "all"}, "batch must be 'dynamic'"),
        ({"pixels": "bytes"}, "pixels must be one of 'normalised', 'unit', 'uint8', got 'bytes'"),
        ({"tolerance": 0}, "tolerance must lie between 0 and 1"),
        ({"tolerance": float("nan")}, "tolerance must lie between 0 and 1"),
        ({"opset": 11}, "opset must be a whole number of at least 18, or None, got 11"),
        ({"path": "model.pt"}, r"ends with \.onnx; give for example 'model\.onnx'"),
        ({"model": torch.nn.Linear(2, 2)}, "only models of the zoo are exported"),
    ],
    ids=["zero", "bool", "text", "pixels", "tolerance", "nan", "opset", "suffix", "model"],
)
def test_bad_requests_name_what_is_good(options, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    given = {"model": build("simple_cnn", image_size=32), "path": "model.onnx"} | options
    with pytest.raises(ConfigError, match=message):
        export_onnx(given.pop("model"), given.pop("path"), **given)
    assert not list(tmp_path.iterdir())


def test_a_network_that_is_no_graph_is_said(tmp_path):
    model = build("simple_cnn", image_size=32)
    inner = model.predict_logits
    model.predict_logits = lambda images: inner(images if images.sum().item() > 0 else -images)
    for export, name in ((export_onnx, "a.onnx"), (export_program, "a.pt2")):
        with pytest.raises(ConfigError, match=r"simple_cnn cannot be exported: torch\.export says .*fixed batch size"):
            export(model, tmp_path / name)
    assert not list(tmp_path.iterdir())


def test_an_operator_that_onnx_lacks_is_named():
    text = "Failed. \x1b[96mStep 3/3\x1b[0m\n\n<class 'X'>: No ONNX function found for <OpOverload 'a.b'>.\nAnd so on."
    model = build("ensemble")
    error = graph.cannot(model, "torch.onnx", RuntimeError(text))
    assert str(error) == (
        "ensemble cannot be exported: torch.onnx says RuntimeError: No ONNX function found for <OpOverload 'a.b'>. "
        "Ways out: a newer PyTorch, a fixed batch size (batch=1), to export its members one by one, or another "
        "architecture."
    )
    assert "says ValueError: no reason given. Ways" in str(graph.cannot(model, "torch.export", ValueError()))


def test_two_gigabytes_are_too_much_for_the_format(tmp_path, monkeypatch):
    monkeypatch.setattr(to_onnx, "_LIMIT", 10**6)
    with pytest.raises(ConfigError, match="cannot hold more than 2 GB of weights; use export_program"):
        export_onnx(build("simple_cnn", image_size=32), tmp_path / "a.onnx")


@pytest.mark.parametrize("package", ["onnx", "onnxscript", "onnxruntime"])
def test_a_missing_package_names_the_extra(package, tmp_path, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, package, None)
    with pytest.raises(MissingDependencyError, match=rf"{package}.*pip install \"skinzoo\[onnx\]\""):
        export_onnx(build("simple_cnn", image_size=32), tmp_path / "a.onnx")
