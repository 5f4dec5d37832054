"""`skinzoo predict`: what a model says about pictures."""

from __future__ import annotations

import argparse
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from skinzoo.cli.choosing import MODEL_HELP, load_model
from skinzoo.cli.hubbing import add_hub_options, hub_options
from skinzoo.cli.output import Output, wrapped
from skinzoo.cli.parsing import add_command, name_and_value
from skinzoo.errors import ConfigError, DataError

if TYPE_CHECKING:
    from skinzoo.cli.parsing import Commands
    from skinzoo.evaluation import Prediction
    from skinzoo.models import SkinModel

_ABOUT = """\
Predict class and lesion mask of one picture, of several, or of all in a folder or archive. A table takes any number
of pictures: a command that was interrupted goes on when it is given again. Research use, not a medical device."""

_ENGINES = ("auto", "plain", "fused", "onnx")
"""As `skinzoo.evaluation.engines.ENGINES`, which needs PyTorch."""


def add(commands: Commands) -> None:
    """Add the command."""
    parser = add_command(
        commands,
        run,
        "predict",
        "predict class and mask of pictures",
        _ABOUT,
        "skinzoo predict runs/demo/best lesion.jpg",
        "skinzoo predict runs/demo/best pictures/ --masks masks --heatmaps heatmaps",
        "skinzoo predict runs/demo/best pictures.zip --table answers.csv --measure",
    )
    parser.add_argument("model", metavar="MODEL", help=MODEL_HELP)
    parser.add_argument("pictures", metavar="PICTURES", nargs="+", help="pictures, or folders or archives of pictures")
    parser.add_argument("--table", metavar="FILE", type=Path, help="write a row for each picture: .csv or .parquet")
    parser.add_argument("--masks", metavar="DIR", type=Path, help="write each lesion mask to DIR/<id>_mask.png")
    parser.add_argument("--heatmaps", metavar="DIR", type=Path, help="write each Grad-CAM to DIR/<id>_heatmap.png")
    parser.add_argument("--measure", action="store_true", help="measure each lesion, also of many pictures")
    parser.add_argument("--overwrite", action="store_true", help="begin anew, and replace a table that is there")
    parser.add_argument(
        "--batch-size",
        metavar="N",
        type=_batch_size,
        default="auto",
        help="pictures at a time, or auto for as many as fit into memory (default auto)",
    )
    parser.add_argument(
        "--engine",
        choices=_ENGINES,
        default="auto",
        help="what computes: the model itself (plain), a faster copy of it (fused), or onnxruntime on the CPU, for "
        "hundreds of pictures (onnx); default auto: fused from 16 pictures on",
    )
    parser.add_argument("--device", default="auto", help="auto, cpu, cuda ... (default auto)")
    parser.add_argument(
        "--metadata",
        metavar="NAME=VALUE",
        type=name_and_value,
        action="append",
        help="for a model that takes metadata, such as age=45; of all pictures; may be given again",
    )
    add_hub_options(parser)
    parser.set_defaults(interrupted="interrupted: the same command goes on where its table stopped.")


def run(args: argparse.Namespace, output: Output) -> int:
    """Predict, draw, and write the table.

    Raises:
        ConfigError: The table is there already, the model predicts no mask, or two pictures have one id.
        DataError: No picture can be read.
    """
    import skinzoo
    from skinzoo.devices import pick_device

    if args.table is not None and args.table.suffix.lower() not in (".csv", ".parquet"):
        args.usage_error(f"argument --table: {args.table} must end in .csv or .parquet")
    if args.table is not None and args.table.exists() and not args.overwrite:
        raise ConfigError(f"{args.table} is there already; give another place, or --overwrite.")
    model = load_model(args.model, hub_options(args)).to(pick_device(args.device))
    if args.masks and not model.task.has_masks:
        raise ConfigError(f"{model.config.architecture} predicts no mask; leave out --masks.")
    pictures = _one_id_each(args.pictures)
    metadata = dict(args.metadata) if args.metadata else None
    if args.table is None or args.masks or args.heatmaps:
        _one_by_one(model, pictures, metadata, args, output)
    if args.table is not None:
        written = skinzoo.predict_table(
            model,
            pictures,
            args.table,
            metadata=metadata,
            batch_size=args.batch_size,
            measure=args.measure,
            overwrite=args.overwrite,
            engine=args.engine,
        )
        output.answer({"table": written.path, "num_rows": written.num_rows, "num_failed": written.num_failed})
        output.say(wrapped(written))
        return int(written.num_failed == written.num_rows)
    return 0


def _batch_size(text: str) -> int | Literal["auto"]:
    if text == "auto":
        return "auto"
    try:
        return int(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is neither a whole number nor auto") from None


def _one_id_each(pictures: list[str]) -> list[str]:
    """The paths, if no two pictures below them have one id: a table and PNG files could not tell them apart."""
    from skinzoo.inputs import find_pictures

    if len(pictures) > 1:
        counted = Counter(picture.id for picture in find_pictures(pictures))
        if twice := [name for name, number in counted.items() if number > 1]:
            raise ConfigError(
                f"{counted[twice[0]]} of the pictures have the id {twice[0]!r}; give the folder above them, so that "
                "the path below it tells them apart."
            )
    return pictures


def _one_by_one(
    model: SkinModel, pictures: list[str], metadata: dict[str, Any] | None, args: argparse.Namespace, output: Output
) -> None:
    """Print the predictions as they come, unless they go to a table, and draw what is to be drawn."""
    import skinzoo

    alone = _is_alone(pictures)
    predictions = skinzoo.predict_all(
        model,
        pictures,
        metadata=metadata,
        batch_size=args.batch_size,
        measure=args.table is None and (args.measure or alone),
        heatmaps=args.heatmaps is not None,
        engine=args.engine,
    )
    answers: list[dict[str, Any]] = []
    found = 0
    for prediction in predictions:
        found += 1
        _draw(prediction, args.masks, args.heatmaps)
        if args.table is None:
            output.say(wrapped(prediction if alone else _line(prediction)))
            if output.as_json:
                answers.append(prediction.to_dict())
    failed = predictions.failed
    if args.table is not None:
        return
    if not found:
        raise DataError(f"no picture can be read: {failed[0].reason}")
    for unreadable in failed:
        output.warn(f"{unreadable.id}: not predicted: {unreadable.reason}")
    output.answer({"predictions": answers, "failed": [{"id": f.id, "reason": f.reason} for f in failed]})


def _is_alone(pictures: list[str]) -> bool:
    """True for one picture, False for several, a folder or an archive."""
    from skinzoo.inputs import ARCHIVE_SUFFIXES

    return (
        len(pictures) == 1
        and not Path(pictures[0]).is_dir()
        and Path(pictures[0]).suffix.lower() not in ARCHIVE_SUFFIXES
    )


def _draw(prediction: Prediction, masks: Path | None, heatmaps: Path | None) -> None:
    from PIL import Image

    if masks is not None and prediction.mask is not None:
        path = masks / f"{prediction.id}_mask.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(prediction.mask * 255).save(path)
    if heatmaps is not None and prediction.heatmap is not None:
        prediction.heatmap.save(heatmaps / f"{prediction.id}_heatmap.png")


def _line(prediction: Prediction) -> str:
    """One picture of many, in short."""
    ranked = sorted(prediction.probabilities.items(), key=lambda item: -item[1])[:3]
    classes = "  ".join(f"{code} {probability:.1%}" for code, probability in ranked)
    lesion = "" if prediction.mask is None else f"lesion covers {prediction.mask.mean():.1%}"
    if prediction.measurements is not None:
        lesion = f"lesion: {prediction.measurements}"
    return f"{prediction.id}: {'  '.join(filter(None, (classes, lesion)))}"
