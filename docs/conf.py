"""The documentation site: `make site` builds it from these files, without a network."""

import re
import shutil
import sys
import tomllib
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

project = "Untold"
author = "Untold contributors"
version = release = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"]

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
exclude_patterns = ["_build"]

myst_enable_extensions = ["dollarmath"]
myst_heading_anchors = 3

autodoc_default_options = {"members": True}
autodoc_member_order = "bysource"
autodoc_typehints = "none"  # numpydoc says the types, with shapes
napoleon_google_docstring = False
napoleon_use_rtype = False

html_theme = "furo"
html_title = f"Untold {release}"

# Files outside docs/ that are pages of the site; a forge shows them where they are.
PAGES = {
    "config/README.md": "configuration.md",
    "benchmarks/README.md": "benchmarks.md",
    "resources/miniature/README.md": "miniature-record.md",
    "CONTRIBUTING.md": "contributing.md",
    "CHANGELOG.md": "changelog.md",
}


def lead_to_pages(app, docname: str, source: list[str]) -> None:
    """Links that leave docs/ for a file that is a page lead to the page."""
    for file, page in PAGES.items():
        source[0] = re.sub(rf"\]\(((?:\.\./)*)\.\./{re.escape(file)}", rf"](\1{page}", source[0])


def write_api(app) -> None:
    """A page for every package of the library, with the docstrings of its modules."""
    folder = Path(app.srcdir, "_api")
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    modules = sorted(path.relative_to(ROOT).with_suffix("") for path in (ROOT / "untold").rglob("*.py"))
    pages: dict[str, list[str]] = {}
    for module in modules:
        names = [name for name in module.parts if name != "__init__"]
        pages.setdefault(".".join(names[:2]), []).append(".".join(names))
    for package, members in pages.items():
        blocks = [f"{package}\n{'=' * len(package)}", f".. automodule:: {package}"]
        for name in members[1:]:
            blocks += [f"{name}\n{'-' * len(name)}", f".. automodule:: {name}"]
        (folder / f"{package}.rst").write_text("\n\n".join(blocks) + "\n")


def setup(app) -> None:
    app.connect("builder-inited", write_api)
    app.connect("source-read", lead_to_pages)
