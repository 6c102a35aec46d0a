"""Test that a job depends on exactly the behaviour of its code and the versions of the packages that it imports."""

import ast
import subprocess
import sys
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

from tests.conftest import ROOT
from untold.study import tracking
from untold.study.tracking import code_digest, local_imports, pins

FILES = {
    "scripts/__init__.py": "",
    "scripts/job.py": "import os\nimport numpy as np\nfrom untold.lib.a import x\nfrom untold.lib import b\n",
    "scripts/other.py": "import untold.lib.a\n",
    "untold/__init__.py": "",
    "untold/lib/__init__.py": "",
    "untold/lib/a.py": '"""Of a."""\n\nx = 1\n',
    "untold/lib/b.py": "def f():\n    from untold.lib.c import y\n    return y\n",
    "untold/lib/c.py": "from PIL import Image\nfrom untold.lib import a, b\ny = 2  # and round again\n",
    "untold/lib/unused.py": "import torch\nfrom untold.lib import a\n",
    "template.html": "<p>\n",
    "requirements.lock": (
        "numpy==2.4.6 ; python_full_version < '3.12' \\\n    --hash=sha256:00\n    # via scipy, untold (a.toml)\n"
        "numpy==2.5.5 ; python_full_version >= '3.12' \\\n    --hash=sha256:01\n    # via scipy, untold (a.toml)\n"
        "openblas==0.3.0 \\\n    --hash=sha256:02\n    # via numpy\n"
        "pillow==12.0.0 \\\n    --hash=sha256:03\n    # via untold (pyproject.toml)\n"
        "torch==2.15.0 \\\n    --hash=sha256:04\n    # via untold (pyproject.toml)\n"
    ),
}


@pytest.fixture
def project(tmp_path):
    for name, text in FILES.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    return tmp_path


def digest_of(project: Path, edits: dict[str, str] | None = None, **more: object) -> str:
    """Compute the digest of the job's script as in a new process, after writing some files."""
    for name, text in (edits or {}).items():
        (project / name).write_text(text)
    for known in (local_imports, tracking._imported, tracking._tree, tracking._meaning, tracking._lock):
        known.cache_clear()
    return code_digest("scripts/job.py", project, **more)


def test_direct_indirect_late_and_circular_imports_are_found(project):
    assert local_imports("scripts/job.py", project) == (
        "scripts/job.py",
        "untold/lib/a.py",
        "untold/lib/b.py",
        "untold/lib/c.py",
    )


def test_a_plain_import_is_found(project):
    assert local_imports("scripts/other.py", project) == ("scripts/other.py", "untold/lib/a.py")


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("untold/lib/a.py", '"""Of a, said in other words."""\n\nx = 1\n'),
        ("untold/lib/a.py", "x = 1\n"),
        ("untold/lib/a.py", "# A comment.\nx = (\n    1\n)\n"),
        ("untold/lib/b.py", 'def f():\n    """Y."""\n    from untold.lib.c import y\n\n    return y\n'),
        ("untold/lib/c.py", "from untold.lib import b, a\n\nfrom PIL import Image\n\ny = 2\n"),
        ("scripts/job.py", "from untold.lib import b\nfrom untold.lib.a import x\nimport numpy as np\nimport os\n"),
        ("untold/lib/unused.py", "import torch\n\nz = 3\n"),
        ("untold/lib/__init__.py", '"""The library."""\n'),
        ("template.html", "<b>\n"),
        ("requirements.lock", FILES["requirements.lock"].replace("torch==2.15.0", "torch==2.16.0")),
        ("requirements.lock", FILES["requirements.lock"].replace("sha256:03", "sha256:13")),
    ],
)
def test_what_does_nothing_changes_nothing(project, name, text):
    before = digest_of(project)
    assert FILES[name] != text
    assert digest_of(project, {name: text}) == before


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("scripts/job.py", FILES["scripts/job.py"] + "x += 1\n"),
        ("untold/lib/a.py", '"""Of a."""\n\nx = 1.0\n'),
        ("untold/lib/b.py", "def f():\n    from untold.lib.c import y\n    return -y\n"),
        ("untold/lib/c.py", "from PIL import Image as ImageFile\nfrom untold.lib import a, b\ny = 2\n"),
        ("untold/lib/c.py", "from untold.lib import a, b\ny = 2\n"),
        ("requirements.lock", FILES["requirements.lock"].replace("numpy==2.5.5", "numpy==2.5.6")),
        ("requirements.lock", FILES["requirements.lock"].replace("openblas==0.3.0", "openblas==0.3.1")),
        ("requirements.lock", FILES["requirements.lock"].replace("pillow==12.0.0", "pillow==12.0.1")),
    ],
)
def test_what_does_something_changes_the_digest(project, name, text):
    before = digest_of(project)
    assert digest_of(project, {name: text}) != before


def test_the_order_of_imports_around_a_statement_counts(project):
    """The second import may depend on a statement between the two."""
    before = digest_of(project, {"untold/lib/a.py": "import os\nx = 1\nimport sys\n"})
    assert digest_of(project, {"untold/lib/a.py": "import sys\nx = 1\nimport os\n"}) != before


def test_descriptions_are_for_people_and_other_texts_are_not(project):
    text = 'x = Field(1, description="One.", title="One")\n'
    before = digest_of(project, {"untold/lib/a.py": text})
    assert digest_of(project, {"untold/lib/a.py": text.replace('"One."', '"1" "."')}) == before
    assert digest_of(project, {"untold/lib/a.py": text.replace('description="One.", ', "")}) == before
    assert digest_of(project, {"untold/lib/a.py": text.replace('title="One"', 'title="Two"')}) != before
    # A computed description may have side effects.
    assert digest_of(project, {"untold/lib/a.py": text.replace('"One."', "words()")}) != before


def test_files_that_a_script_reads_count_by_their_content(project):
    before = digest_of(project, files=["template.html"])
    assert digest_of(project) != before
    assert digest_of(project, {"template.html": "<b>\n"}, files=["template.html"]) != before


def test_versions_can_be_left_out(project):
    before = digest_of(project, pinned=False)
    newer = FILES["requirements.lock"].replace("pillow==12.0.0", "pillow==12.0.1")
    assert digest_of(project, {"requirements.lock": newer}, pinned=False) == before


def test_an_import_without_a_pin_is_an_error_that_names_it(project):
    (project / "untold" / "lib" / "unused.py").write_text("import unheard_of\n")
    with pytest.raises(ValueError, match="unheard-of is missing, needed by untold/lib/unused"):
        pins(["untold/lib/unused.py"], project)


SCRIPTS = sorted(path.relative_to(ROOT).as_posix() for path in (ROOT / "scripts").rglob("*.py"))


@pytest.mark.parametrize("script", SCRIPTS)
def test_our_scripts_import_what_exists(script):
    found = local_imports(script, ROOT)
    assert script in found
    assert all((ROOT / path).is_file() for path in found)
    assert len(code_digest(script, ROOT)) == 64


def test_the_list_is_what_python_loads():
    """Every local module that the interpreter loads for one script is in the list."""
    code = (
        "import runpy, sys; runpy.run_module('scripts.measure_similarity', run_name='loaded')\n"
        "ours = [m.__file__ for n, m in sys.modules.items() if n.startswith(('scripts', 'untold')) and m.__file__]\n"
        "print('\\n'.join(ours))"
    )
    printed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT).stdout
    loaded = {str(Path(line).relative_to(ROOT)) for line in printed.split() if not line.endswith("__init__.py")}
    assert loaded <= set(local_imports("scripts/measure_similarity.py", ROOT))
    assert "untold/similarity/patches.py" in loaded


def test_names_of_distributions_are_those_of_the_installed_packages():
    """Every imported package is looked up in the lock file by the name of the distribution that contains it."""
    packages = packages_distributions()
    for path in [*(ROOT / "scripts").rglob("*.py"), *(ROOT / "untold").rglob("*.py")]:
        for name in {name.split(".")[0] for name in tracking._imported(path)} - sys.stdlib_module_names:
            if name not in tracking.OURS:
                held = {found.lower().replace("_", "-") for found in packages[name]}
                assert tracking.DISTRIBUTIONS.get(name, name.lower().replace("_", "-")) in held, (path, name)


def test_no_code_reads_its_docstrings():
    """Docstrings are not part of the digest, so no result of a job may depend on them; documents may."""
    for path in [*(ROOT / "scripts").glob("*.py"), *(ROOT / "untold").rglob("*.py")]:
        names = {node.attr for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Attribute)}
        assert "__doc__" not in names, path
