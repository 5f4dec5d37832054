"""What the pages say of collections, from what each declares."""

import inspect
import re
from collections.abc import Mapping

from markdown_table import code_list, prose, table

import skinzoo
from skinzoo.datasets import DATASETS, DatasetInfo
from skinzoo.datasets.catalogue import DatasetEntry


def collections() -> str:
    """Every collection, a row each."""
    rows = []
    for name in skinzoo.list_datasets():
        entry = DATASETS[name]
        info = entry.info
        rows.append(
            [
                f"[`{name}`](#{name})",
                f"{info.num_images:,}" if info.num_images else "any",
                number_of_classes(info),
                "yes" if info.has_masks else "no",
                "image, or a column" if "group" in entry.options else info.group,
                info.modality or ("any" if entry.needs_files else "painted"),
                re.split("[;:,]", info.licence)[0] or "yours",
            ]
        )
    return table(["name", "images", "classes", "masks", "split by", "pictures", "licence"], rows)


def number_of_classes(info: DatasetInfo) -> str:
    """How many classes, as far as that is known beforehand."""
    if info.label_space is None:
        return "yours"
    return str(len(info.label_space)) if info.class_counts or not info.num_images else "none"


def collection_details() -> str:
    """Every collection, a section each."""
    return "\n\n".join(section(DATASETS[name]) for name in skinzoo.list_datasets())


def section(entry: DatasetEntry) -> str:
    """What is declared about a collection, and what its function and its module say."""
    info = entry.info
    told, options = split_docstring(inspect.getdoc(entry.open) or "")
    remarks = (inspect.getdoc(inspect.getmodule(entry.open)) or "").split("\n\n")[1:]
    blocks = [f"### {info.name} {{ #{info.name} }}", f"**{info.title}.**", *map(prose, [*told[1:], *remarks])]
    if options := {name: text for name, text in options.items() if name not in ("root", "checks")}:
        blocks.append("Options:\n\n" + "\n".join(f"- `{name}`: {prose(text)}" for name, text in options.items()))
    if info.tree:
        blocks.append(f"```text\n{info.tree.rstrip()}\n```")
    return "\n\n".join([*blocks, facts(entry)])


def split_docstring(text: str) -> tuple[list[str], Mapping[str, str]]:
    """The paragraphs of a docstring before its sections, and what it says about each argument."""
    body, _, rest = text.partition("\n\nArgs:\n")
    paragraphs = [" ".join(p.split()) for p in body.partition("\n\nRaises:\n")[0].split("\n\n")]
    arguments: dict[str, str] = {}
    for line in rest.partition("\n\n")[0].splitlines():
        if found := re.match(r"    (\w+): (.*)", line):
            name = found[1]
            arguments[name] = found[2]
        elif line:
            arguments[name] += f" {line.strip()}"
    return paragraphs, arguments


def facts(entry: DatasetEntry) -> str:
    """A collection's declared facts, as a list."""
    info = entry.info
    rest = [column for column in info.metadata if column not in info.leaky]
    parts = ", ".join(f"`{name}` {n:,}" for name, n in info.parts.items())
    lines = {
        "Images": f"{info.num_images:,}" + (f" ({parts})" if parts else "") if info.num_images else "",
        "Classes": classes(info),
        "A split keeps together": kept_together(entry),
        "Metadata": code_list(rest),
        "Metadata that give the diagnosis away": leaky(info),
        "Ids": f"those of `{info.namespace}`: one id means one picture in all collections that have them"
        if info.namespace
        else "",
        "Licence of the images": prose(info.licence),
        "How to get it": how_to_get(info) if entry.needs_files else "nothing to get: it is painted on demand",
        "Cite": prose(info.citation),
    }
    return "\n".join(f"- **{what}:** {text}" for what, text in lines.items() if text)


def kept_together(entry: DatasetEntry) -> str:
    """What a split of a collection never separates."""
    if "group" in entry.options:
        return "images of one value of the column `group`"
    if entry.info.group == "image":
        return "nothing; neither lesions nor patients are known"
    return f"images of one {entry.info.group}"


def leaky(info: DatasetInfo) -> str:
    """Columns that give the diagnosis away, those of one reason together."""
    reasons = dict.fromkeys(info.leaky.values())
    return "; ".join(f"{code_list(c for c, why in info.leaky.items() if why == r)} ({prose(r)})" for r in reasons)


def classes(info: DatasetInfo) -> str:
    """A collection's classes, each with its number of images where it is known."""
    if info.label_space is None or (info.num_images and not info.class_counts):
        return ""
    listed = []
    for code in info.class_counts or info.label_space:
        title = info.label_space.title(code)
        number = f"{info.class_counts[code]:,}" if info.class_counts else ""
        listed.append(" ".join(filter(None, [f"`{code}`", title if title != code else "", number])))
    return "; ".join(listed)


def how_to_get(info: DatasetInfo) -> str:
    """How to get a collection, in one paragraph."""
    ways = []
    if info.downloads:
        ways.append(f'`skinzoo.load_dataset("{info.name}", download=True)` fetches it')
    if info.homepage:
        ways.append(f"<{info.homepage}>")
    if info.access:
        command, _, rest = info.access.partition("   ")
        ways.append(f"`{command}` {rest}".strip() if command.startswith("kaggle ") else prose(info.access))
    return "; ".join(ways)


def downloadable() -> str:
    """Collections of which files may be fetched."""
    return code_list(name for name in skinzoo.list_datasets() if skinzoo.dataset_info(name).downloads)
