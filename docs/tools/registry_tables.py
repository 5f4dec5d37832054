"""Tables of the registries."""

from markdown_table import prose, table

import skinzoo
from skinzoo.datasets.integrity import CODES
from skinzoo.losses import LOSSES
from skinzoo.taxonomy import DIAGNOSES, LABEL_SPACES
from skinzoo.transforms import AUGMENTATIONS


def models() -> str:
    """Every model of the zoo."""
    rows = []
    for name in skinzoo.list_models():
        entry = skinzoo.model_info(name)
        task = entry.task or "that of its members"
        rows.append([f"`{name}`", task, entry.summary, ", ".join(f"`{o}`" for o in entry.options)])
    return table(["name", "task", "what it is", "its options"], rows)


def codes() -> str:
    """Every code of an integrity report."""
    rows = [[f"`{name}`", code.severity, prose(code.hint)] for name, code in CODES.items()]
    return table(["code", "severity", "what to do, or what was done"], rows)


def label_spaces() -> str:
    """Every label space."""
    rows = []
    for entry in LABEL_SPACES:
        space = entry.obj
        listed = ", ".join(f"**{c}**" if c in space.malignant else c for c in space)
        rows.append([f"`{space.name}`", len(space), listed])
    return table(["name", "", "classes, malignant ones in bold"], rows)


def diagnoses() -> str:
    """Every elementary diagnosis."""
    return table(["diagnosis", "kind", "what belongs to it"], [[n, d.kind, d.note] for n, d in DIAGNOSES.items()])


def losses() -> str:
    """Every loss."""
    rows = [[f"`{e.name}`", e.facets["task"], (e.obj.__doc__ or "").splitlines()[0]] for e in LOSSES]
    return table(["name", "of", "what it is"], rows)


def augmentations() -> str:
    """Every augmentation preset."""
    return table(
        ["name", "what it does"], [[f"`{e.name}`", (e.obj.__doc__ or "").splitlines()[0]] for e in AUGMENTATIONS]
    )


def recipes() -> str:
    """Every recipe."""
    found = [skinzoo.get_recipe(name) for name in skinzoo.list_recipes()]
    return table(
        ["name", "collection", "model", "what it does"],
        [[f"`{r.name}`", f"`{r.dataset}`", f"`{r.model}`", r.summary] for r in found],
    )
