"""Mistakes in a YAML file that its loader keeps silent about."""

from pathlib import Path

import yaml

from untold.study.schema_base import ConfigError


def refuse_repeated_keys(path: Path | str) -> None:
    """Refuse a key that is given twice, of which YAML's loader silently takes the last.

    Raises
    ------
    ConfigError
        One line per key, with the file and both lines.
    """
    try:
        root = yaml.compose(Path(path).read_text(encoding="utf-8"), Loader=yaml.SafeLoader)
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError) as error:
        line = " ".join(str(error).split())
        raise ConfigError(f"{path}: not a YAML file in UTF-8 ({line}); correct it or save it as UTF-8") from None
    found: list[str] = []
    seen: set[int] = set()  # aliases stand for a node that was looked at
    waiting = [(root, "")] if root else []
    while waiting:
        node, place = waiting.pop()
        if id(node) in seen:
            continue
        seen.add(id(node))
        if isinstance(node, yaml.SequenceNode):
            waiting += [(item, place) for item in node.value]
        elif isinstance(node, yaml.MappingNode):
            first: dict[str, int] = {}
            for key, value in node.value:
                line, name = key.start_mark.line + 1, f"{place}{key.value}"
                if isinstance(key, yaml.ScalarNode) and key.value != "<<":
                    if key.value in first:
                        found.append(
                            f"{path}: {name}: is given in line {first[key.value]} and in line {line}; remove one"
                        )
                    first.setdefault(key.value, line)
                waiting.append((value, f"{name}."))
    if found:
        raise ConfigError(*found)
