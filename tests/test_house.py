"""The house: imports without cycles, what is public documented and typed, small files, nothing left over.

Everything is read from the source by its syntax; nothing is imported. Public is what a package lists in `__all__`, and
the public methods of its classes.
"""

import ast
import importlib.util
import re
from collections import Counter
from pathlib import Path

import pytest

ROOT = Path(importlib.util.find_spec("skinzoo").origin).parent
MOST_LINES, MOST_LINES_OF_A_FUNCTION = 450, 100
FUNCTION = (ast.FunctionDef, ast.AsyncFunctionDef)
DEFINITION = (*FUNCTION, ast.ClassDef)


def module_name(path: Path) -> str:
    parts = path.relative_to(ROOT.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


SOURCE = {path: path.read_text("utf-8") for path in sorted(ROOT.rglob("*.py"))}
TREE = {module_name(path): ast.parse(text) for path, text in SOURCE.items()}
PACKAGES = [module_name(path) for path in SOURCE if path.name == "__init__.py"]


def top_level(tree: ast.Module) -> dict[str, ast.stmt]:
    """What a module defines, by name."""
    found: dict[str, ast.stmt] = {}
    for node in tree.body:
        targets = node.targets if isinstance(node, ast.Assign) else [getattr(node, "target", None)]
        names = [node.name] if isinstance(node, DEFINITION) else [t.id for t in targets if isinstance(t, ast.Name)]
        found |= dict.fromkeys(names, node)
    return found


DEFINED = {module: top_level(tree) for module, tree in TREE.items()}


# --- imports ---------------------------------------------------------------------------------------------------------


def imports_of(module: str) -> set[str]:
    """Modules of skinzoo that are imported as soon as this one is; not what is imported for the type checker alone."""
    found: set[str] = set()
    todo = list(TREE[module].body)
    while todo:
        node = todo.pop()
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            inner = {f"{node.module}.{alias.name}" for alias in node.names}
            found |= {name if name in TREE else node.module for name in inner}
        elif isinstance(node, ast.If):
            todo += node.orelse + ([] if ast.unparse(node.test) == "TYPE_CHECKING" else node.body)
        elif isinstance(node, ast.Try):
            todo += [*node.body, *node.orelse, *node.finalbody, *(s for h in node.handlers for s in h.body)]
    return (found & TREE.keys()) - {module}


def test_no_import_comes_back_to_where_it_began():
    done: set[str] = set()

    def visit(module: str, above: tuple[str, ...]) -> None:
        assert module not in above, " -> ".join((*above[above.index(module) :], module))
        if module not in done:
            for other in sorted(imports_of(module)):
                visit(other, (*above, module))
            done.add(module)

    for module in TREE:
        visit(module, ())


# --- what is public --------------------------------------------------------------------------------------------------


def home_of(module: str, name: str) -> str:
    """The module that defines what `module` offers as `name`."""
    if name in DEFINED[module]:
        return module
    for node in ast.walk(TREE[module]):
        if isinstance(node, ast.ImportFrom) and node.module in TREE:
            for alias in node.names:
                if (alias.asname or alias.name) == name:
                    return home_of(node.module, alias.name)
    raise AssertionError(f"{module} lists {name!r}, which it neither defines nor imports")


def is_setter(method: ast.FunctionDef) -> bool:
    """True for the setter of a property, which has the words of its getter."""
    return any(isinstance(d, ast.Attribute) and d.attr == "setter" for d in method.decorator_list)


def public_functions() -> dict[str, tuple[ast.stmt, str]]:
    """Public functions, classes and methods by name, each with its docstring; of `__init__`, that of the class."""
    found: dict[str, tuple[ast.stmt, str]] = {}
    for package in PACKAGES:
        names = ast.literal_eval(DEFINED[package]["__all__"].value) if "__all__" in DEFINED[package] else []
        for name in names:
            if f"{package}.{name}" in TREE:  # a module
                continue
            home = home_of(package, name)
            node = DEFINED[home][name]
            if not isinstance(node, DEFINITION):
                continue
            doc = ast.get_docstring(node) or ""
            found[f"{home}.{name}"] = node, doc
            for method in node.body if isinstance(node, ast.ClassDef) else ():
                if not isinstance(method, FUNCTION) or is_setter(method):
                    continue
                if method.name in ("__init__", "__post_init__"):
                    found[f"{home}.{name}.{method.name}"] = method, doc
                elif not method.name.startswith("_"):
                    found[f"{home}.{name}.{method.name}"] = method, ast.get_docstring(method) or ""
    return found


PUBLIC = public_functions()


def raised(body: list[ast.AST], caught: frozenset[str] = frozenset()) -> set[str]:
    """Names of the errors that statements raise themselves and do not catch."""
    found: set[str] = set()
    for node in body:
        if isinstance(node, (*DEFINITION, ast.Lambda)):
            continue
        if isinstance(node, ast.Raise) and node.exc is not None:
            error = node.exc.func if isinstance(node.exc, ast.Call) else node.exc
            found |= {ast.unparse(error)} - caught
        if isinstance(node, ast.Try):
            types = [n for h in node.handlers if h.type for n in ast.walk(h.type)]
            found |= raised(node.body, caught | {n.id for n in types if isinstance(n, ast.Name)})
            found |= raised([*node.orelse, *node.finalbody, *(s for h in node.handlers for s in h.body)], caught)
        else:
            found |= raised(list(ast.iter_child_nodes(node)), caught)
    return {name for name in found if name[:1].isupper()}


def test_there_is_something_public():
    assert len(PUBLIC) > 400
    assert {"skinzoo.models.factory.create_model", "skinzoo.datasets.base.SkinDataset.split"} <= PUBLIC.keys()


@pytest.mark.parametrize("name", sorted(PUBLIC))
def test_public_things_are_documented_and_typed(name):
    node, doc = PUBLIC[name]
    assert doc, "no docstring"
    if isinstance(node, FUNCTION):
        a = node.args
        own = [*a.posonlyargs, *a.args, *a.kwonlyargs, *(x for x in (a.vararg, a.kwarg) if x is not None)]
        assert not [x.arg for x in own if x.annotation is None and x.arg not in ("self", "cls")], "without a type"
        assert node.returns is not None, "without the type of what it returns"
        section = re.search(r"^Raises:\n((?:[ \t]+.*\n?|\n)+)", doc, re.MULTILINE)
        told = set(re.findall(r"^ +(\w+):", section[1], re.MULTILINE)) if section else set()
        assert raised(node.body) <= told, f"its docstring says nothing of {raised(node.body) - told}"


# --- size, and what is left over -------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", SOURCE, ids=lambda path: str(path.relative_to(ROOT)))
def test_files_and_functions_are_small(path):
    assert SOURCE[path].count("\n") <= MOST_LINES, "split the file"
    for node in ast.walk(TREE[module_name(path)]):
        if isinstance(node, FUNCTION):
            lines = node.end_lineno - node.lineno + 1
            assert lines <= MOST_LINES_OF_A_FUNCTION, f"{node.name} has {lines} lines; split it"


def names_in(tree: ast.AST) -> Counter[str]:
    """How often each name is used: read, imported, or written as a text, as `getattr` takes it."""
    used: Counter[str] = Counter()
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
            used[node.id] += 1
        elif isinstance(node, ast.Attribute):
            used[node.attr] += 1
        elif isinstance(node, ast.alias):
            used[node.name] += 1
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value.isidentifier():
            used[node.value] += 1
    return used


def is_handed_on(node: ast.AST) -> bool:
    """True for a function or class that a decorator may give to somebody, such as a registry."""
    plain = {"cache", "cached_property", "classmethod", "contextmanager", "dataclass", "lru_cache", "property"}
    names = {ast.unparse(d).partition("(")[0].rpartition(".")[2] for d in getattr(node, "decorator_list", [])}
    return bool(names - {*plain, "no_grad", "staticmethod"})


def test_nothing_private_is_left_over():
    used = sum((names_in(tree) for tree in TREE.values()), Counter())
    left = []
    for module, defined in DEFINED.items():
        classes = [node for node in defined.values() if isinstance(node, ast.ClassDef)]
        methods = {m.name: m for node in classes for m in node.body if isinstance(m, FUNCTION)}
        for name, node in (defined | methods).items():
            own = names_in(node)[name] if isinstance(node, DEFINITION) else 0  # a function that calls itself
            private = name.startswith("_") and not name.endswith("_")
            if private and used[name] <= own and not is_handed_on(node):
                left.append(f"{module}.{name}")
    assert not left
