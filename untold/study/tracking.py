"""Track a job's code: a digest that changes with what the code does, not with how it is written."""

import ast
import hashlib
import re
import sys
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path

OURS = ("scripts", "untold")
# Distributions whose names differ from those of their packages.
DISTRIBUTIONS = {
    "PIL": "pillow",
    "open_clip": "open-clip-torch",
    "sklearn": "scikit-learn",
    "umap": "umap-learn",
    "yaml": "pyyaml",
}
# They parse the command line and show progress, so their versions do not affect what a job computes.
WITHOUT_SAY = frozenset({"cyclopts", "tqdm"})


def code_digest(script: str, root: Path, files: Iterable[str] = (), *, pinned: bool = True) -> str:
    """Digest of a script's syntax, of all local modules it imports, and of the versions of its dependencies.

    Comments, docstrings, formatting, the order of imports and the ``description`` of a field or catalogue entry
    do not count.

    Parameters
    ----------
    script : str
        Path of a Python file, relative to ``root``.
    root : Path
        The workflow's folder, with ``requirements.lock``.
    files : iterable of str
        Other files that the script reads, such as templates, relative to ``root``; every byte of them counts.
    pinned : bool
        Whether the versions of the imported distributions and their dependencies count.

    Returns
    -------
    str
        Hexadecimal.

    Raises
    ------
    ValueError
        If the code imports a distribution that is not in ``requirements.lock``.

    References
    ----------
    docs/design.md, "What a job depends on".
    """
    whole = hashlib.sha256()
    modules = local_imports(script, root)
    for path in modules:
        whole.update(f"{path}\0{_meaning(root / path)}\n".encode())
    for path in sorted(files):
        whole.update(f"{path}\0{hashlib.sha256((root / path).read_bytes()).hexdigest()}\n".encode())
    if pinned:
        for pin in pins(modules, root):
            whole.update(f"{pin}\n".encode())
    return whole.hexdigest()


@cache
def local_imports(script: str, root: Path) -> tuple[str, ...]:
    """The script and every local module it imports, directly or indirectly, as sorted paths relative to ``root``.

    Follows ``import untold.x`` and ``from untold.x import y`` anywhere in a file, including inside functions.
    """
    found: set[str] = set()
    queue = [script]
    while queue:
        path = queue.pop()
        if path not in found:
            found.add(path)
            queue += [local for name in _imported(root / path) if (local := _local(name, root))]
    return tuple(sorted(found))


def pins(modules: Iterable[str], root: Path) -> list[str]:
    """Lines of ``requirements.lock`` for the distributions that modules import and for all their dependencies.

    Parameters
    ----------
    modules : iterable of str
        Paths relative to ``root``.

    Returns
    -------
    list of str
        ``name==version``, followed by the marker if the lock has one; sorted.
    """
    versions, needs = _lock(root / "requirements.lock")
    queue = sorted({name for path in modules for name in _distributions(root / path)} - WITHOUT_SAY)
    reached: set[str] = set()
    while queue:
        name = queue.pop()
        if name in reached:
            continue
        if name not in versions:
            raise ValueError(
                f"requirements.lock: {name} is missing, needed by {', '.join(modules)}; add it to pyproject.toml"
            )
        reached.add(name)
        queue += needs.get(name, ())
    return sorted(pin for name in reached for pin in versions[name])


@cache
def _lock(path: Path) -> tuple[dict[str, tuple[str, ...]], dict[str, tuple[str, ...]]]:
    """Pins of each distribution (several if they depend on the platform), and the dependencies of each."""
    versions: dict[str, tuple[str, ...]] = {}
    needs: dict[str, tuple[str, ...]] = {}
    entries = re.split(r"^(?=[a-z0-9])", path.read_text(encoding="utf-8"), flags=re.MULTILINE)
    for entry in filter(None, entries):
        pin = entry.split("\\", 1)[0].strip()
        name = pin.split("==", 1)[0]
        versions[name] = (*versions.get(name, ()), pin)
        for parent in re.findall(r"# via (.+)", entry)[0].split(", "):
            needs[parent] = (*needs.get(parent, ()), name)
    return versions, needs


def _distributions(path: Path) -> set[str]:
    """Names of the distributions that a file imports."""
    packages = {name.split(".")[0] for name in _imported(path)} - sys.stdlib_module_names - set(OURS)
    return {DISTRIBUTIONS.get(name, name.lower().replace("_", "-")) for name in packages}


def _local(name: str, root: Path) -> str | None:
    """The file of a local module; None for a name inside a module and for third-party modules."""
    if name.split(".")[0] not in OURS:
        return None
    candidate = Path(*name.split(".")).with_suffix(".py")
    return candidate.as_posix() if (root / candidate).is_file() else None


@cache
def _imported(path: Path) -> frozenset[str]:
    """Dotted names that a file imports; for ``from a import b``, both ``a`` and ``a.b``."""
    names: set[str] = set()
    for node in ast.walk(_tree(path)):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return frozenset(names)


@cache
def _tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


@cache
def _meaning(path: Path) -> str:
    """Digest of a file's syntax tree, without the parts that have no effect."""
    return hashlib.sha256("".join(_tokens(_tree(path))).encode()).hexdigest()


def _tokens(node: object) -> Iterator[str]:
    """The tree as text. Unlike the output of :func:`ast.dump`, it is the same in every version of Python."""
    if isinstance(node, list):
        yield "["
        for part in _statements(node):
            yield from _tokens(part)
            yield ","
        yield "]"
    elif isinstance(node, ast.AST):
        yield f"{type(node).__name__}("
        for name, value in ast.iter_fields(node):
            # Which absent and empty fields are listed differs between versions of Python.
            if value is not None and value != [] and name not in ("ctx", "kind", "type_comment"):
                yield f"{name}="
                yield from _tokens(value)
        yield ")"
    else:
        yield repr(node)


def _statements(nodes: list[object]) -> list[object]:
    """Nodes without standalone strings and descriptions, and with imports in a fixed order."""
    kept: list[object] = []
    imports: list[str] = []
    for node in nodes:
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
            continue
        if isinstance(node, ast.keyword) and node.arg == "description" and _is_text(node.value):
            continue
        if isinstance(node, ast.Import | ast.ImportFrom):
            imports += _lines(node)
            continue
        kept += [*sorted(imports), node]
        imports = []
    return [*kept, *sorted(imports)]


def _lines(node: ast.Import | ast.ImportFrom) -> list[str]:
    """One line for each imported name."""
    start = f"from {node.module} " if isinstance(node, ast.ImportFrom) else ""
    return [f"{start}import {alias.name} as {alias.asname or alias.name}" for alias in node.names]


def _is_text(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, str)
