"""Train the models of the results page and fill its tables; what is finished is not trained again.

The real collections lie in the folders `ham10000` and `isic9` of --root. A run that was interrupted goes on when the
same command is given again.

    python examples/reproduce.py --smoke
    python examples/reproduce.py --table ham-classification --list
    python examples/reproduce.py --table ham-segmentation --docs docs/assets/results
    python examples/reproduce.py --table isic9 --runs removed-resnet18_scratch-seed42
"""

import argparse
import dataclasses
import sys
from pathlib import Path
from typing import Any

from reproduction.curves import draw_curves
from reproduction.data import Collections, default_root
from reproduction.jobs import TABLES, Job, make_jobs
from reproduction.settings import (
    BUDGETS,
    TRAINING_RATES,
    Budget,
    default_budget,
)
from reproduction.tables import write_table
from reproduction.training import read_row, run_job

import skinzoo


def parse_arguments() -> argparse.Namespace:
    """Options; each is understood with underscores and with dashes."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)

    def option(name: str, **settings: Any) -> None:
        parser.add_argument(*dict.fromkeys([f"--{name}", f"--{name.replace('_', '-')}"]), **settings)

    option("table", nargs="+", choices=[*TABLES, "all"], default=["all"], help="which tables (default: all)")
    option("runs", nargs="+", help="only these runs of the tables, by name; --list shows them")
    option("seeds", type=int, nargs="+", help="of split, weights and order (default 42; 42 43 44 for some tables)")
    option("root", type=Path, help="folder of the collections (default $SKINZOO_DATA, else ~/.cache/skinzoo/data)")
    option("out", type=Path, help="where to write (default runs/reproduce)")
    option("docs", type=Path, help="write the tables into this folder too, such as docs/assets/results")
    option("budget", choices=["cpu", "gpu"], help="which settings (default: gpu if there is one)")
    option("device", default="auto", help="'auto', 'cpu', 'cuda' ...")
    option("num_workers", type=int, help="processes that load data (default: the budget's)")
    option("num_steps", type=int, help="only so many steps, to try a run out; give another --out")
    option("hardware", default="", help="what it runs on, for the tables (default: found out)")
    option("list", action="store_true", help="show the runs, their length and their state, and train nothing")
    option("write", action="store_true", help="write the tables from the runs that there are, and train nothing")
    option("smoke", action="store_true", help="two steps of tiny models, to see that everything runs")
    args = parser.parse_args()
    if args.smoke and args.budget:
        parser.error("--smoke has settings of its own; leave out --budget")
    args.out = args.out or Path("runs/reproduce-smoke" if args.smoke else "runs/reproduce")
    args.table = list(TABLES) if "all" in args.table else args.table
    return args


def chosen_budget(args: argparse.Namespace) -> Budget:
    """The settings, with what the command line and the machine change."""
    budget = BUDGETS["smoke" if args.smoke else args.budget or default_budget(args.device)]
    if args.smoke:
        return budget
    changed = {}
    for name in ("ham", "nine", "pretraining"):
        config = dataclasses.replace(getattr(budget, name), device=args.device)
        if args.num_workers is not None:
            config = dataclasses.replace(config, num_workers=args.num_workers)
        if args.num_steps is not None:
            config = dataclasses.replace(config, epochs=None, num_steps=args.num_steps, eval_every=args.num_steps)
        changed[name] = config
    return dataclasses.replace(budget, **changed)


def select(jobs: list[Job], names: list[str] | None) -> list[Job]:
    """The runs that were asked for, and those that they start from."""
    if not names:
        return jobs
    wanted = {job.name for job in jobs if job.name in names}
    wanted |= {job.needs for job in jobs if job.name in wanted}
    return [job for job in jobs if job.name in wanted]


def command_of(job: Job, budget: Budget) -> str:
    """What makes a run, without the places of a machine."""
    if budget.name == "smoke":
        return "python examples/reproduce.py --smoke"
    parts = [f"--table {job.table}", f"--runs {job.name}", f"--seeds {job.recipe.train.seed}"]
    return " ".join(["python examples/reproduce.py", *parts, f"--budget {budget.name}"])


def show(jobs: list[Job], out: Path, budget: Budget) -> None:
    """Name, length and state of each run."""
    for job in jobs:
        train, info = job.recipe.train, skinzoo.dataset_info(job.recipe.dataset)
        images = (train.num_steps or 0) * train.batch_size
        images = images or int((train.epochs or 0) * (info.num_images or 0) * job.recipe.fractions[0])
        rate = TRAINING_RATES.get(job.recipe.model) if budget.name == "cpu" else None
        time = f"about {images / rate / 60:.0f} minutes on the cores of the tables" if rate else "time not known"
        begun = (job.folder(out) / "train" / "checkpoints").exists()
        state = "finished" if read_row(job, out) else "begun" if begun else "not begun"
        print(f"{job.table:<19} {job.name:<45} up to {images:>9,} images, {time}; {state}")


def main() -> None:
    args = parse_arguments()
    budget = chosen_budget(args)
    root = args.root or (None if args.smoke else default_root())
    data = Collections(root, args.out, budget)
    folders = [args.out, *([args.docs] if args.docs else [])]
    jobs_of = {table: make_jobs(table, budget, args.seeds) for table in args.table}
    known = {job.name for jobs in jobs_of.values() for job in jobs}
    if unknown := [name for name in args.runs or () if name not in known]:
        sys.exit(f"error: no run {unknown[0]!r} in {', '.join(args.table)}; there are {', '.join(sorted(known))}")
    for table, jobs in jobs_of.items():
        if args.list:
            show(select(jobs, args.runs), args.out, budget)
            continue
        if not args.write:
            for job in select(jobs, args.runs):
                run_job(job, data, out=args.out, command=command_of(job, budget), hardware=args.hardware)
        rows = [row for job in jobs if (row := read_row(job, args.out)) is not None]
        nine = table == "isic9" and rows
        write_table(table, rows, folders, ceiling=data.ceiling() if nine else None)
        if table == "transfer":
            draw_curves(jobs, args.out, [folder / "transfer" for folder in folders])
        print(f"{table}: {len(rows)} of {len(jobs)} runs in {args.out / table}.md")


if __name__ == "__main__":
    try:
        main()
    except (skinzoo.SkinzooError, OSError) as error:
        sys.exit(f"error: {error}")
