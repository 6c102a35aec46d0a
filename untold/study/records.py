"""Let results know what made them, so that results without Snakemake's records are adopted or refused."""

import json
from base64 import urlsafe_b64encode
from pathlib import Path

import yaml

from untold.base.files import atomic
from untold.base.identity import digest
from untold.study.plan import Plan
from untold.study.rules import digests, shard_files, study_outputs
from untold.study.schema import Study
from untold.study.schema_base import ConfigError
from untold.study.settings import model_identities
from untold.study.tracking import code_digest

RECORD = "study.json"  # in the folder of results

# Snakemake cuts the names of its records at 254 characters (`_record_path` in snakemake/persistence/file.py, 9.27).
LONGEST_NAME = 254

# Of Snakemake's records: of finished outputs, and of outputs of jobs that have begun.
KINDS = ("metadata", "incomplete")

Parts = dict[str, str]


def parts(plan: Plan, root: Path) -> Parts:
    """Digests of everything that the results of a study depend on, by part of the configuration.

    Parameters
    ----------
    plan : Plan
    root : Path
        The workflow's folder, with its code.
    """
    sections = plan.study.model_dump(exclude={"results", "datasets"})
    made = {name: digest(section) for name, section in sections.items()}
    for name, dataset in plan.datasets.items():
        made[f"datasets.{name}"] = digest(dataset.settings.model_dump())
    for name, generated in plan.generated.items():
        activities = [vars(activity) for activity in generated.activities]
        own = digests([*generated.planted_files, *generated.world_files])
        made[f"files of datasets.{name}"] = digest([activities, own])
    for name, folder in plan.folders.items():
        made[f"files of datasets.{name}"] = digest([folder.survey, digests(folder.label_files)])
    made["weights"] = digest(model_identities(plan))
    scripts = sorted(path.relative_to(root).as_posix() for path in (root / "scripts").glob("[a-z]*.py"))
    templates = sorted(path.relative_to(root).as_posix() for path in (root / "untold/report/templates").iterdir())
    made["code"] = digest(
        [*(code_digest(script, root) for script in scripts), code_digest(scripts[0], root, templates)]
    )
    return made


def unrecorded(plan: Plan, snakemake: Path) -> list[str]:
    """Results that exist although Snakemake has no record of them, neither as finished nor as begun."""
    if (snakemake / "metadata.db").exists():
        return []  # records in a database are not looked through
    files = study_outputs(plan)
    for name, dataset in plan.datasets.items():
        folders = ["images", *(space.folder for space in dataset.spaces.values())]
        files += [file for folder in folders for file in shard_files(plan, name, folder)]
    return [
        file
        for file in files
        if Path(file).exists() and not any((snakemake / kind / _name(file)).exists() for kind in KINDS)
    ]


def _name(file: str) -> Path:
    name = urlsafe_b64encode(file.encode()).decode()
    *folders, last = (name[start : start + LONGEST_NAME] for start in range(0, len(name), LONGEST_NAME))
    return Path(*(f"@{folder}" for folder in folders), last)


def adopt(results: str, now: Parts, unknown: list[str]) -> str:
    """Check that results without Snakemake's records were made by the study as it is now.

    Parameters
    ----------
    results : str
        The folder, as the configuration names it.
    now : dict
        The :func:`parts` of the study.
    unknown : list of str
        The :func:`unrecorded` files, at least one.

    Returns
    -------
    str
        A line that says what was found.

    Raises
    ------
    ConfigError
        If they were made by another study, under another name, or it is not known by what.
    """
    try:
        record = json.loads(Path(results, RECORD).read_text(encoding="utf-8"))
        place, made = record["results"], record["parts"]
    except (OSError, ValueError, KeyError, TypeError):
        found = "and nothing says what made it (a run that did not end, or an older version)"
    else:
        other = sorted(name for name in now.keys() | made.keys() if now.get(name) != made.get(name))
        if place != results:
            found = f"and it was made as {place}, where its tables look for the images, so rename the folder back"
        elif other:
            found = f"and it was made with another {', '.join(other)}"
        else:
            return (
                f"{results}: Snakemake has no record of {unknown[0]} (results without their .snakemake?), "
                "but it was made by this very study and is taken as it is"
            )
    raise ConfigError(
        f"results: Snakemake has no record of {unknown[0]}, {found}; bring the .snakemake folder along, name another "
        f"folder for the results, or remove everything in {results} but the store, whose images are kept"
    )


def note(results: str, now: Parts) -> None:
    """Note what made the results, at the end of a whole run."""
    with atomic(Path(results, RECORD)) as part:
        part.write_text(json.dumps({"results": results, "parts": now}, indent=1) + "\n", encoding="utf-8")


def forget_other(results: str, now: Parts) -> None:
    """Remove the note when a run of another study begins: until it ends, the results are of both."""
    path = Path(results, RECORD)
    try:
        same = json.loads(path.read_text(encoding="utf-8")) == {"results": results, "parts": now}
    except (OSError, ValueError):
        same = False
    if not same:
        path.unlink(missing_ok=True)


def write_out(results: str, study: Study) -> None:
    """Write the whole study, defaults included, to ``config.yaml`` in its results."""
    whole = study.model_dump(mode="json", exclude_none=True)
    with atomic(Path(results, "config.yaml")) as part:
        part.write_text(
            "# The study with all defaults written out, as of the last run.\n"
            + yaml.safe_dump(whole, sort_keys=False, allow_unicode=True, width=120),
            encoding="utf-8",
        )
