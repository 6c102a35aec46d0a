"""Test that rules match scripts: a script takes the options of its command lines, and its settings are valid."""

import ast
import importlib
import re
import shlex
import subprocess
import sys
from pathlib import Path

import cyclopts
import pytest

from scripts.cli import application
from tests.conftest import ROOT

# The text of each rule that runs a script, by script.
RULES = {
    script[1]: text
    for path in sorted((ROOT / "rules").glob("*.smk"))
    for text in re.split(r"\n(?=\s*rule\b)", path.read_text())
    if (script := re.search(r"-m (scripts[.\w]+)", text))
}


def parameters(script: str) -> set[str]:
    """Return the parameters of the script's ``main`` without running the script's imports."""
    tree = ast.parse((ROOT / f"{script.replace('.', '/')}.py").read_text())
    main = next(node for node in tree.body if isinstance(node, ast.FunctionDef) and node.name == "main")
    return {argument.arg for argument in main.args.args + main.args.kwonlyargs}


def section(rule: str, name: str) -> set[str]:
    """Return the names in one section of a rule."""
    found = re.search(rf"\n( +){name}:\n((?:\1 .*\n|\n)+)", rule)
    return set(re.findall(rf"^{found[1]}    (\w+)=", found[2], re.MULTILINE)) if found else set()


def test_rules_are_found():
    assert len(RULES) > 30


@pytest.mark.parametrize("script", RULES)
def test_the_command_line_names_what_the_script_takes(script):
    rule = RULES[script]
    command = rule[rule.index("shell:") :]
    options = {option.replace("-", "_") for option in re.findall(r"(?<![\w-])--([a-z][\w-]*)", command)}
    assert options == parameters(script)
    used = set(re.findall(r"\{(input|output|params)\.(\w+)", command))
    assert used <= {(kind, key) for kind in ("input", "output", "params") for key in section(rule, kind)}
    outputs = {key for kind, key in used if kind == "output"}
    assert outputs == section(rule, "output") or not outputs  # the option names the folder of its files


@pytest.fixture(scope="module")
def commands():
    """Return the arguments of the command line of every job of the default study and its export, by script."""
    planned = subprocess.run(
        [sys.executable, "-m", "snakemake", "--dry-run", "--printshellcmds", "--forceall", "all", "export"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    lines = [line for line in planned.stdout.splitlines() if "python -P -m scripts." in line]
    words = [shlex.split(line.replace("&>", "#"), comments=True) for line in lines]
    starts = [command.index("-m") + 1 for command in words]
    return [(command[start], command[start + 1 :]) for command, start in zip(words, starts, strict=True)]


def test_every_job_gets_what_its_script_accepts(commands):
    assert len(commands) == len({(script, *words) for script, words in commands}) > 50
    for script, words in commands:
        app = application(importlib.import_module(script).main)
        try:
            app.parse_args(words, exit_on_error=False, print_error=False)
        except cyclopts.CycloptsError as error:
            pytest.fail(f"{script}: {error}")


def test_a_settings_mistake_is_seen(commands):
    script, words = next(command for command in commands if command[0] == "scripts.cluster")
    app = application(importlib.import_module(script).main)
    wrong = [word.replace('"space"', '"spaces"') for word in words]
    with pytest.raises(cyclopts.CycloptsError, match="space"):
        app.parse_args(wrong, exit_on_error=False, print_error=False)


def test_no_script_lacks_a_rule():
    """The scripts that generate documents are run by make."""
    modules = [path.relative_to(ROOT).with_suffix("") for path in (ROOT / "scripts").rglob("*.py")]
    scripts = {".".join(path.parts) for path in modules if path.stem not in ("__init__", "cli")}
    generators = {name for name in scripts if name.startswith("scripts.documents.")}
    assert scripts - generators == set(RULES)
    makefile = Path(ROOT / "Makefile").read_text()
    assert all(name in makefile for name in generators)
