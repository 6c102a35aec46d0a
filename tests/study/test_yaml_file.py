"""Test that a key given twice is refused with both lines."""

import pytest

from tests.conftest import ROOT
from untold.study.schema_base import ConfigError
from untold.study.yaml_file import refuse_repeated_keys


@pytest.mark.parametrize("path", sorted((ROOT / "config").glob("*.yaml")), ids=lambda path: path.stem)
def test_shipped_files_have_no_repeated_key(path):
    refuse_repeated_keys(path)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a: 1\nb: 2\na: 3\n", "a: is given in line 1 and in line 3"),
        (
            "d:\n  groups:\n    young: x\n    older: y\n    young: z\n",
            "d.groups.young: is given in line 3 and in line 5",
        ),
        ("l:\n- {a: 1, a: 2}\n", "l.a: is given in line 2 and in line 2"),
        ("a: [1\n", "not a YAML file"),
        ("\ta: 1\n", "not a YAML file"),
    ],
)
def test_a_mistake_is_named_with_its_line(tmp_path, text, said):
    path = tmp_path / "study.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError, match=r"study\.yaml: ") as error:
        refuse_repeated_keys(path)
    assert said in str(error.value) and "\n" not in str(error.value)


def test_merges_and_aliases_are_no_repetition(tmp_path):
    path = tmp_path / "study.yaml"
    path.write_text("base: &base {a: 1}\nx: {<<: *base, b: 2}\ny: {<<: *base, b: 3}\n")
    refuse_repeated_keys(path)
    path.write_bytes("a: Zoë\n".encode("latin-1"))
    with pytest.raises(ConfigError, match="UTF-8"):
        refuse_repeated_keys(path)
