"""The example scripts, run as a user runs them, on small data."""

import ast
import json
import runpy
import sys
from pathlib import Path

import pytest

import skinzoo
from skinzoo.training.run import Run

EXAMPLES = Path(__file__).parents[2] / "examples"
SCRIPTS = sorted(EXAMPLES.glob("*.py"))
QUICK = ["--num_steps", "2", "--batch-size", "4", "--image_size", "32", "--eval-every", "2"]


@pytest.fixture
def run(monkeypatch, capsys):
    def run_script(name: str, *arguments: object) -> str:
        monkeypatch.setattr(sys, "argv", [name, *map(str, arguments)])
        runpy.run_path(str(EXAMPLES / f"{name}.py"), run_name="__main__")
        return capsys.readouterr().out

    return run_script


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda p: p.stem)
def test_scripts_use_the_public_api_only(script):
    for node in ast.walk(ast.parse(script.read_text("utf-8"))):
        names = [a.name for a in node.names] if isinstance(node, ast.Import) else []
        if isinstance(node, ast.ImportFrom):
            names.append(node.module)
        for name in names:
            assert name in ("skinzoo", "PIL") or name.split(".")[0] in sys.stdlib_module_names


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda p: p.stem)
def test_help(script, run, capsys):
    with pytest.raises(SystemExit) as done:
        run(script.stem, "--help")
    assert done.value.code == 0
    assert "python examples/" in capsys.readouterr().out


def test_train_help_names_what_users_of_the_projects_know(run, capsys):
    with pytest.raises(SystemExit):
        run("train_isic", "--help")
    text = capsys.readouterr().out
    known = [
        "dataset",
        "data_dir",
        "model",
        "epochs",
        "num_steps",
        "batch_size",
        "learning_rate",
        "save_dir",
        "seed",
        "recipe",
    ]
    assert all(f"--{option}" in text for option in known)
    assert "--learning-rate" in text
    assert all(recipe in text for recipe in skinzoo.list_recipes())


def test_train_then_evaluate_predict_and_explain(run, tmp_path, write_image):
    folder = tmp_path / "a run"
    output = run("train_isic", *QUICK, "--save_dir", folder)
    assert output.rstrip().splitlines()[-1] == f"report   {folder / 'report' / 'index.html'}"
    written = {p.name for p in (folder / "report").iterdir()}
    assert {"index.html", "report.json", "confusion_matrix.png", "segmentation_panels.png"} <= written
    assert len([n for n in written if n.startswith("grad_cam_SYN")]) == 3
    assert {"best", "last", "history.csv", "learning_curves.png", "integrity.json"} <= {
        p.name for p in folder.iterdir()
    }

    output = run("evaluate", "--model", folder / "best", "--save_dir", tmp_path / "again")
    first, second = (json.loads((p / "report.json").read_text()) for p in (folder / "report", tmp_path / "again"))
    assert first["metrics"] == second["metrics"], "the saved model gives the figures of the trained one"

    pictures = tmp_path / "pictures"
    for name in ("one", "two"):
        write_image(pictures / f"{name}.jpg")
    output = run("predict", "--model", folder / "best", "--image-path", pictures, "--save-dir", tmp_path / "out")
    assert [line.split(":")[0] for line in output.splitlines()[:2]] == ["one", "two"]
    assert {p.name for p in (tmp_path / "out").iterdir()} == {"predictions.json", "one_mask.png", "two_mask.png"}
    assert [p["id"] for p in json.loads((tmp_path / "out" / "predictions.json").read_text())] == ["one", "two"]

    for options in ([], ["--target", "lesion"], ["--method", "saliency", "--target", "MEL"]):
        output = run("explain", "--model", folder / "best", "--image_path", pictures, "--save_dir", tmp_path, *options)
        assert len(output.splitlines()) == 2
    assert (tmp_path / "saliency_one.jpg.png").exists()

    (folder / "run.json").unlink()
    with pytest.raises(SystemExit, match=r"run.json is not there.*--dataset"):
        run("evaluate", "--model", folder / "best")


@pytest.mark.parametrize(
    "recipe",
    [
        *("ham-resnet18", "ham-unet", "ham-multitask"),
        *("ham-classification", "ham-segmentation", "ham-multitask-strong", "ham-metadata"),
    ],
)
def test_ham10000_recipes(run, tmp_path, fake_ham10000, recipe):
    root = fake_ham10000()
    output = run(
        "train_isic",
        "--recipe",
        recipe,
        "--data_dir",
        root,
        *QUICK,
        "--backbone_weights",
        "none",
        "--save_dir",
        tmp_path / "run",
    )
    assert "ham10000[train]" in output
    assert "MASK_RESIZED" in output, "what was found when the collection was opened is printed"
    assert (tmp_path / "run" / "report" / "index.html").exists()


@pytest.mark.parametrize("recipe", ["isic9-simple-cnn", "isic9-resnet50-head"])
def test_isic9_recipes(run, tmp_path, fake_isic9, recipe):
    weights = [] if recipe == "isic9-simple-cnn" else ["--backbone-weights", "none"]
    output = run(
        "train_isic", "--recipe", recipe, "--data-dir", fake_isic9, *QUICK, *weights, "--save-dir", tmp_path / "run"
    )
    assert "seborrheic keratosis" in output


def test_another_collection_and_model(run, tmp_path, fake_ham10000):
    root = fake_ham10000()
    output = run(
        *(
            "train_isic",
            "--dataset",
            "ham10000",
            "--data_dir",
            root,
            "--model",
            "simple_cnn",
            "--learning_rate",
            "0.01",
        ),
        *(*QUICK, "--save_dir", tmp_path / "run", "--seed", "7", "--augmentation", "dermoscopy"),
    )
    assert "simple_cnn on ham10000[test]" in output
    config = json.loads((tmp_path / "run" / "train_config.json").read_text())
    assert (config["lr"], config["seed"], config["augmentation"]) == (0.01, 7, "dermoscopy")


SETTINGS = """
dataset: synthetic
dataset_options: {num_images: 70, size: 32}
model: simple_cnn
model_options: {image_size: 32}
train: {num_steps: 6, eval_every: 2, batch_size: 8, lr: 1e-3, device: cpu}
"""


@pytest.fixture
def settings(tmp_path, monkeypatch):
    """A file with quick settings; the report's page, which takes seconds to draw, is left out."""
    monkeypatch.setattr(skinzoo.Report, "save", lambda report, folder: Path(folder) / "index.html")
    path = tmp_path / "quick.yaml"
    path.write_text(SETTINGS)
    return path


def test_a_run_that_was_interrupted_goes_on_with_the_same_command(run, tmp_path, monkeypatch, settings):
    command = ["train_isic", "--config", settings, "--save_dir"]
    run(*command, tmp_path / "whole")
    evaluate = Run._evaluate

    def killed(self, lr):
        if self.progress.step == 4:
            raise KeyboardInterrupt
        evaluate(self, lr)

    with monkeypatch.context() as patch:
        patch.setattr(Run, "_evaluate", killed)
        with pytest.raises(KeyboardInterrupt):
            run(*command, tmp_path / "run")
    assert "simple_cnn on synthetic[test]" in run("evaluate", "--model", tmp_path / "run" / "best"), "so far"

    before = (tmp_path / "run" / "run.json").read_text()
    with pytest.raises(SystemExit, match="seed: 42 before, 7 now"):
        run(*command, tmp_path / "run", "--seed", "7")
    assert (tmp_path / "run" / "run.json").read_text() == before, "another split would test on training images"

    assert "going on from step 2 of 6" in run(*command, tmp_path / "run")
    one, two = ((tmp_path / name / "best" / "model.safetensors").read_bytes() for name in ("whole", "run"))
    assert one == two


def test_settings_from_a_file(run, tmp_path, settings):
    run("train_isic", "--config", settings, "--seed", "7", "--num_steps", "2", "--save_dir", tmp_path / "one")
    output = run("train_isic", "--config", tmp_path / "one" / "recipe.yaml", "--save_dir", tmp_path / "two")
    assert f"run      {tmp_path / 'two'}" in output
    one, two = ((tmp_path / name / "best" / "model.safetensors").read_bytes() for name in ("one", "two"))
    assert one == two, "the written recipe holds what the command line changed"
    settings.write_text("modle: simple_cnn\n")
    with pytest.raises(SystemExit, match=r"error: .*quick.yaml: Recipe has no setting 'modle'; did you mean 'model'"):
        run("train_isic", "--config", settings)
    with pytest.raises(SystemExit):
        run("train_isic", "--config", settings, "--recipe", "ham-unet")


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (("predict", "--model", "nowhere", "--image_path", "x.jpg"), "error: no config.json in nowhere"),
        (("explain", "--model", "nowhere", "--image_path", "x.jpg"), "error: no config.json in nowhere"),
        (("evaluate", "--model", "nowhere"), "error: no config.json in nowhere"),
        (("train_isic", "--dataset", "folder", "--data_dir", "nowhere"), "error: .*nowhere"),
        (("train_isic", "--model", "resnet51"), "error: unknown model 'resnet51'; did you mean"),
        (("train_isic", "--epochs", "0"), "error: epochs must be a positive number"),
    ],
)
def test_mistakes_end_in_one_line(run, tmp_path, monkeypatch, arguments, says):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit, match=says):
        run(*arguments)


def test_a_segmenter_on_the_default_recipe(run, tmp_path):
    run("train_isic", *QUICK, "--model", "unet_resnet18", "--backbone_weights", "none", "--save_dir", tmp_path / "run")
    assert (tmp_path / "run" / "report" / "segmentation_panels.png").exists()


@pytest.mark.slow
def test_the_first_command_of_the_readme_learns(run, tmp_path):
    run("train_isic", "--save_dir", tmp_path / "run")
    metrics = json.loads((tmp_path / "run" / "report" / "report.json").read_text())["metrics"]
    assert metrics["macro_f1"] >= 0.8
    assert metrics["dice"] >= 0.85
