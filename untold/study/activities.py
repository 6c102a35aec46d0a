"""Read and filter the table of daily activities."""

import csv
import re
import unicodedata
from dataclasses import dataclass
from pathlib import Path

from untold.base.identity import digest, is_slug
from untold.study.schema_base import ConfigError
from untold.study.schema_prompts import Activities

COLUMNS = ["id", "activity", "category", "lexicon_code", "miniature"]
# What a table may leave out, and what a row then has.
OPTIONAL = {"category": "all", "lexicon_code": "", "miniature": "false"}
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

    Only the column ``activity`` is needed. Ids are then made from the activities; a list without a header is read too.

    Raises
    ------
    ConfigError
        If the file or a column is missing, an id or activity is repeated, an id is not a slug, or an activity is empty,
        too long or spans several lines. The message names file, line and remedy.
    """
    try:
        with open(path, encoding="utf-8-sig", newline="") as file:
            reader = csv.reader(file, strict=True)
            header = [name.strip() for name in next(reader, [])]
            lines = [(reader.line_num, cells) for cells in reader if cells]
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}; set datasets.*.activities.file to your table") from None
    except (ValueError, csv.Error) as error:
        raise ConfigError(f"{path}: cannot be read as UTF-8 CSV ({error}); save it again as UTF-8") from None
    rows = _whole(path, header, lines)
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


def _whole(path: Path, header: list[str], lines: list[tuple[int, list[str]]]) -> list[tuple[int, list[str]]]:
    """Rows with all columns in their order."""
    if len(header) == 1 and header != ["activity"]:
        header, lines = ["activity"], [(1, header), *lines]
    unknown = [name for name in header if name not in COLUMNS]
    if unknown or "activity" not in header or len(set(header)) < len(header):
        others = ", ".join(name for name in COLUMNS if name != "activity")
        raise ConfigError(f"{path}: the columns must be activity and any of {others}, not {', '.join(header)[:100]}")
    rows = []
    for line, cells in lines:
        if len(cells) != len(header):
            raise ConfigError(f"{path}:{line}: must have {len(header)} cells; quote cells that contain a comma")
        given = dict(zip(header, cells, strict=True))
        whole = {"id": _slug(given["activity"]), **OPTIONAL, **given}
        rows.append((line, [whole[name] for name in COLUMNS]))
    return rows


def _slug(text: str) -> str:
    """An id for an activity: its words in plain letters, or a digest where there are none.

    Examples
    --------
    >>> _slug("making crêpes, slowly"), _slug("読書")
    ('making-crepes-slowly', 'activity-ce307f9b')
    """
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode().lower()
    words = "-".join(re.findall(r"[a-z0-9]+", plain))[:80].strip("-")
    return words or f"activity-{digest(text)[:8]}"


def _problem(cells: list[str]) -> str | None:
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
