"""The code that a rule's output depends on is found whole, and no more than that."""

from pathlib import Path

import pytest

from tests.conftest import ROOT
from untold.study.tracking import local_imports


@pytest.fixture
def project(tmp_path):
    files = {
        "scripts/__init__.py": "",
        "scripts/job.py": "import os\nimport numpy as np\nfrom untold.lib.a import x\nfrom untold.lib import b\n",
        "scripts/other.py": "import untold.lib.a\n",
        "untold/__init__.py": "",
        "untold/lib/__init__.py": "",
        "untold/lib/a.py": "x = 1\n",
        "untold/lib/b.py": "def f():\n    from untold.lib.c import y\n    return y\n",
        "untold/lib/c.py": "from untold.lib import a, b\ny = 2  # and round again\n",
        "untold/lib/unused.py": "from untold.lib import a\n",
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    return tmp_path


def test_direct_indirect_late_and_circular_imports_are_found(project):
    assert local_imports("scripts/job.py", str(project)) == (
        "scripts/job.py",
        "untold/lib/a.py",
        "untold/lib/b.py",
        "untold/lib/c.py",
    )


def test_a_plain_import_is_found(project):
    assert local_imports("scripts/other.py", str(project)) == ("scripts/other.py", "untold/lib/a.py")


@pytest.mark.parametrize(
    "script", sorted(path.relative_to(ROOT / "scripts").as_posix() for path in (ROOT / "scripts").rglob("*.py"))
)
def test_our_scripts_import_what_exists(script):
    found = local_imports(f"scripts/{script}", str(ROOT))
    assert f"scripts/{script}" in found
    assert all((ROOT / path).is_file() for path in found)


def test_the_list_is_what_python_loads():
    """Measured on one script: every local module that the interpreter loads is in the list."""
    import subprocess
    import sys

    code = (
        "import runpy, sys; runpy.run_module('scripts.measure_similarity', run_name='loaded')\n"
        "ours = [m.__file__ for n, m in sys.modules.items() if n.startswith(('scripts', 'untold')) and m.__file__]\n"
        "print('\\n'.join(ours))"
    )
    printed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT).stdout
    loaded = {str(Path(line).relative_to(ROOT)) for line in printed.split() if not line.endswith("__init__.py")}
    assert loaded <= set(local_imports("scripts/measure_similarity.py", str(ROOT)))
    assert "untold/similarity/paired.py" in loaded
