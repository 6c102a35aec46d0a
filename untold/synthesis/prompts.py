"""Quadruplets: the neutral prompt and its marked counterparts (docs/method.md section 1)."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import pyarrow as pa

from untold.base.identity import digest, noise_seed
from untold.study.activities import Activity
from untold.study.schema_prompts import Prompts

SCHEMA = pa.schema(
    [
        ("activity_id", pa.string()),
        ("activity", pa.string()),
        ("category", pa.string()),
        ("group", pa.string()),
        ("role", pa.string()),
        ("age", pa.int16()),
        ("seed", pa.int64()),
        ("template", pa.string()),
        ("prompt", pa.string()),
        ("prompt_key", pa.string()),
        ("negative", pa.string()),
        ("noise_seed", pa.int64()),
    ]
)


@dataclass(frozen=True)
class Wording:
    """One template and its meaning; ``age`` is in years and only for the age grid."""

    group: str
    role: str
    template: str
    age: int | None = None
    word: str | None = None

    def prompt(self, activity: str) -> str:
        return self.template.format(activity=activity, age=self.age, word=self.word)


def wordings(prompts: Prompts) -> list[Wording]:
    """All wordings of a study: neutral, groups, placebos and the age grid, in this order."""
    found = [Wording("neutral", "neutral", prompts.neutral)]
    found += [Wording(group, "group", template) for group, template in prompts.groups.items()]
    found += [Wording(group, "placebo", template) for group, template in prompts.placebos.items()]
    if grid := prompts.age_grid:
        for name, template in grid.templates.items():
            for age in grid.ages:
                starts = [start for start in sorted(map(int, grid.words)) if start <= age]
                word = grid.words[str(starts[-1])] if starts else None
                found.append(Wording(f"{name}_{age}", "age_grid", template, age, word))
    return found


def write_prompts(
    activities: Sequence[Activity], prompts: Prompts, seeds: Sequence[int], neutral_seeds: Sequence[int], noise: str
) -> pa.Table:
    """One row per image to generate, sorted by activity, seed and wording.

    Parameters
    ----------
    activities : sequence of Activity
    prompts : Prompts
    seeds, neutral_seeds : sequences of int
        Seeds of every wording, and further seeds of the neutral wording only.
    noise : {"paired", "shared"}

    Returns
    -------
    pyarrow.Table
        With the columns of ``SCHEMA``; all wordings of an (activity, seed) share one ``noise_seed`` (docs/method.md
        section 1).
    """
    return pa.Table.from_pylist(
        list(_rows(activities, wordings(prompts), prompts.negative, seeds, neutral_seeds, noise)), SCHEMA
    )


def _rows(activities, wordings, negative, seeds, neutral_seeds, noise) -> Iterator[dict]:
    for activity in sorted(activities, key=lambda activity: activity.id):
        texts = [(wording, wording.prompt(activity.activity)) for wording in wordings]
        neutral = [(wording, text) for wording, text in texts if wording.role == "neutral"]
        for seed in [*seeds, *neutral_seeds]:
            for wording, text in texts if seed in seeds else neutral:
                yield {
                    "activity_id": activity.id,
                    "activity": activity.activity,
                    "category": activity.category,
                    "group": wording.group,
                    "role": wording.role,
                    "age": wording.age,
                    "seed": seed,
                    "template": wording.template,
                    "prompt": text,
                    "prompt_key": digest(text),
                    "negative": negative,
                    "noise_seed": noise_seed(noise, activity.id, seed),
                }
