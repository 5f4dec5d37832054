"""Publish a trained model on the Hugging Face Hub, with its figures and a complete model card.

First a skeleton of the card, to be filled in with an editor; then a dry run, which uploads nothing; then the same
without --dry_run, after `hf auth login`.

    python examples/publish.py --model runs/demo/best --write_card card.yaml
    python examples/publish.py --model runs/demo/best --report runs/demo/report --card card.yaml --repo me/net --dry_run
    python examples/publish.py --model runs/demo/best --report runs/demo/report --card card.yaml --repo me/net
"""

import argparse
import json
import sys
from pathlib import Path
from typing import Any

import skinzoo


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)

    def option(name: str, **settings: Any) -> None:
        parser.add_argument(*dict.fromkeys([f"--{name}", f"--{name.replace('_', '-')}"]), **settings)

    option("model", required=True, help="folder written by train_isic.py or save_pretrained, such as runs/demo/best")
    option("write_card", metavar="FILE", help="write a skeleton of the card to this new file, and stop")
    option("report", help="folder of the model's report on images that it has never seen, such as runs/demo/report")
    option("external", nargs="+", help="folders of reports on other collections")
    option("card", help="the card, filled in: YAML or JSON")
    option("repo", help="repository on the Hub, owner/name; it is made if there is none")
    option("dry_run", action="store_true", help="write and check everything, and upload nothing")
    option("folder", help="where the files are written and kept (default: a temporary folder)")
    option("dtype", choices=["float32", "float16"], default="float32", help="of the stored numbers")
    option("private", action="store_true", help="make a new repository a private one")
    option("photographs", action="store_true", help="publish the report's pictures of lesions, too")
    option("message", help="of the commit")
    args = parser.parse_args()
    if not args.write_card and (missing := [f"--{n}" for n in ("report", "card", "repo") if getattr(args, n) is None]):
        parser.error(f"{', '.join(missing)} missing; --write_card FILE writes the skeleton of a card")
    return args


def known_of_the_run(model: Path) -> dict[str, str]:
    """What train_isic.py wrote down, for the card; to be read again and completed by a human."""
    path = model.parent / "run.json"
    if not path.is_file():
        return {}
    try:
        recipe = json.loads(path.read_text("utf-8"))["recipe"]
        train, options = recipe["train"], recipe["model_options"]
        length = f"{train['num_steps']} steps" if train["num_steps"] else f"{train['epochs']} epochs"
        return {
            "seeds": f"{train['seed']}, for split, weights, order and augmentation; one run",
            "training_procedure": f"{train['optimizer']}, learning rate {train['lr']:g}, {length}, batches of "
            f"{train['batch_size']}, augmentation {train['augmentation']}",
            "selection_rule": f"the best {train['monitor']} on the validation part",
            "loss": f"{recipe['classification_loss']} for classes, {recipe['segmentation_loss']} for masks",
            "pretraining": f"backbone weights: {options.get('backbone_weights', 'the default of ' + recipe['model'])}",
        }
    except (ValueError, KeyError, TypeError) as error:
        sys.exit(f"error: {path} is damaged ({error!r}); move it away to write a card without it.")


def main() -> None:
    args = parse_arguments()
    model = skinzoo.create_model(f"local-dir:{args.model}")
    if args.write_card:
        skinzoo.card_template(args.write_card, model=model, known=known_of_the_run(Path(args.model)))
        print(f"card     {args.write_card}: answer every question in it, then give it as --card")
        return
    done = skinzoo.push_to_hub(
        model,
        args.repo,
        report=args.report,
        card=args.card,
        external=args.external,
        private=args.private,
        dry_run=args.dry_run,
        message=args.message,
        dtype=args.dtype,
        photographs=args.photographs,
        folder=args.folder,
    )
    print(done)
    if done.folder is not None:
        print(f"card     {done.folder / 'README.md'}")


if __name__ == "__main__":
    try:
        main()
    except (skinzoo.SkinzooError, OSError) as error:
        sys.exit(f"error: {error}")
