"""How much of everything there is, for the first page."""

import skinzoo
from skinzoo.losses import LOSSES


def counts() -> str:
    """A row of figures, each with where to read on."""
    tiles = [
        (len(skinzoo.list_models()), "models, and every timm backbone", "guides/models/"),
        (len(skinzoo.list_datasets()), "collections", "guides/collections/"),
        (len(list(LOSSES)), "losses", "guides/training/#losses"),
        (len(skinzoo.list_recipes()), "recipes", "guides/training/#recipes"),
        (len(skinzoo.list_corruptions()), "corruptions", "guides/robustness/"),
    ]
    boxes = "".join(f'<a class="count" href="{link}"><strong>{n}</strong>{what}</a>' for n, what, link in tiles)
    return f'<div class="counts">{boxes}</div>'
