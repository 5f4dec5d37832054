"""A model card with an answer to every question, and models with a record and a report on a drawn collection."""

from __future__ import annotations

from typing import Any

import numpy as np

import skinzoo
from skinzoo.evaluation import record_training
from skinzoo.evaluation.inference import Outcome
from skinzoo.evaluation.scoring import _facts
from skinzoo.models import SkinModel
from skinzoo.publishing import ModelCard
from skinzoo.publishing.answers import truths

ANSWERS: dict[str, Any] = {
    "title": "Drawn lesions, a demonstration",
    "version": "1.0",
    "authors": ["The skinzoo developers"],
    "contact": "https://example.org/skinzoo/issues",
    "citation": "@misc{drawn, title = {Drawn lesions}, year = {2026}}",
    "licence": "mit",
    "intended_task": "To try skinzoo without any download. The answer tells nothing about any lesion.",
    "intended_users": "Developers who try the library.",
    "modality": "Drawn pictures that look a little like dermoscopy.",
    "target_population": "Nobody: no human skin was photographed.",
    "out_of_scope": ["Every use on photographs of skin.", "Every decision about a person."],
    "data_sources": "Painted by skinzoo's synthetic collection, seed 0; chosen because everybody has it.",
    "data_dates": "Painted in 2026.",
    "data_sites": "None: painted on a computer.",
    "data_devices": "None: painted on a computer.",
    "inclusion_exclusion": "All pictures that were painted; none was left out.",
    "excluded_classes": "Every diagnosis but the seven of ISIC 2018.",
    "demographics": "not available",
    "skin_tone": "Three tones of the background, drawn at random.",
    "skin_tone_assessment": "not available",
    "artefacts": "Drawn hairs on a third of the pictures.",
    "preprocessing": "none",
    "synthetic_data": "All of it.",
    "duplicates": "Two views of a lesion are in one part, by lesion id.",
    "missing_data": "Nothing is missing: every picture has a class and a mask.",
    "sample_size": "Chosen so that it trains in two minutes; not enough for any claim.",
    "annotators": "None: the program knows what it painted.",
    "pretraining": "none",
    "loss": "Cross-entropy.",
    "training_procedure": "Not trained: the weights are random, seed 0.",
    "selection_rule": "None was needed: there is one set of weights.",
    "seeds": 0,
    "compute": "One CPU core, seconds.",
    "baseline": "Chance: a balanced accuracy of 1/7 with seven classes.",
    "fairness": "The drawn metadata are random, so that no group can be disadvantaged but by chance.",
    "out_of_distribution": "Photographs get an answer as sure as drawings do; the answer means nothing.",
    "no_external_test": "There is no other collection of drawn lesions, so nothing is known beyond this one.",
    "limits": "Figures on drawings say nothing about photographs.",
    "known_biases": "Colours decide the class, far more than they do on skin.",
    "expected_harms": "Somebody could take an answer seriously; the card and the page say not to.",
    "code_access": "https://example.org/skinzoo",
    "data_access": "Everybody: the collection is painted by the library.",
}


def answers(model: SkinModel, **changes: Any) -> dict[str, Any]:
    """Plain values of a complete card of a model; a change of None leaves the field empty."""
    truth = {name: f"Painted so: {title}; no histopathology." for name, title in truths(model).items()}
    return {name: value for name, value in {**ANSWERS, "ground_truth": truth, **changes}.items() if value is not None}


def carded(model: SkinModel, **changes: Any) -> ModelCard:
    """A complete card of a model."""
    return ModelCard.from_dict(answers(model, **changes))


def drawn_parts(num_images: int = 168, size: int = 32) -> tuple[skinzoo.SkinDataset, ...]:
    """Train, val and test of a drawn collection."""
    return skinzoo.load_dataset("synthetic", num_images=num_images, size=size).split((0.4, 0.2, 0.4), seed=0)


def made_up_report(model: SkinModel, test: skinzoo.SkinDataset, seed: int = 0) -> skinzoo.Report:
    """A report as `evaluate` gives it, with answers drawn at random: the model is not run."""
    rng = np.random.default_rng(seed)
    labels, n = test.records.labels, len(test)
    space, logits, probabilities = model.label_space, None, None
    if space is not None:
        logits = rng.normal(size=(n, len(space))) + 2.0 * (labels[:, None] == np.arange(len(space)))
        probabilities = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    counts, rows = None, np.zeros(0, np.int64)
    if model.task.has_masks:
        truth = rng.integers(50, 200, n)
        overlap = (truth * rng.uniform(0.5, 1, n)).astype(np.int64)
        counts, rows = np.stack([overlap, truth, overlap + rng.integers(0, 60, n)], axis=1), np.arange(n)
    outcome = Outcome(
        ids=test.records.ids.tolist(),
        labels=labels.astype(np.int64),
        logits=logits,
        probabilities=probabilities,
        mask_counts=counts,
        mask_rows=rows,
        loss_sums={},
        loss=None,
        classes=space.classes if space else (),
    )
    return skinzoo.Report(
        title=f"{model.config.architecture} on {test.name}",
        facts=_facts(model, test, outcome, None),
        label_space=space,
        outcome=outcome,
        groups=test.records.groups,
        metadata={k: v for k, v in test.records.metadata.items() if k not in test.info.leaky},
        operating_points=model.operating_points,
        resampling=skinzoo.Resampling(resamples=200),
    )


def recorded(model: SkinModel, parts: tuple[skinzoo.SkinDataset, ...]) -> SkinModel:
    """The model, with a record of a training on the first two parts."""
    model.training_record = record_training(*parts[:2])
    return model
