"""Which local modules a script imports: the code that a rule's output depends on."""

import ast
import os
import sys
from functools import cache
from pathlib import Path


@cache
def local_imports(script: str, root: str = ".") -> tuple[str, ...]:
    """The script and every local module it imports, directly or not, as sorted paths relative to ``root``.

    Parameters
    ----------
    script : str
        Path of a Python file, relative to ``root``.

    Notes
    -----
    Follows ``import scripts.x`` and ``from scripts.x import y`` anywhere in a file, so also inside functions.
    """
    found: set[str] = set()
    queue = [script]
    while queue:
        path = queue.pop()
        if path in found:
            continue
        found.add(path)
        for name in _imported(ast.parse(Path(root, path).read_text(encoding="utf-8"))):
            candidate = Path(*name.split(".")).with_suffix(".py")
            if Path(root, candidate).is_file():
                queue.append(candidate.as_posix())
    return tuple(sorted(found))


def prefer_this_interpreter() -> None:
    """Let ``python`` in a job's shell be the one that runs now, also when its environment is not activated."""
    os.environ["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])


def _imported(tree: ast.AST) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            names |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return names
