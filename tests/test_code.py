"""The code that a rule's output depends on is found whole, and no more than that."""

from pathlib import Path

import pytest

from scripts.lib.code import local_imports

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture
def project(tmp_path):
    files = {
        "scripts/__init__.py": "",
        "scripts/job.py": "import os\nimport numpy as np\nfrom scripts.lib.a import x\nfrom scripts.lib import b\n",
        "scripts/other.py": "import scripts.lib.a\n",
        "scripts/lib/__init__.py": "",
        "scripts/lib/a.py": "x = 1\n",
        "scripts/lib/b.py": "def f():\n    from scripts.lib.c import y\n    return y\n",
        "scripts/lib/c.py": "from scripts.lib import a, b\ny = 2  # and round again\n",
        "scripts/lib/unused.py": "from scripts.lib import a\n",
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    return tmp_path


def test_direct_indirect_late_and_circular_imports_are_found(project):
    assert local_imports("scripts/job.py", str(project)) == (
        "scripts/job.py",
        "scripts/lib/a.py",
        "scripts/lib/b.py",
        "scripts/lib/c.py",
    )


def test_a_plain_import_is_found(project):
    assert local_imports("scripts/other.py", str(project)) == ("scripts/lib/a.py", "scripts/other.py")


@pytest.mark.parametrize("script", sorted(path.name for path in (ROOT / "scripts").glob("*.py")))
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
        "print('\\n'.join(m.__file__ for n, m in sys.modules.items() if n.startswith('scripts') and m.__file__))"
    )
    printed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT).stdout
    loaded = {str(Path(line).relative_to(ROOT)) for line in printed.split() if not line.endswith("__init__.py")}
    assert loaded <= set(local_imports("scripts/measure_similarity.py", str(ROOT)))
    assert "scripts/lib/similarity.py" in loaded


def test_the_library_knows_nothing_of_snakemake():
    for path in (ROOT / "scripts" / "lib").glob("*.py"):
        assert "import snakemake" not in path.read_text() and "from snakemake" not in path.read_text(), path
