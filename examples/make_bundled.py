"""Make weights that are part of the package: train, calibrate, save in float16, score what was saved, write the record.

Without arguments: a placeholder that knows drawn lesions only, in about five minutes on two CPU cores, no download.

    python examples/make_bundled.py
    python examples/make_bundled.py --out runs/bundled --resume
    python examples/make_bundled.py --data ham10000 --root data/HAM10000 --cache cache

The folder of --out then holds `train/` (checkpoints) and `report/`; `<name>/` with the files that belong into
skinzoo/hub/bundled/<name>/; and the record `<name>.json` that belongs into skinzoo/hub/records/. --install puts both
there.
"""

import argparse
import dataclasses
import json
import os
import platform
import shutil
import sys
from collections.abc import Sequence
from datetime import date
from importlib.metadata import version
from pathlib import Path
from typing import Any

import skinzoo

MOST_BYTES = 10_000_000
SMALL = "multitask_mobilenetv3_small_100"
RECIPES = {"synthetic": "synthetic-multitask", "ham10000": "ham-compact"}
LIBRARIES = ("torch", "timm", "segmentation-models-pytorch", "albumentations")
STATED: dict[str, dict[str, Any]] = {
    "synthetic": {
        "title": "Placeholder trained on drawn pictures: class and mask of synthetic lesions",
        "licence": "MIT",
        "citation": "The skinzoo developers. skinzoo: a PyTorch model zoo for dermoscopy.",
        "intended_use": "Trying skinzoo out and teaching, without a download.",
        "limits": [
            "It has seen no real lesion: what it says about a photograph means nothing.",
            "Its figures say how well it knows drawn pictures, and nothing about skin.",
        ],
    },
    "ham10000": {
        "title": "Class and mask of pigmented skin lesions, trained on HAM10000",
        "licence": "CC BY-NC 4.0",
        "intended_use": "Research and teaching with dermoscopic pictures of pigmented lesions; not for diagnosis.",
        "limits": [
            "Not a medical device: no decision about a patient may rest on its answers.",
            "It knows seven classes; a lesion of another kind, a scar or any other picture gets one of them too.",
            "HAM10000 comes from two sites, in Austria and Australia, and no skin tone was recorded: on dark skin, on "
            "other devices and on clinical photographs the model has not been measured.",
            "Its pictures are from a copy of HAM10000 with 8,940 of the 10,015, at 200 x 150 pixels, and it sees "
            "128 x 128: fine structures are lost.",
            "All malignant lesions were confirmed by histology, most benign ones in other ways, so that their labels "
            "are less certain.",
        ],
    },
}


def parse_arguments() -> argparse.Namespace:
    """Options; each is understood with underscores and with dashes."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)

    def option(name: str, **settings: Any) -> None:
        parser.add_argument(*dict.fromkeys([f"--{name}", f"--{name.replace('_', '-')}"]), **settings)

    option("data", default="synthetic", choices=skinzoo.list_datasets(), help="collection (default synthetic)")
    option("root", help="folder of the collection")
    option("architecture", help="with class, mask or both (default: the recipe's; small for drawn pictures)")
    option("decoder", help="of a U-Net (default: the recipe's, else light)")
    option("backbone_weights", help="'imagenet', 'none' or a file (default: the recipe's)")
    option("start", help="trained weights of the architecture to go on from: a name or a folder")
    option("average", nargs="+", default=[], help="more weights of that start: names or folders; the mean is released")
    option("image_size", type=int, help="pixels (default: the recipe's, else 128)")
    option("num_images", type=int, default=1050, help="of the drawn pictures (default 1050)")
    option("recipe", choices=skinzoo.list_recipes(), help="settings to start from (default: by collection)")
    option("epochs", type=int, help="passes over the training images (default 8 for drawn pictures, else the recipe's)")
    option("batch_size", type=int)
    option("learning_rate", type=float)
    option("augmentation", choices=skinzoo.list_augmentations(), help="(default: the recipe's)")
    option("sampling", help="'uniform', 'sqrt', 'balanced' or 'effective' (default: the recipe's)")
    option("monitor", help="what the best weights are chosen by (default: the recipe's)")
    option("mixing", choices=skinzoo.training.list_mixings(), help="mixes each batch (default: the recipe's)")
    option("cache", help="folder for the training pictures, decoded to --cache_size (default: decode every time)")
    option("cache_size", type=int, default=160, help="pixels (default 160)")
    option("num_workers", type=int, default=0, help="processes that load data")
    option("device", default="auto", help="'auto', 'cpu', 'cuda' ...")
    option("seed", type=int, default=42, help="of split, weights, order and augmentation")
    option("weights_seed", type=int, help="of the random weights, if another than --seed")
    option("hardware", help="what it runs on, for the record (default: found out)")
    option("tag", default="bundled", help="what tells these weights from others of the architecture")
    option("stated", help="JSON file with title, licence, citation, intended_use, limits, as far as they are others")
    option("out", default="runs/bundled", help="where to write")
    option("resume", action="store_true", help="go on with a run that was interrupted, and with the same settings")
    option("install", action="store_true", help="put the result into this checkout's skinzoo/hub")
    option("smoke", action="store_true", help="two steps on a few small pictures, to see that everything runs")
    args = parser.parse_args()
    if args.start and (args.decoder or args.backbone_weights or args.weights_seed is not None):
        parser.error("--start brings all weights: drop --decoder, --backbone_weights and --weights_seed")
    return args


def make_recipe(args: argparse.Namespace) -> skinzoo.Recipe:
    """The recipe with what the command line changes."""
    drawn = args.data == "synthetic"
    recipe = skinzoo.get_recipe(args.recipe or RECIPES.get(args.data, RECIPES["ham10000"]))
    changes: dict[str, Any] = {
        "batch_size": args.batch_size,
        "lr": args.learning_rate,
        "epochs": args.epochs or (8 if drawn else None),
        "augmentation": args.augmentation,
        "sampling": args.sampling,
        "monitor": args.monitor,
    }
    changes = {name: value for name, value in changes.items() if value is not None}
    if args.smoke:
        args.image_size, args.num_images = 32, 140
        changes |= {"epochs": None, "num_steps": 2, "batch_size": 8}
    architecture = args.architecture or (SMALL if drawn else recipe.model)
    before = recipe.model_options if architecture == recipe.model else {}
    start = args.backbone_weights or before.get("backbone_weights", "none" if drawn else "imagenet")
    options = {
        **before,
        "backbone_weights": None if start == "none" else start,
        "image_size": args.image_size or before.get("image_size", 128),
    }
    if "decoder" in skinzoo.model_info(architecture).options:
        options["decoder"] = args.decoder or before.get("decoder", "light")
    if args.start:
        options = {"weights": args.start, "image_size": options["image_size"]}
    size = max(options["image_size"], 32)
    return dataclasses.replace(
        recipe,
        model=architecture,
        model_options=options,
        mixing=args.mixing or recipe.mixing,
        dataset=args.data,
        dataset_options={"num_images": args.num_images, "size": size} if drawn else {},
        train=dataclasses.replace(
            recipe.train,
            **changes,
            seed=args.seed,
            num_workers=args.num_workers,
            device=args.device,
            output_dir=str(Path(args.out) / "train"),
        ),
    )


def train_model(
    recipe: skinzoo.Recipe,
    train: skinzoo.SkinDataset,
    val: skinzoo.SkinDataset,
    *,
    weights_seed: int | None = None,
    average: Sequence[str] = (),
) -> tuple[skinzoo.SkinModel, skinzoo.History]:
    """A model with its best weights, or their mean with others, calibrated, with thresholds."""
    seed = recipe.train.seed if weights_seed is None else weights_seed
    task = skinzoo.model_info(recipe.model).task
    labels = {} if task == "segmentation" else {"label_space": train.label_space}
    model = skinzoo.create_model(recipe.model, seed=seed, **labels, **recipe.model_options)
    others = [skinzoo.create_model(recipe.model, weights=name, **labels) for name in average]
    weights = None
    if recipe.class_weights and model.task.has_labels:
        weights = skinzoo.class_weights(list(train.class_counts().values()), scheme=recipe.class_weights)
    loss = skinzoo.default_loss(
        model.task,
        classification=recipe.classification_loss,
        segmentation=recipe.segmentation_loss,
        class_weights=weights,
        label_smoothing=recipe.label_smoothing,
    )
    mixing = skinzoo.training.create_mixing(recipe.mixing) if recipe.mixing else None
    history = skinzoo.Trainer(model, recipe.train, loss=loss, mixing=mixing).fit(train, val)
    if average:
        model = skinzoo.models.average_weights([model, *others])
    batch_size = recipe.train.batch_size
    try:
        skinzoo.calibrate(model, val, batch_size=batch_size)
        skinzoo.choose_operating_points(
            model, val, rule=None, malignant_rule=("sensitivity", 0.95), batch_size=batch_size
        )
    except skinzoo.errors.ConfigError as error:  # too few images, or a model without classes
        print(f"not calibrated: {error}")
    return model, history


def describe(
    recipe: skinzoo.Recipe, model: skinzoo.SkinModel, history: skinzoo.History, args: argparse.Namespace
) -> dict[str, Any]:
    """How the weights came about, as the record keeps it."""
    config, schedule, last = recipe.train, recipe.train.schedule, history.rows[-1]
    options = recipe.model_options
    start = f"weights: {args.start}" if args.start else f"backbone weights: {options['backbone_weights']}"
    random = "random weights" + (f" (seed {args.weights_seed})" if args.weights_seed is not None else "")
    parts = [recipe.classification_loss] if model.task.has_labels else []
    parts += [recipe.segmentation_loss] if model.task.has_masks else []
    selection = f"{config.monitor}, epoch {history.best['epoch']:g}" if history.best else "the last step"
    mean = f"; the mean with {', '.join(args.average)}" if args.average else ""
    weights = f", {recipe.class_weights} class weights" if recipe.class_weights and model.task.has_labels else ""
    smoothing = f", label smoothing {recipe.label_smoothing:g}" if recipe.label_smoothing else ""
    device = f"one {model.device.type} device" if model.device.type != "cpu" else f"{os.cpu_count()} CPU cores"
    return {
        "start": start if args.start or options["backbone_weights"] else random,
        "optimizer": config.optimizer,
        "learning_rate": config.lr,
        "schedule": f"{schedule.kind}, warm-up over {schedule.warmup:.0%}",
        "epochs": last["epoch"],
        "batch_size": config.batch_size,
        "augmentation": config.augmentation + (f" + {recipe.mixing}" if recipe.mixing else ""),
        "loss": " + ".join(parts) + weights + smoothing,
        "selection": selection + mean,
        "seed": config.seed,
        "hardware": args.hardware or f"{device} ({platform.machine()})",
        "minutes": round(last["seconds"] / 60, 2),
        "versions": {"skinzoo": skinzoo.__version__, **{name: version(name) for name in LIBRARIES}},
    }


def statement(args: argparse.Namespace) -> dict[str, Any]:
    """What no file tells: title, licence, use, limits."""
    info = skinzoo.dataset_info(args.data)
    stated: dict[str, Any] = {
        "title": f"Trained on {info.title}",
        "licence": info.licence,
        "citation": info.citation,
        "intended_use": "Research and teaching; not for diagnosis.",
        "limits": ["Not a medical device: no decision about a patient may rest on its answers."],
        **STATED.get(args.data, {}),
        "synthetic": args.data == "synthetic",
        "date": date.today().isoformat(),
    }
    return stated | (json.loads(Path(args.stated).read_text("utf-8")) if args.stated else {})


def model_card(name: str, stated: dict[str, Any], report: skinzoo.Report) -> str:
    """README.md: what it is, how to load it, what it is worth."""
    architecture, _, tag = name.partition(".")
    warning = "**Trained on drawn pictures alone: for trying things out, of no medical use.**\n\n"
    limits = "\n".join(f"- {limit}" for limit in stated["limits"])
    return (
        f"# {name}\n\n{stated['title']}.\n\n{warning if stated['synthetic'] else ''}"
        f'```python\nimport skinzoo\n\nmodel = skinzoo.create_model("{architecture}", weights="{tag}")\n'
        f'print(skinzoo.predict(model, "picture.jpg")[0])\n```\n\n'
        f"## Use and limits\n\n{stated['intended_use']}\n\n{limits}\n\n"
        f"Licence: {stated['licence']}. {stated['citation']}\n\n" + report.markdown().replace("# ", "## ", 1)
    )


def main() -> None:
    args = parse_arguments()
    out = Path(args.out)
    if (out / "train").exists() and not args.resume:
        sys.exit(f"error: {out} holds a run; --resume goes on with it, another --out starts anew")
    recipe = make_recipe(args)
    data = skinzoo.load_dataset(recipe.dataset, args.root, **recipe.dataset_options)
    train, val, test = data.split(recipe.fractions, seed=recipe.train.seed)
    for part in (train, val, test):
        print(part)
    if args.cache:  # for training alone: what is scored are the files
        train, val = (part.cache(args.cache, args.cache_size) for part in (train, val))

    model, history = train_model(recipe, train, val, weights_seed=args.weights_seed, average=args.average)
    name, stated = f"{recipe.model}.{args.tag}", statement(args)
    folder = out / name
    shutil.rmtree(folder, ignore_errors=True)
    model.save_pretrained(
        folder,
        dtype="float16",
        recipe=describe(recipe, model, history, args),
        data={"name": args.data, "options": dict(recipe.dataset_options), "fractions": list(recipe.fractions)},
    )

    saved = skinzoo.create_model(f"local-dir:{folder}")  # what is scored is what was saved, rounded to float16
    report = skinzoo.evaluate(saved, test, batch_size=recipe.train.batch_size)
    report.save(out / "report")
    shutil.copyfile(out / "report" / "report.json", folder / "report.json")
    (folder / "README.md").write_text(model_card(name, stated, report), "utf-8", newline="\n")

    record = skinzoo.hub.record_of(folder, tag=args.tag, stated=stated)
    text = json.dumps(record.to_dict(), indent=2, ensure_ascii=False) + "\n"
    (out / f"{name}.json").write_text(text, "utf-8", newline="\n")
    print(record)
    print(f"files    {folder}")
    if (size := record.files["model.safetensors"].size) > MOST_BYTES:
        sys.exit(f"error: weights of {size:,} bytes are larger than the {MOST_BYTES:,} that may be in the package")
    if args.install:
        hub = Path(skinzoo.__file__).parent / "hub"
        shutil.copytree(folder, hub / "bundled" / name, dirs_exist_ok=True)
        shutil.copyfile(out / f"{name}.json", hub / "records" / f"{name}.json")
        print(f"put into {hub}")


if __name__ == "__main__":
    try:
        main()
    except (skinzoo.SkinzooError, OSError) as error:
        sys.exit(f"error: {error}")
