"""Train a model, calibrate it, score it on held-out lesions, and write a report with Grad-CAM pictures.

Without arguments: class and mask of drawn lesions, in one to two and a half minutes on two CPU cores, no download.

    python examples/train_isic.py
    python examples/train_isic.py --recipe ham-multitask --data_dir data/HAM10000
    python examples/train_isic.py --dataset folder --data_dir data/my_lesions --model simple_cnn --num_steps 500
    python examples/train_isic.py --config my_settings.yaml --save_dir runs/mine

A run that was interrupted goes on when the same command with the same --save_dir is given again.
"""

import argparse
import dataclasses
import json
import sys
from datetime import datetime
from pathlib import Path
from typing import Any

import skinzoo

BUNDLED = "multitask_regnety_004.bundled"


def parse_arguments() -> argparse.Namespace:
    """Options; each is understood with underscores and with dashes."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)

    def option(name: str, **settings: Any) -> None:
        parser.add_argument(*dict.fromkeys([f"--{name}", f"--{name.replace('_', '-')}"]), **settings)

    option("recipe", choices=skinzoo.list_recipes(), help="settings to start from (default synthetic-multitask)")
    option("config", help="file with settings to start from, .yaml or .json, instead of a recipe; see Recipe.to_file")
    option("dataset", choices=skinzoo.list_datasets(), help="collection, instead of the recipe's")
    option("data_dir", help="folder of the collection")
    option("model", help="name from skinzoo.list_models(), instead of the recipe's")
    option("backbone_weights", help="'imagenet', 'none', or a safetensors file")
    option("image_size", type=int, help="pixels")
    option("metadata", nargs="+", help="columns that the model sees too, such as age sex (model: resnet18_metadata)")
    option("epochs", type=int, help="passes over the training set")
    option("num_steps", type=int, help="optimiser steps, instead of epochs")
    option("max_minutes", type=float, help="stop training after this time")
    option("eval_every", type=int, help="steps between evaluations")
    option("batch_size", type=int)
    option("learning_rate", type=float)
    option("augmentation", choices=skinzoo.list_augmentations())
    option("mixing", choices=skinzoo.training.list_mixings(), help="mixes the pictures of a batch")
    option("num_workers", type=int, help="processes that load data")
    option("device", help="'auto', 'cpu', 'cuda' ...")
    option("seed", type=int, help="of split, weights, order and augmentation (default 42)")
    option("monitor", help="what the best weights are chosen by, such as val_loss or val_dice")
    option("thorough", action="store_true", help="also measure robustness and faithfulness of heatmaps; takes minutes")
    option("save_dir", help="where to write (default runs/<time>-<recipe>)")
    option("overwrite", action="store_true", help="start anew in a save_dir that holds an earlier run")
    args = parser.parse_args()
    if args.config and args.recipe:
        parser.error("give --config or --recipe, not both")
    return args


def adapted_recipe(args: argparse.Namespace) -> skinzoo.Recipe:
    """The recipe with what the command line changes."""
    recipe = (
        skinzoo.Recipe.from_file(args.config)
        if args.config
        else skinzoo.get_recipe(args.recipe or "synthetic-multitask")
    )
    changes: dict[str, Any] = {
        "eval_every": args.eval_every,
        "max_minutes": args.max_minutes,
        "batch_size": args.batch_size,
        "lr": args.learning_rate,
        "augmentation": args.augmentation,
        "monitor": args.monitor or (None if args.model in (None, recipe.model) else "val_loss"),
        "num_workers": args.num_workers,
        "device": args.device,
        "seed": args.seed,
    }
    changes = {name: value for name, value in changes.items() if value is not None}
    if args.epochs is not None or args.num_steps is not None:
        changes |= {"epochs": args.epochs, "num_steps": args.num_steps}
    folder = args.save_dir or recipe.train.output_dir or f"runs/{datetime.now():%Y-%m-%d-%H%M%S}-{recipe.name}"
    overwrite = args.overwrite or recipe.train.overwrite
    train = dataclasses.replace(recipe.train, output_dir=folder, overwrite=overwrite, **changes)

    model_options = dict(recipe.model_options) if args.model in (None, recipe.model) else {}
    if args.backbone_weights is not None:
        model_options["backbone_weights"] = None if args.backbone_weights == "none" else args.backbone_weights
    if args.image_size is not None:
        model_options["image_size"] = args.image_size
    return dataclasses.replace(
        recipe,
        train=train,
        model=args.model or recipe.model,
        model_options=model_options,
        mixing=args.mixing or recipe.mixing,
        metadata=args.metadata or (recipe.metadata if args.model in (None, recipe.model) else ()),
        dataset=args.dataset or recipe.dataset,
        dataset_options=recipe.dataset_options if args.dataset in (None, recipe.dataset) else {},
    )


class RunFile(skinzoo.training.Callback):
    """Writes down what is trained on what, so that `evaluate.py` finds the same test images again.

    It does so when the training begins, and not before it is certain that the folder holds no other run.
    """

    def __init__(self, folder: Path, data_dir: str | None, recipe: skinzoo.Recipe, parts: dict[str, Any]) -> None:
        self.folder = folder
        self.recipe = recipe
        self.run = {
            "recipe": recipe.to_dict(),
            "data_dir": str(Path(data_dir).resolve()) if data_dir else None,
            "parts": {name: part.records.ids.tolist() for name, part in parts.items()},
        }

    def on_fit_start(self, trainer: skinzoo.Trainer) -> None:  # noqa: ARG002
        """Write `run.json`, and `recipe.yaml`, which `--config` takes to do the same in another folder."""
        (self.folder / "run.json").write_text(json.dumps(self.run, indent=2), "utf-8")
        train = dataclasses.replace(self.recipe.train, output_dir=None, overwrite=False)
        dataclasses.replace(self.recipe, train=train).to_file(self.folder / "recipe.yaml")


def make_model(recipe: skinzoo.Recipe, train: skinzoo.SkinDataset) -> skinzoo.SkinModel:
    options = dict(recipe.model_options)
    if skinzoo.model_info(recipe.model).task != "segmentation":
        options["label_space"] = train.label_space
    if recipe.metadata:
        options["metadata"] = skinzoo.MetadataEncoder.fit(train, columns=recipe.metadata)
    return skinzoo.create_model(recipe.model, seed=recipe.train.seed, **options)


def make_loss(recipe: skinzoo.Recipe, model: skinzoo.SkinModel, train: skinzoo.SkinDataset) -> Any:
    weights = None
    if recipe.class_weights and model.task.has_labels:
        weights = skinzoo.class_weights(list(train.class_counts().values()), scheme=recipe.class_weights)
    return skinzoo.default_loss(
        model.task,
        classification=recipe.classification_loss,
        segmentation=recipe.segmentation_loss,
        class_weights=weights,
        label_smoothing=recipe.label_smoothing,
    )


def tune(model: skinzoo.SkinModel, val: skinzoo.SkinDataset, batch_size: int) -> None:
    """Make probabilities mean what they say, and choose thresholds, on images that the weights were not fitted to."""
    try:
        result = skinzoo.calibrate(model, val, method="temperature", batch_size=batch_size)
        points = skinzoo.choose_operating_points(
            model, val, malignant_rule=("sensitivity", 0.95), batch_size=batch_size
        )
    except skinzoo.errors.ConfigError as error:  # too few images, or a model without classes
        print(f"not calibrated: {error}")
        return
    before, after = result.before["ece"], result.after["ece"]
    change = f", ECE {before:.3f} before and {after:.3f} after" if after == after else ""
    print(f"calibrated on {val.name}: temperature {result.calibration.temperature:.2f}{change}")
    if points.malignant is not None:
        print(f"called malignant from {points.malignant:.1%} on, for a sensitivity of 95% on {val.name}")


def ask_bundled(sample: Any) -> None:
    """Print what the weights in the package, which know real lesions, say of a picture."""
    print(f"\n{BUNDLED}, trained on real lesions, part of the package; its answer to a drawn one:")
    print(skinzoo.predict(skinzoo.create_model(BUNDLED), sample)[0])
    print(f"for a picture of yours: skinzoo predict {BUNDLED} lesion.jpg\n")


def main() -> None:
    args = parse_arguments()
    recipe = adapted_recipe(args)
    folder = Path(recipe.train.output_dir or "runs")
    print(f"run      {folder} (interrupted? the same command with --save_dir {folder} goes on)")

    data = skinzoo.load_dataset(recipe.dataset, args.data_dir, **recipe.dataset_options)
    if data.integrity.findings:
        print(data.integrity)
    train, val, test = data.split(recipe.fractions, seed=recipe.train.seed)
    for part in (train, val, test):
        print(part)

    model = make_model(recipe, train)
    print(
        f"{recipe.model}: {model.num_parameters():,} parameters, {model.num_parameters(trainable=True):,} of them train"
    )

    run_file = RunFile(folder, args.data_dir, recipe, {"train": train, "val": val, "test": test})
    mixing = skinzoo.training.create_mixing(recipe.mixing) if recipe.mixing else None
    loss = make_loss(recipe, model, train)
    trainer = skinzoo.Trainer(model, recipe.train, loss=loss, mixing=mixing, callbacks=[run_file])
    history = trainer.fit(train, val)

    tune(model, val, recipe.train.batch_size)
    model.save_pretrained(folder / "best", **(history.best or {}))  # again, with calibration and thresholds

    report = skinzoo.evaluate(model, test, batch_size=recipe.train.batch_size, thorough=args.thorough)
    report.add_figure("Learning curves", history.figure(), "One point an evaluation; the dashed line marks the best.")
    for number in range(min(3, len(test))):
        explanation = skinzoo.grad_cam(model, test[number])
        explanation.save(folder / "report" / f"grad_cam_{explanation.id}.png")
        report.add_figure(f"Grad-CAM {number + 1}", explanation.figure(), "What speaks for the named class or mask.")
    page = report.save(folder / "report")
    data.integrity.save(folder / "integrity.json")

    print(report)
    if recipe.dataset == "synthetic":
        ask_bundled(test[0])
    print(f"weights  {folder / 'best'}")
    print(f"report   {page.resolve()}")


if __name__ == "__main__":
    try:
        main()
    except (skinzoo.SkinzooError, OSError) as error:
        sys.exit(f"error: {error}")
