"""Which runs make up which table."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

import skinzoo
from reproduction.settings import Budget

Protocol = Literal["by lesion", "by image", "contradictions kept", "contradictions removed", "pre-training"]
PROTOCOLS: dict[Protocol, str] = {
    "by lesion": "70/15/15, all images of a lesion in one part",
    "by image": "70/15/15, single images dealt, as the projects do it",
    "contradictions kept": "70/20/10, single images dealt, all 2,357 pictures, as the project does it",
    "contradictions removed": "70/20/10 by lesion, without contradictory pictures and repeated files",
    "pre-training": "80/10/10 by lesion, without the lesions that the nine-class pictures show",
}
PRETRAINING, PRETRAINING_SEED = "pretraining", 42


@dataclass(frozen=True)
class Job:
    """One training and what is scored afterwards.

    Attributes:
        table: The table at whose place it is kept.
        name: Of its folder.
        title: What it is, for the tables; runs that differ by their seed alone share it.
        protocol: How the data are chosen and divided.
        recipe: All settings; `recipe.train.seed` is also that of the split.
        needs: Name of the run in the same table whose backbone it starts from; empty for random weights.
    """

    table: str
    name: str
    title: str
    protocol: Protocol
    recipe: skinzoo.Recipe
    needs: str = ""

    @property
    def group(self) -> str:
        """The name without the seed."""
        return self.name.partition("-seed")[0]

    def folder(self, out: Path) -> Path:
        """Where it is kept."""
        return out / self.table / self.name


def _ham(budget: Budget, seed: int, *, kind: str, table: str, title: str, protocol: Protocol = "by lesion") -> Job:
    unet = {"decoder": "light"} if kind != "scratch" else {}
    head = {"dropout": 0.2} if kind != "unet" else {}
    model = f"{budget.backbone}_scratch" if kind == "scratch" else f"{kind}_{budget.backbone}"
    monitor = "val_dice" if kind == "unet" else budget.ham.monitor
    recipe = skinzoo.Recipe(
        table,
        title,
        dataset="ham10000",
        model=model,
        train=replace(budget.ham, seed=seed, monitor=monitor),
        model_options={"backbone_weights": None, "image_size": budget.size, **unet, **head},
        segmentation_loss="dice_bce",
    )
    name = f"{kind}-{protocol.replace(' ', '-')}{_suffix(budget)}-seed{seed}"
    return Job(table, name, f"{title} ({budget.backbone}, {budget.size} px)", protocol, recipe)


def ham_classification(budget: Budget, seeds: Sequence[int]) -> list[Job]:
    """Seven classes; divided by lesion, and by image as the projects do it."""
    table, title = "ham-classification", "classifier"
    protocols: tuple[Protocol, ...] = ("by lesion", "by image")
    return [_ham(budget, s, kind="scratch", table=table, title=title, protocol=p) for p in protocols for s in seeds]


def ham_segmentation(budget: Budget, seeds: Sequence[int]) -> list[Job]:
    """Lesion masks."""
    return [_ham(budget, s, kind="unet", table="ham-segmentation", title="U-Net") for s in seeds]


def ham_multitask(budget: Budget, seeds: Sequence[int]) -> list[Job]:
    """Class and mask from one model, and the two models that do one of it: these are runs of the other tables."""
    both = [_ham(budget, s, kind="multitask", table="ham-multitask", title="multi-task model") for s in seeds]
    classes = [job for job in ham_classification(budget, seeds) if job.protocol == "by lesion"]
    return [*both, *classes, *ham_segmentation(budget, seeds)]


def _pretraining(budget: Budget) -> Job:
    recipe = skinzoo.Recipe(
        PRETRAINING,
        "in-domain pre-training",
        dataset="ham10000",
        model=f"{budget.transfer_backbone}_scratch",
        train=replace(budget.pretraining, seed=PRETRAINING_SEED),
        model_options={"backbone_weights": None, "image_size": budget.nine_size, "dropout": 0.2},
        fractions=(0.8, 0.1, 0.1),
    )
    title = f"pre-training on HAM10000 ({budget.transfer_backbone}, {budget.nine_size} px)"
    return Job("isic9", f"{PRETRAINING}{_suffix(budget)}-seed{PRETRAINING_SEED}", title, "pre-training", recipe)


def isic9(budget: Budget, seeds: Sequence[int]) -> list[Job]:
    """Nine classes: the four models of the project, with and without the contradictory pictures."""
    first, net = _pretraining(budget), budget.transfer_backbone
    models = {
        "simple_cnn": "simple CNN, from random weights",
        f"{net}_scratch": f"{net}, from random weights",
        f"{net}_head": f"{net}, in-domain start, head alone",
        f"{net}_finetuned": f"{net}, in-domain start, all of it",
    }
    protocols: dict[str, Protocol] = {"kept": "contradictions kept", "removed": "contradictions removed"}
    jobs = [first]
    for word, protocol in protocols.items():
        for model, title in models.items():
            options: dict[str, Any] = {"image_size": budget.nine_size}
            if model != "simple_cnn":
                options |= {"head": "mlp", "backbone_weights": None}
            needs = first.name if model.endswith(("_head", "_finetuned")) else ""
            for seed in seeds:
                recipe = skinzoo.Recipe(
                    f"isic9-{word}",
                    title,
                    dataset="isic9",
                    model=model,
                    train=replace(budget.nine, seed=seed),
                    dataset_options={"conflicts": "keep" if word == "kept" else "drop"},
                    model_options=options,
                    fractions=(0.7, 0.2, 0.1),
                )
                name = f"{word}-{model}{_suffix(budget)}-seed{seed}"
                jobs.append(Job("isic9", name, f"{title} ({budget.nine_size} px)", protocol, recipe, needs))
    return jobs


def transfer(budget: Budget, seeds: Sequence[int]) -> list[Job]:
    """The ResNet runs on the nine classes without contradictions: three ways to start; and the pre-training."""
    jobs = isic9(budget, seeds)
    return [j for j in jobs if j.recipe.model != "simple_cnn" and j.protocol != "contradictions kept"]


TABLES = {
    "ham-classification": ham_classification,
    "ham-segmentation": ham_segmentation,
    "ham-multitask": ham_multitask,
    "isic9": isic9,
    "transfer": transfer,
}
DEFAULT_SEEDS = {"ham-classification": (42, 43, 44)}


def make_jobs(table: str, budget: Budget, seeds: Sequence[int] | None) -> list[Job]:
    """The runs of a table, those first that others start from."""
    chosen = tuple(seeds) if seeds else (42,) if budget.name == "smoke" else DEFAULT_SEEDS.get(table, (42,))
    return TABLES[table](budget, chosen)


def _suffix(budget: Budget) -> str:
    return "" if budget.name == "cpu" else f"-{budget.name}"
