"""The code of the guides runs as it stands, on a small drawn collection."""

import importlib.util
import re
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
import torchvision

import skinzoo
from skinzoo.evaluation import record_training
from skinzoo.interchange.unpickling import SAFE_TORCH

DOCS = Path(__file__).parents[1] / "docs"
GUIDES = {
    "evaluation": 5,
    "calibration": 3,
    "fairness": 2,
    "comparison": 2,
    "predict": 4,
    "explanations": 5,
    "ensembles": 3,
    "plots": 1,
    "robustness": 3,
    "export": 4,
    "augmentation": 3,
    "imbalance": 4,
    "multitask": 2,
    "offline": 1,
    "extending": 5,
}
"""How many blocks of Python each guide has."""


def blocks_of(guide):
    """The blocks of Python of a guide, in order."""
    return re.findall(r"```python\n(.*?)```", (DOCS / "guides" / f"{guide}.md").read_text("utf-8"), re.DOTALL)


@pytest.fixture
def registries():
    """What a guide registers is forgotten again."""
    from skinzoo.datasets import DATASETS
    from skinzoo.losses import LOSSES
    from skinzoo.models.catalogue import MODELS

    before = [(registry, dict(registry._entries)) for registry in (MODELS, LOSSES, DATASETS)]
    yield
    for registry, entries in before:
        registry._entries = entries


@pytest.fixture(scope="module")
def parts():
    data = skinzoo.load_dataset("synthetic", num_images=140, size=64)
    return data, *data.split((0.4, 0.3, 0.3), seed=0)


@pytest.fixture
def names(parts, tmp_path, monkeypatch, write_image):
    """What the guides take for granted: models, parts of a collection, and some files in the working folder."""
    monkeypatch.chdir(tmp_path)
    data, train, val, test = parts
    for name in ("lesion", "pictures/one", "pictures/two"):
        write_image(tmp_path / f"{name}.jpg")
    with zipfile.ZipFile("pictures.zip", "w") as archive:
        for picture in sorted(Path("pictures").iterdir()):
            archive.write(picture, picture.name)
    model = skinzoo.create_model("multitask", image_size=32, backbone_weights=None, seed=0)
    model.training_record = record_training(train, val)
    history = skinzoo.History()
    history.rows = [{"epoch": k, "step": k, "train_loss": 1 / k, "val_loss": 1 / k} for k in (1.0, 2.0)]
    return {
        "skinzoo": skinzoo,
        "data": data,
        "train": train,
        "val": val,
        "test": test,
        "model": model,
        "other": skinzoo.create_model("simple_cnn", image_size=32, seed=1),
        "history": history,
    }


def run(guide, names, *, which=slice(None)):
    """Run the blocks one after the other, or some of them."""
    blocks = blocks_of(guide)
    assert len(blocks) == GUIDES[guide]
    for block in blocks[which]:
        exec(block, names)


def test_evaluation(names, capsys):
    run("evaluation", names)
    folder = Path("runs/demo/report")
    assert {"index.html", "report.json", "report.md", "predictions.csv"} <= {p.name for p in folder.iterdir()}
    printed = capsys.readouterr().out
    assert "95% intervals from 1,000 resamples" in printed
    assert "trained on 56 images" in printed
    assert names["report"].title == "multitask_resnet18 on synthetic[test]"


def test_calibration(names, capsys):
    run("calibration", names)
    loaded = skinzoo.create_model("local-dir:models/mine")
    assert loaded.calibration == names["result"].calibration
    assert loaded.operating_points == names["points"]
    assert "after, cross-fitted" in capsys.readouterr().out


def test_fairness(names, capsys):
    run("fairness", names)
    assert "no group has the 30 images" in capsys.readouterr().out, "on so few pictures"
    assert names["table"].gaps["malignant/sensitivity"].groups > 1


def test_comparison(names, capsys):
    run("comparison", names)
    assert Path("runs/comparison/comparison.html").is_file()
    assert "multitask - simple_cnn" in capsys.readouterr().out.replace(
        "simple_cnn - multitask", "multitask - simple_cnn"
    )


def test_predict(names, capsys):
    run("predict", names)
    assert names["predictions"].failed == []
    assert Path("runs/predictions.csv").read_text().count("\n") == 3
    printed = capsys.readouterr().out
    assert "one.jpg" in printed
    assert "of 6 colours" in printed


def test_explanations(names, capsys):
    names["test"] = names["test"].subset(np.arange(4))
    run("explanations", names)
    assert {p.name for p in Path().glob("*.png")} == {"cam.png", "saliency.png"}
    assert {p.name for p in Path("cams").iterdir()} == {"one.png", "two.png"}
    assert "heat on the lesion" in capsys.readouterr().out


def test_ensembles(names):
    for fold in range(2):
        skinzoo.create_model("simple_cnn", image_size=32, seed=fold).save_pretrained(f"runs/fold{fold}/best")
    names["test"] = names["test"].subset(np.arange(8))
    run("ensembles", names)
    assert len(names["model"].members) == 3


def test_plots(names):
    space = names["model"].label_space
    labels = np.arange(40) % len(space)
    probabilities = np.random.default_rng(0).dirichlet(np.ones(len(space)), 40)
    run("plots", names | {"labels": labels, "probabilities": probabilities, "classes": space.classes})
    assert {p.name for p in Path("figures").iterdir()} == {"roc.png", "roc.svg"}


def test_robustness(names):
    """The other two blocks, a corrupted collection 80 times and three whole reports, would take half a minute."""
    names["test"] = names["test"].subset(np.arange(7))
    run("robustness", names, which=slice(1, 2))
    assert names["report"].title == "multitask_resnet18 on synthetic[test, hair 3]"


def test_every_metric_is_on_its_page(parts):
    """The page of metrics names everything that a report measures."""
    spec = importlib.util.spec_from_file_location("hooks", DOCS / "hooks.py")
    hooks = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(hooks)
    page = hooks.on_page_markdown((DOCS / "guides" / "metrics.md").read_text("utf-8"))
    assert "{{" not in page
    model = skinzoo.create_model("multitask", image_size=32, backbone_weights=None, seed=0)
    report = skinzoo.evaluate(model, parts[-1].subset(np.arange(14)), examples=0)
    named = set(re.findall(r"`(?:malignant/)?(\w+)`", page))
    for family in re.findall(r"`(\w+?)_\w+`, `_(\w+)`, `_(\w+)`", page):
        named |= {f"{family[0]}_{name}" for name in family[1:]}
    named |= {name.replace("_90_", "_95_") for name in named if "_90_" in name}
    measured = {key.removeprefix("malignant/") for key in report.values}
    for scores in report.classification.per_class.values():
        measured |= set(scores) - {"support"}
    assert measured <= named


def test_export(names, capsys):
    pytest.importorskip("onnxruntime")
    if tuple(map(int, torch.__version__.split(".")[:2])) < SAFE_TORCH:
        pytest.skip("old checkpoints are read from PyTorch 2.10 on")
    old = torchvision.models.resnet18()
    old.fc = torch.nn.Linear(512, 7)
    torch.save({"model_state_dict": old.state_dict()}, "best_model.pth")
    run("export", names)
    own = skinzoo.predict(names["model"], "lesion.jpg")[0].probabilities
    np.testing.assert_allclose(names["probabilities"][0], list(own.values()), atol=1e-5)
    assert "122 tensors, 122 renamed" in capsys.readouterr().out


def test_augmentation(names):
    run("augmentation", names)


def test_imbalance(names, capsys):
    data = skinzoo.load_dataset("synthetic", num_images=280, size=32)
    names |= dict(zip(("train", "val", "test"), data.split((0.3, 0.4, 0.3), seed=0), strict=True))
    names["model"].training_record = None
    run("imbalance", names)
    assert names["model"].calibration.method == "vector"
    assert "{'MEL': " in capsys.readouterr().out


def test_multitask(names, capsys):
    run("multitask", names)
    assert names["prediction"].mask.dtype == np.uint8
    assert "lesion:" in capsys.readouterr().out


def test_offline(names, capsys):
    run("offline", names)
    assert len(names["data"]) == 140


@pytest.mark.usefixtures("registries")
def test_extending(names, capsys, write_image):
    folder = Path("our_clinic")
    for number in range(4):
        write_image(folder / "pictures" / f"{number}.jpg", seed=number)
    rows = ["0,melanoma,a", "1,nevus,a", "2,NV,b", "3,,c", "4,BCC,c"]
    (folder / "table.csv").write_text("file,diagnosis,patient\n" + "\n".join(rows) + "\n")
    with pytest.warns(skinzoo.datasets.IntegrityWarning, match="FILE_MISSING"):
        run("extending", names | {"np": np})
    assert "strided" in skinzoo.list_models()
    printed = capsys.readouterr().out
    assert "FILE_MISSING" in printed
    assert "missed per 100 pictures" in printed
