"""Train a model, score it on held-out lesions, and write a report with Grad-CAM pictures.

Without arguments: class and mask of drawn lesions, in about a minute on two CPU cores, no download.

    python examples/train_isic.py
    python examples/train_isic.py --recipe ham-multitask --data_dir data/HAM10000
    python examples/train_isic.py --dataset folder --data_dir data/my_lesions --model simple_cnn --num_steps 500
"""

import argparse
import dataclasses
import json
import sys
from datetime import datetime
from pathlib import Path
from typing import Any

import skinzoo


def parse_arguments() -> argparse.Namespace:
    """Options; each is understood with underscores and with dashes."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)

    def option(name: str, **settings: Any) -> None:
        parser.add_argument(*dict.fromkeys([f"--{name}", f"--{name.replace('_', '-')}"]), **settings)

    option("recipe", default="synthetic-multitask", choices=skinzoo.list_recipes(), help="settings to start from")
    option("dataset", choices=skinzoo.list_datasets(), help="collection, instead of the recipe's")
    option("data_dir", help="folder of the collection")
    option("model", help="name from skinzoo.list_models(), instead of the recipe's")
    option("backbone_weights", help="'imagenet', 'none', or a safetensors file")
    option("image_size", type=int, help="pixels")
    option("epochs", type=int, help="passes over the training set")
    option("num_steps", type=int, help="optimiser steps, instead of epochs")
    option("max_minutes", type=float, help="stop training after this time")
    option("eval_every", type=int, help="steps between evaluations")
    option("batch_size", type=int)
    option("learning_rate", type=float)
    option("augmentation", choices=skinzoo.list_augmentations())
    option("num_workers", type=int, help="processes that load data")
    option("device", help="'auto', 'cpu', 'cuda' ...")
    option("seed", type=int, help="of split, weights, order and augmentation (default 42)")
    option("monitor", help="what the best weights are chosen by, such as val_loss or val_dice")
    option("save_dir", help="where to write (default runs/<time>-<recipe>)")
    option("overwrite", action="store_true", help="start anew in a save_dir that holds an earlier run")
    return parser.parse_args()


def adapted_recipe(args: argparse.Namespace) -> skinzoo.Recipe:
    """The recipe with what the command line changes."""
    recipe = skinzoo.get_recipe(args.recipe)
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
    folder = args.save_dir or f"runs/{datetime.now():%Y-%m-%d-%H%M%S}-{args.recipe}"
    train = dataclasses.replace(recipe.train, output_dir=folder, overwrite=args.overwrite, **changes)

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
        dataset=args.dataset or recipe.dataset,
        dataset_options=recipe.dataset_options if args.dataset in (None, recipe.dataset) else {},
    )


def write_run(folder: Path, args: argparse.Namespace, recipe: skinzoo.Recipe, parts: dict[str, Any]) -> None:
    """Write down what was trained on what, so that `evaluate.py` finds the same test images again."""
    run = {
        "recipe": dataclasses.asdict(recipe),
        "data_dir": str(Path(args.data_dir).resolve()) if args.data_dir else None,
        "parts": {name: part.records.ids.tolist() for name, part in parts.items()},
    }
    (folder / "run.json").write_text(json.dumps(run, indent=2))


def main() -> None:
    args = parse_arguments()
    recipe = adapted_recipe(args)
    folder = Path(recipe.train.output_dir or "runs")
    seed = recipe.train.seed

    data = skinzoo.load_dataset(recipe.dataset, args.data_dir, **recipe.dataset_options)
    if data.integrity.findings:
        print(data.integrity)
    train, val, test = data.split(recipe.fractions, seed=seed)
    for part in (train, val, test):
        print(part)

    classes = {} if skinzoo.model_info(recipe.model).task == "segmentation" else {"label_space": data.label_space}
    model = skinzoo.create_model(recipe.model, seed=seed, **classes, **recipe.model_options)
    print(
        f"{recipe.model}: {model.num_parameters():,} parameters, {model.num_parameters(trainable=True):,} of them train"
    )

    loss = skinzoo.default_loss(
        model.task, classification=recipe.classification_loss, segmentation=recipe.segmentation_loss
    )
    trainer = skinzoo.Trainer(model, recipe.train, loss=loss)
    history = trainer.fit(train, val)

    write_run(folder, args, recipe, {"train": train, "val": val, "test": test})
    report = skinzoo.evaluate(model, test, batch_size=recipe.train.batch_size)
    report.add_figure("Learning curves", history.figure(), "One point an evaluation; the dashed line marks the best.")
    for number in range(min(3, len(test))):
        explanation = skinzoo.grad_cam(model, test[number])
        explanation.save(folder / "report" / f"grad_cam_{explanation.id}.png")
        report.add_figure(f"Grad-CAM {number + 1}", explanation.figure(), "What speaks for the named class or mask.")
    page = report.save(folder / "report")
    data.integrity.save(folder / "integrity.json")

    print(report)
    print(f"weights  {folder / 'best'}")
    print(f"report   {page.resolve()}")


if __name__ == "__main__":
    try:
        main()
    except skinzoo.SkinzooError as error:
        sys.exit(f"error: {error}")
