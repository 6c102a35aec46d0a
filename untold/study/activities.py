"""Read and filter the table of daily activities."""

import csv
import unicodedata
from dataclasses import dataclass
from pathlib import Path

from untold.base.identity import is_slug
from untold.study.schema_base import ConfigError
from untold.study.schema_prompts import Activities

COLUMNS = ["id", "activity", "category", "lexicon_code", "miniature"]
LONGEST = 300  # characters; text encoders read at most about 77 tokens


@dataclass(frozen=True)
class Activity:
    """One row of the table: an id, the phrase that completes "a person ...", and its category."""

    id: str
    activity: str
    category: str
    miniature: bool


def read_activities(path: Path) -> list[Activity]:
    """Read and validate the whole table.

    Raises
    ------
    ConfigError
        If the file or a column is missing, an id or activity is repeated, an id is not a slug, or an activity is empty,
        too long or spans several lines. The message names file, line and remedy.
    """
    try:
        with open(path, encoding="utf-8", newline="") as file:
            reader = csv.reader(file, strict=True)
            if next(reader, None) != COLUMNS:
                raise ConfigError(f"{path}: the columns must be {', '.join(COLUMNS)}")
            rows = [(reader.line_num, cells) for cells in reader if cells]
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}; set datasets.*.activities.file to your table") from None
    except (ValueError, csv.Error) as error:
        raise ConfigError(f"{path}: cannot be read as UTF-8 CSV ({error}); save it again as UTF-8") from None
    seen: dict[str, int] = {}
    activities = []
    for line, cells in rows:
        if problem := _problem(cells):
            raise ConfigError(f"{path}:{line}: {problem}")
        slug, text, category, _, miniature = cells
        for value in (slug, text.casefold()):
            if value in seen and seen[value] != line:
                raise ConfigError(f"{path}:{line}: {value!r} is already on line {seen[value]}; remove one of them")
            seen[value] = line
        activities.append(Activity(slug, text, category, miniature == "true"))
    return activities


def _problem(cells: list[str]) -> str | None:
    if len(cells) != len(COLUMNS):
        return f"must have {len(COLUMNS)} cells; quote cells that contain a comma"
    slug, text, category, _, miniature = cells
    if not is_slug(slug):
        return f"id {slug[:40]!r}: use at most 80 lower-case letters, digits and single hyphens"
    if not text.strip() or len(text) > LONGEST:
        return f"activity of {slug}: must have 1 to {LONGEST} characters, not {len(text)}"
    if any(unicodedata.category(character) in ("Cc", "Cs", "Zl", "Zp") for character in text):
        return f"activity of {slug}: contains a line break or control character; remove it"
    if not category.strip():
        return f"category of {slug}: is empty; fill it in"
    if miniature not in ("true", "false"):
        return f"miniature of {slug}: must be true or false, not {miniature[:40]!r}"
    return None


def select(activities: list[Activity], choice: Activities) -> list[Activity]:
    """The rows that a dataset uses, in the order of the table.

    Raises
    ------
    ConfigError
        If a category is unknown or no row is left.
    """
    known = {activity.category for activity in activities}
    for category in choice.categories or []:
        if category not in known:
            raise ConfigError(
                f"{choice.file}: no activity has category {category!r} (known: {', '.join(sorted(known))})"
            )
    chosen = [
        activity
        for activity in activities
        if (activity.miniature or not choice.miniature)
        and (choice.categories is None or activity.category in choice.categories)
    ][: choice.limit]
    if not chosen:
        raise ConfigError(
            f"{choice.file}: no activity matches the configuration; relax activities.miniature or categories"
        )
    return chosen
