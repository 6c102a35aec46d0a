"""Test that packages import downward only, and that no ``__init__.py`` hides code from code tracking."""

import ast

import pytest

from tests.conftest import ROOT

# The packages that each package may import besides itself, in the order of docs/design.md.
ALLOWED = {
    "base": set(),
    "catalogue": set(),
    "study": {"base", "catalogue"},
    "data": {"base", "catalogue"},
    "images": {"base"},
    "models": {"base", "study"},
    "synthesis": {"base", "study", "data"},
    "statistics": {"catalogue", "data"},
    "similarity": {"catalogue", "data", "statistics"},
    "judges": {"data", "statistics"},
    "structure": {"data", "statistics"},
    "report": {"base", "catalogue", "data", "images"},
    "miniature": {"base"},
}
MODULES = sorted((ROOT / "untold").rglob("*.py"))


def imported(tree: ast.AST) -> set[str]:
    """Return the project's own packages that a module imports anywhere in its code."""
    names = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, "imports must be absolute, so that they can be read and tracked"
            names.add(node.module)
    return {name.split(".")[1] for name in names if name.startswith("untold.")}


def test_every_package_has_its_place():
    assert {path.parent.name for path in MODULES} == ALLOWED.keys() | {"untold"}


@pytest.mark.parametrize("path", MODULES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_imports_run_downward(path):
    package = path.parent.name
    if package == "untold":
        return
    upward = imported(ast.parse(path.read_text())) - ALLOWED[package] - {package}
    assert not upward, f"{package} may import {sorted(ALLOWED[package])}"


def test_what_is_allowed_has_no_cycle():
    order = list(ALLOWED)
    assert all(order.index(lower) < order.index(upper) for upper, below in ALLOWED.items() for lower in below)


@pytest.mark.parametrize("path", sorted((ROOT / "untold").rglob("__init__.py")), ids=lambda path: path.parent.name)
def test_packages_are_rooms_without_shortcuts(path):
    docstring, *rest = ast.parse(path.read_text()).body
    assert isinstance(docstring, ast.Expr) and isinstance(docstring.value, ast.Constant)
    # Every job imports the package itself, so it must load nothing until a user calls `open_study`.
    allowed = ["typing", "TYPE_CHECKING", "open_study"] if path.parent.name == "untold" else []
    assert [name for node in rest for name in named(node)] == allowed


def named(node: ast.stmt) -> list[str]:
    """Return the names that a statement imports or defines, or the condition of an ``if``."""
    if isinstance(node, ast.If):
        return [node.test.attr]
    return [alias.name for alias in node.names] if isinstance(node, ast.Import | ast.ImportFrom) else [node.name]


FORBIDDEN = {
    "catalogue": {"pandas", "torch", "pyarrow", "matplotlib", "scipy", "sklearn", "numpy"},
    # Planning runs in every Snakemake process and every SLURM job.
    "study": {"pandas", "torch", "pyarrow", "matplotlib", "scipy", "sklearn", "numpy"},
    # The scientific packages use neither files nor figures.
    "statistics": {"pyarrow", "matplotlib", "torch", "pathlib"},
    "similarity": {"pyarrow", "matplotlib", "torch", "pathlib"},
    "judges": {"pyarrow", "matplotlib", "torch", "pathlib"},
    "structure": {"pyarrow", "matplotlib", "torch", "pathlib"},
}


@pytest.mark.parametrize("package", FORBIDDEN)
def test_a_package_stays_light(package):
    for path in (ROOT / "untold" / package).glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module] if isinstance(node, ast.ImportFrom) else []
            heavy = {name.split(".")[0] for name in names} & FORBIDDEN[package]
            assert not heavy, f"{path.relative_to(ROOT)} imports {sorted(heavy)}"


def test_the_library_knows_nothing_of_snakemake():
    for path in MODULES:
        assert "import snakemake" not in path.read_text() and "from snakemake" not in path.read_text(), path


def test_texts_load_no_matplotlib():
    """Pages, tables and headlines need the names of spaces but not the plotting library."""
    for name in ("wording", "numbers", "tables", "headline", "page"):
        tree = ast.parse((ROOT / "untold" / "report" / f"{name}.py").read_text())
        froms = {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
        assert not froms & {"untold.report.figures", "untold.report.style", "matplotlib"}, name
