"""Builds the tables of the documentation from the code.

`{{ models }}` on a page becomes a table of a registry, `{{ about skinzoo.metrics.ranking }}` what a module says of
itself, `{{ help predict }}` what `skinzoo predict --help` says.
"""

import inspect
import re
from importlib import import_module

import collection_tables as collections
import registry_tables as registries
from counts import counts
from floors import architecture
from weight_tables import bundled, weights

from skinzoo.cli.parsing import parser_of


def on_page_markdown(markdown: str, **_: object) -> str:
    """Replace every placeholder by its table (called by MkDocs)."""
    for name, build in TABLES.items():
        placeholder = f"{{{{ {name} }}}}"
        if placeholder in markdown:
            markdown = markdown.replace(placeholder, build())
    markdown = re.sub(r"{{ help (\w+) }}", lambda found: command_help(found[1]), markdown)
    return re.sub(r"{{ about ([\w.]+) }}", lambda found: about(found[1]), markdown)


def command_help(name: str) -> str:
    """What `skinzoo <name> --help` says."""
    return f"```text\n{parser_of(name).format_help().strip()}\n```"


def about(module: str) -> str:
    """A module's docstring, which is Markdown, without its first line."""
    return (inspect.getdoc(import_module(module)) or "").partition("\n\n")[2]


TABLES = {
    "architecture": architecture,
    "bundled": bundled,
    "counts": counts,
    "weights": weights,
    "collections": collections.collections,
    "collection_details": collections.collection_details,
    "downloadable": collections.downloadable,
    "models": registries.models,
    "codes": registries.codes,
    "label_spaces": registries.label_spaces,
    "diagnoses": registries.diagnoses,
    "losses": registries.losses,
    "augmentations": registries.augmentations,
    "recipes": registries.recipes,
}
