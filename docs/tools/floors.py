"""The picture of the architecture: floors and their rooms, read from the code and from the test that guards them."""

import ast
from html import escape
from pathlib import Path

ROOT = Path(__file__).parents[2]
TITLES = (
    ("0", "errors, names, types", "the standard library only"),
    ("1", "files, pixels, the Hub", "knows nothing of networks"),
    ("2", "building blocks", "none imports another"),
    ("", "inputs", "what people hand in"),
    ("3", "orchestration", "is given objects, builds none"),
    ("4", "programs", "what people start"),
)
"""Number, name and rule of each floor, from below."""


def floors() -> list[set[str]]:
    """The rooms of each floor, from below, as the test of the imports has them."""
    tree = ast.parse((ROOT / "tests" / "test_package.py").read_text("utf-8"))
    found = (
        node.value
        for node in tree.body
        if isinstance(node, ast.Assign) and isinstance(node.targets[0], ast.Name) and node.targets[0].id == "FLOORS"
    )
    return ast.literal_eval(next(found))


def purpose(room: str) -> str:
    """The first line of a room's docstring."""
    path = ROOT / "skinzoo" / room
    source = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
    text = ast.get_docstring(ast.parse(source.read_text("utf-8"))) or ""
    return text.partition("\n")[0].replace("`", "")


def architecture() -> str:
    """The picture, as HTML that the style sheet lays out: the highest floor first."""
    rows = []
    for (number, title, rule), rooms in zip(reversed(TITLES), reversed(floors()), strict=True):
        boxes = "".join(
            f'<div class="room"><code>{room}</code><span>{escape(purpose(room))}</span></div>' for room in sorted(rooms)
        )
        name = f"{number} · {title}" if number else title
        head = f'<div class="floor-name"><strong>{name}</strong><span>{rule}</span></div>'
        rows.append(f'<div class="floor">{head}<div class="rooms">{boxes}</div></div>')
    return f'<div class="floors">{"".join(rows)}</div>'
