"""Finds code that could run what it loads, by reading it."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from typing import NamedTuple

MODULES = {
    *("pickle", "_pickle", "cPickle", "pickle5", "joblib", "dill", "cloudpickle", "marshal", "shelve", "runpy", "imp"),
    *("torch.hub", "torch.package", "torch.utils.model_zoo"),
}
"""Not to be imported."""

NAMES = {
    *("builtins.eval", "builtins.exec", "builtins.__import__", "eval", "exec", "__import__"),
    *("yaml.load", "yaml.load_all", "yaml.full_load", "yaml.full_load_all", "yaml.unsafe_load", "yaml.unsafe_load_all"),
    *("yaml.Loader", "yaml.FullLoader", "yaml.UnsafeLoader", "yaml.CLoader", "yaml.CFullLoader", "yaml.CUnsafeLoader"),
    *("torch.jit.load", "torch.serialization.load", "torch.export.load", "torch.load"),
    *("torch.serialization.add_safe_globals", "torch.serialization.safe_globals"),
    *("importlib.util.spec_from_file_location", "importlib.machinery.SourceFileLoader"),
    *("pandas.read_pickle", "numpy.lib.format.read_array", "timm.models.load_checkpoint"),
}
"""Not to be used, with or without a call."""

READER = "interchange"
"""The one package that may open a pickle, and then as nothing but tensors."""
READER_NAMES = {"torch.serialization.add_safe_globals"}  # to put back what it took away


class Planted(NamedTuple):
    """Something that must not be there.

    Attributes:
        line: Its line.
        what: Its name.
    """

    line: int
    what: str


def dangers(source: str, *, room: str = "", package: bool = False) -> list[Planted]:
    """All uses in a file of what could run code from data.

    Args:
        source: Python.
        room: The package below `skinzoo` that the file is in.
        package: True for a package's `__init__.py`, whose `__getattr__` may import what a table of it names.
    """
    tree = ast.parse(source)
    known = dict(_imported(tree))
    spared = READER_NAMES if room == READER else set()
    found = [Planted(node.lineno, name) for node, name in _modules(tree) if _forbidden(name)]
    lazy = set(_nodes_of_getattr(tree)) if package else set()
    permitted = set(_safe_loads(tree, known)) if room == READER else set()
    for node in ast.walk(tree):
        name = _dotted(node, known)
        if name is not None and _forbidden(name) and name not in spared and node not in permitted:
            found.append(Planted(node.lineno, name))
        if isinstance(node, ast.Call):
            found += _dangers_of_call(node, known, lazy=node in lazy)
        if isinstance(node, ast.Constant) and node.value == "trust_remote_code":
            found.append(Planted(node.lineno, "trust_remote_code"))
    return sorted(set(found))


def _dangers_of_call(call: ast.Call, known: Mapping[str, str], *, lazy: bool) -> Iterator[Planted]:
    name = _dotted(call.func, known) or ""
    first = call.args[0] if call.args else None
    constant = first.value if isinstance(first, ast.Constant) else None
    if name == "importlib.import_module" and not lazy:
        if not isinstance(constant, str):
            yield Planted(call.lineno, "import_module of a name that is not written out")
        elif _forbidden(constant):
            yield Planted(call.lineno, constant)
    if name == "getattr" and len(call.args) > 1 and isinstance(call.args[1], ast.Constant):
        whole = f"{_dotted(call.args[0], known)}.{call.args[1].value}"
        if _forbidden(whole):
            yield Planted(call.lineno, whole)
    for keyword in call.keywords:
        value = keyword.value.value if isinstance(keyword.value, ast.Constant) else None
        if keyword.arg == "trust_remote_code":
            yield Planted(call.lineno, "trust_remote_code")
        if keyword.arg == "allow_pickle" and value is not False:
            yield Planted(call.lineno, "allow_pickle")
        if keyword.arg == "weights_only" and value is not True:
            yield Planted(call.lineno, "weights_only is not True")


def _forbidden(name: str) -> bool:
    parts = name.split(".")
    return name in NAMES or any(".".join(parts[:n]) in MODULES for n in range(1, len(parts) + 1))


def _modules(tree: ast.AST) -> Iterator[tuple[ast.stmt, str]]:
    """Everything that an import statement may name: modules, and members that may be modules."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((node, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            yield node, node.module or ""
            yield from ((node, f"{node.module}.{alias.name}") for alias in node.names)


def _imported(tree: ast.AST) -> Iterator[tuple[str, str]]:
    """What names in the file stand for."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                top = alias.name.split(".")[0]
                yield (alias.asname, alias.name) if alias.asname else (top, top)
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            yield from ((alias.asname or alias.name, f"{node.module}.{alias.name}") for alias in node.names)


def _dotted(node: ast.AST, known: Mapping[str, str]) -> str | None:
    """The full name of what is referred to; None where that cannot be told from the imports."""
    if isinstance(node, ast.Name):
        return known.get(node.id, node.id if node.id in {"eval", "exec", "__import__", "getattr"} else None)
    if isinstance(node, ast.Attribute):
        before = _dotted(node.value, known)
        return None if before is None else f"{before}.{node.attr}"
    return None


def _safe_loads(tree: ast.AST, known: Mapping[str, str]) -> Iterator[ast.AST]:
    """The `torch.load` of calls that say `weights_only=True`."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and _dotted(node.func, known) == "torch.load":
            said = [k.value for k in node.keywords if k.arg == "weights_only"]
            if said and isinstance(said[0], ast.Constant) and said[0].value is True:
                yield node.func


def _nodes_of_getattr(tree: ast.Module) -> Iterator[ast.AST]:
    for node in tree.body:
        if isinstance(node, ast.FunctionDef) and node.name == "__getattr__":
            yield from ast.walk(node)
