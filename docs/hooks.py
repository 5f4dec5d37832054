"""Builds the tables of the documentation from the registries: `{{ models }}` on a page becomes a table."""

from collections.abc import Iterable

import skinzoo
from skinzoo.losses import LOSSES
from skinzoo.transforms import AUGMENTATIONS


def on_page_markdown(markdown: str, **_: object) -> str:
    """Replace every placeholder by its table (called by MkDocs)."""
    for name, build in TABLES.items():
        placeholder = f"{{{{ {name} }}}}"
        if placeholder in markdown:
            markdown = markdown.replace(placeholder, build())
    return markdown


def table(head: Iterable[str], rows: Iterable[Iterable[object]]) -> str:
    """A Markdown table."""
    head = list(head)
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join("| " + " | ".join(str(cell) for cell in line) + " |" for line in lines)


def models() -> str:
    """Every model of the zoo."""
    rows = []
    for name in skinzoo.list_models():
        entry = skinzoo.model_info(name)
        rows.append([f"`{name}`", entry.task, entry.summary, ", ".join(f"`{o}`" for o in entry.options)])
    return table(["name", "task", "what it is", "its options"], rows)


def collections() -> str:
    """Every collection."""
    rows = []
    for name in skinzoo.list_datasets():
        info = skinzoo.dataset_info(name)
        classes = len(info.label_space) if info.label_space else "from the folders"
        count = f"{info.num_images:,}" if info.num_images else "any"
        rows.append(
            [f"`{name}`", info.title, count, classes, "yes" if info.has_masks else "no", info.group, info.licence]
        )
    return table(["name", "collection", "images", "classes", "masks", "split by", "licence of the images"], rows)


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


TABLES = {
    "models": models,
    "collections": collections,
    "losses": losses,
    "augmentations": augmentations,
    "recipes": recipes,
}
