"""The example scripts, run as a user runs them, on small data."""

import ast
import json
import runpy
import shutil
import sys
from pathlib import Path

import pytest
from saved_models import own_config

import skinzoo
from skinzoo.evaluation.partfile import PartFile
from skinzoo.training.run import Run

EXAMPLES = Path(__file__).parents[2] / "examples"
SCRIPTS = sorted(EXAMPLES.glob("*.py"))
QUICK = ["--num_steps", "2", "--batch-size", "4", "--image_size", "32", "--eval-every", "2"]


@pytest.fixture
def run(monkeypatch, capsys):
    def run_script(name: str, *arguments: object) -> str:
        monkeypatch.setattr(sys, "argv", [name, *map(str, arguments)])
        monkeypatch.syspath_prepend(str(EXAMPLES))  # as for a script that is started by its path
        runpy.run_path(str(EXAMPLES / f"{name}.py"), run_name="__main__")
        said = capsys.readouterr()
        run_script.errors = said.err
        return said.out

    return run_script


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda p: p.stem)
def test_scripts_use_the_public_api_only(script):
    for node in ast.walk(ast.parse(script.read_text("utf-8"))):
        names = [a.name for a in node.names] if isinstance(node, ast.Import) else []
        if isinstance(node, ast.ImportFrom):
            names.append(node.module)
        for name in names:
            assert (
                name.split(".")[0] in ("skinzoo", "PIL", "reproduction")
                or name.split(".")[0] in sys.stdlib_module_names
            )


@pytest.mark.parametrize("script", [s for s in SCRIPTS if s.stem != "quickstart"], ids=lambda p: p.stem)
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


def test_train_then_evaluate(run, tmp_path):
    folder = tmp_path / "a run"
    output = run("train_isic", *QUICK, "--save_dir", folder)
    assert output.rstrip().splitlines()[-1] == f"report   {folder / 'report' / 'index.html'}"
    assert "calibrated on synthetic[val]: temperature" in output
    assert "for a sensitivity of 95% on synthetic[val]" in output
    written = {p.name for p in (folder / "report").iterdir()}
    assert {"index.html", "report.json", "confusion_matrix.png", "segmentation_panels.png"} <= written
    assert "learning_curves.png" in written
    assert len([n for n in written if n.startswith("grad_cam_SYN")]) == 3
    assert {"best", "last", "history.csv", "learning_curves.png", "integrity.json"} <= {
        p.name for p in folder.iterdir()
    }
    saved = own_config(folder / "best")
    assert saved["calibration"]["method"] == "temperature"
    assert "sensitivity at least 0.95" in saved["operating_points"]["rule"]
    assert saved["training"]["step"] == 2, "what the training wrote down about the weights is still there"

    run("evaluate", "--model", folder / "best", "--save_dir", tmp_path / "again")
    first, second = (skinzoo.load_report(p) for p in (folder / "report", tmp_path / "again"))
    assert first.facts == second.facts
    assert second.outcome.ids == first.outcome.ids
    near = pytest.approx(first.outcome.probabilities, abs=1e-5)  # another batch size, another order of sums
    assert second.outcome.probabilities == near, "the saved model gives the answers of the trained one"
    assert second["dice"] == pytest.approx(first["dice"], abs=1e-4)

    with pytest.raises(SystemExit, match=r"^error: .* was trained on .* of synthetic\[train\]"):
        run("evaluate", "--model", folder / "best", "--part", "train")
    (folder / "run.json").write_text("{}")
    with pytest.raises(SystemExit, match=r"run.json is damaged .*--dataset"):
        run("evaluate", "--model", folder / "best")
    (folder / "run.json").unlink()
    with pytest.raises(SystemExit, match=r"run.json is not there.*--dataset"):
        run("evaluate", "--model", folder / "best")


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """The folder of a model that answers with class and mask; nobody has trained it."""
    space = skinzoo.dataset_info("synthetic").label_space
    built = skinzoo.create_model("multitask", label_space=space, backbone_weights=None, image_size=32, seed=1)
    return built.save_pretrained(tmp_path_factory.mktemp("multitask"))


@pytest.fixture
def pictures(tmp_path, write_image):
    """Two pictures, one of them in a folder below, and one that is none."""
    folder = tmp_path / "pictures"
    write_image(folder / "one.jpg")
    write_image(folder / "below" / "two.jpg")
    (folder / "bad.jpg").write_text("not found")
    return folder


def files_below(folder):
    return {p.relative_to(folder).as_posix() for p in folder.rglob("*") if p.is_file()}


def test_one_picture_is_predicted_in_words(run, model, pictures):
    output = run("predict", "--model", model, "--image-path", pictures / "one.jpg")
    assert output.startswith("one\n")
    assert "melanocytic nevus" in output
    assert "lesion: " in output
    assert "not a medical device" in output
    with pytest.raises(SystemExit, match=r"^error: no picture can be read"):
        run("predict", "--model", model, "--image-path", pictures / "bad.jpg")


def test_a_folder_is_predicted_one_by_one_or_into_a_table(run, model, pictures, tmp_path):
    output = run("predict", "--model", model, "--image-path", pictures)
    assert [line for line in output.splitlines() if not line.startswith(" ")] == ["below/two", "one"]
    assert run.errors.startswith("bad: not predicted: ")
    table = tmp_path / "answers.csv"
    output = run("predict", "--model", model, "--image-path", pictures, "--table", table)
    assert output.startswith("3 pictures, 1 of them not readable in ")
    head, *rows = table.read_text().splitlines()
    assert {"id", "label", "p_MEL", "error"} <= set(head.split(","))
    assert sorted(row.split(",")[0] for row in rows) == ["bad", "below/two", "one"]
    with pytest.raises(SystemExit, match=r"^error: .*answers.csv is there already"):
        run("predict", "--model", model, "--image-path", pictures, "--table", table)


def test_an_interrupted_table_goes_on_with_the_same_command(run, model, pictures, tmp_path, monkeypatch):
    shutil.make_archive(str(tmp_path / "pictures"), "zip", pictures)
    table = tmp_path / "answers.parquet"
    command = ["predict", "--model", model, "--image_path", tmp_path / "pictures.zip", "--table", table]
    write = PartFile.write

    def interrupted(self, rows):
        write(self, rows)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(PartFile, "write", interrupted)
        with pytest.raises(SystemExit, match="interrupted: the same command goes on"):
            run(*command, "--batch_size", 1)
    assert not table.exists()
    assert "from an earlier call" in run(*command)
    assert table.exists()


@pytest.mark.parametrize(
    ("options", "label"),
    [
        ([], None),
        (["--target", "lesion"], "lesion"),
        (["--method", "saliency", "--target", "malignant"], "malignant"),
        (["--method", "integrated_gradients", "--target", "MEL"], "MEL"),
    ],
)
def test_explain(run, model, pictures, tmp_path, options, label):
    printed = run("explain", "--model", model, "--image_path", pictures, "--save_dir", tmp_path / "maps", *options)
    method = options[1] if "--method" in options else "grad_cam"
    assert files_below(tmp_path / "maps") == {f"{method}_one.png", f"below/{method}_two.png"}
    assert len(printed.splitlines()) == 2
    assert label is None or f"one: {label} (" in printed
    assert run.errors.startswith("bad: not explained: ")
    with pytest.raises(SystemExit, match=r"^error: no picture can be read: .*bad.jpg"):
        run("explain", "--model", model, "--image_path", pictures / "bad.jpg", *options)


def test_compare(run, tmp_path, monkeypatch):
    monkeypatch.setattr(skinzoo.Report, "pictures", lambda report: [])  # they take seconds to draw
    data = skinzoo.load_dataset("synthetic", num_images=56, size=32)
    for seed, name in enumerate(("small", "other")):
        model = skinzoo.create_model("simple_cnn", label_space=data.label_space, image_size=32, seed=seed)
        skinzoo.evaluate(model, data, examples=0).save(tmp_path / name / "report")
    command = ["compare", tmp_path / "small", tmp_path / "other" / "report", "--resamples", 100]
    output = run(*command, "--save_dir", tmp_path / "both", "--metrics", "accuracy", "malignant/auc")
    assert "Comparison of 2 models" in output
    assert "other" in output
    assert "small" in output
    assert output.rstrip().endswith(f"comparison  {tmp_path / 'both' / 'comparison.html'}")
    assert json.loads((tmp_path / "both" / "comparison.json").read_text())["metrics"] == ["accuracy", "malignant/auc"]
    assert "A - B" in run(*command[:3], "--names", "A", "B", "--metrics", "accuracy", "--save_dir", tmp_path / "named")
    for arguments, says in [
        (command[:2], "error: a comparison needs two reports or more; got 1"),
        ([*command[:2], tmp_path / "nowhere"], "error: .*nowhere.* is absent"),
        ([*command, "--metrics", "acuracy"], "error: no model has the metric 'acuracy'; did you mean 'accuracy'"),
        ([*command, "--names", "A"], "error: names must be one text for each of the 2 reports"),
    ]:
        with pytest.raises(SystemExit, match=says):
            run(*arguments)


def test_what_evaluate_and_train_pass_on(run, tmp_path, monkeypatch, settings):
    asked = []

    def evaluate(*arguments, thorough=False, **options):
        asked.append({"thorough": thorough, "allow_overlap": options.get("allow_overlap", False)})
        return skinzoo.evaluation.evaluate(*arguments, **options)

    monkeypatch.setattr(skinzoo, "evaluate", evaluate)
    run("train_isic", "--config", settings, "--thorough", "--save_dir", tmp_path / "run")
    run("evaluate", "--model", tmp_path / "run" / "best", "--thorough")
    with pytest.warns(skinzoo.datasets.LeakageWarning, match="trained on"):
        output = run("evaluate", "--model", tmp_path / "run" / "best", "--part", "train", "--allow-overlap")
    assert "the figures are too good" in output
    assert [(a["thorough"], a["allow_overlap"]) for a in asked] == [(True, False), (True, False), (False, True)]


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


def test_another_collection_and_model(run, tmp_path, fake_ham10000, monkeypatch):
    root, mixed, cutmix = fake_ham10000(), [], skinzoo.training.CutMix.__call__
    monkeypatch.setattr(skinzoo.training.CutMix, "__call__", lambda *a, **k: mixed.append(1) or cutmix(*a, **k))
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
        *(*QUICK, "--save_dir", tmp_path / "run", "--seed", "7", "--augmentation", "dermoscopy", "--mixing", "cutmix"),
    )
    assert "simple_cnn on ham10000[test]" in output
    config = json.loads((tmp_path / "run" / "train_config.json").read_text())
    assert (config["lr"], config["seed"], config["augmentation"]) == (0.01, 7, "dermoscopy")
    assert skinzoo.Recipe.from_file(tmp_path / "run" / "recipe.yaml").mixing == "cutmix"
    assert mixed, "batches were mixed"


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

    output = run(*command, tmp_path / "run")
    assert "going on from step 2 of 6" in output
    assert "not calibrated: " in output, "there are too few images for that"
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
        (("compare", "nowhere", "elsewhere"), "error: nowhere.* is absent"),
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
    output = run(
        "train_isic", *QUICK, "--model", "unet_resnet18", "--backbone_weights", "none", "--save_dir", tmp_path / "run"
    )
    assert "not calibrated: unet_resnet18 predicts no class" in output
    assert (tmp_path / "run" / "report" / "segmentation_panels.png").exists()


@pytest.mark.slow
def test_the_first_command_of_the_readme_learns(run, tmp_path):
    run("train_isic", "--save_dir", tmp_path / "run")
    metrics = json.loads((tmp_path / "run" / "report" / "report.json").read_text())["metrics"]
    assert metrics["macro_f1"] >= 0.8
    assert metrics["dice"] >= 0.85
