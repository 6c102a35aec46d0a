"""Error of every judge's shares on a finished default study, against what its pictures depict, beside the self-check.

Run ``OMP_NUM_THREADS=1 python -m benchmarks.judges RESULTS`` in the root of the repository, RESULTS being the folder of
a finished default study. What a picture depicts is found by the miniature's pixel oracle, which no judge knows.
"""

import time
from pathlib import Path

import cyclopts
import numpy as np
import pandas as pd
from PIL import Image

import untold
from untold.judges import self_check
from untold.judges.correction import unmix
from untold.judges.groups import hot
from untold.judges.judgement import Judgement
from untold.judges.probe import NEUTRAL, probe
from untold.miniature.oracle import nearest_scene
from untold.miniature.world import AGES, read_world

SPACES = ("clip_image", "dino", "resnet50", "latents")


def mean_by_activity(values: np.ndarray, activity: np.ndarray, activities: int) -> np.ndarray:
    """Means (A, G) of the rows of each activity; NaN where it has none."""
    total = np.zeros((activities, values.shape[1]))
    np.add.at(total, activity, values)
    count = np.bincount(activity, minlength=activities)[:, None]
    return np.divide(total, count, out=np.full_like(total, np.nan), where=count > 0)


def shares(judgement: Judgement, *, corrected: bool) -> self_check.ActivityShares:
    """Counts of the most probable group, corrected by their confusion on marked pictures or not; no intervals."""
    counted = mean_by_activity(hot(judgement.neutral), judgement.neutral_activity, judgement.activities)
    if corrected:
        counted = unmix(mean_by_activity(hot(judgement.marked), judgement.truth, len(judgement.groups)), counted)
    nothing = np.full_like(counted, np.nan)
    return self_check.ActivityShares(counted, nothing, nothing)


def uncorrected(judgement: Judgement) -> self_check.ActivityShares:
    return shares(judgement, corrected=False)


def inverted(judgement: Judgement) -> self_check.ActivityShares:
    return shares(judgement, corrected=True)


def main(results: Path) -> None:
    people = untold.open_study(results)["people"]
    images = people.images.sort_values("key", ignore_index=True)
    activity = np.unique(images["activity_id"].astype(str), return_inverse=True)[1]
    group = images["group"].map(dict(zip(AGES, range(len(AGES)), strict=True))).fillna(NEUTRAL).to_numpy(int)
    seed, neutral = images["seed"].to_numpy(), group == NEUTRAL
    pixels = np.stack([np.asarray(Image.open(results / Path(path).relative_to("results"))) for path in images["path"]])
    depicted = np.eye(len(AGES))[nearest_scene(read_world(Path("resources/miniature")), pixels[neutral]).age]
    truth = mean_by_activity(depicted, activity[neutral], activity.max() + 1)

    said = people.predictions("clip").query("attribute == 'group'")
    wide = said.pivot(index="key", columns="label", values="probability")
    read = {("zero_shot", "clip_image"): wide.loc[images["key"], list(AGES)].to_numpy()}
    novel = {}
    for space in SPACES:
        began = time.process_time()
        judged = probe(people.vectors(space)[1], activity, seed, group)
        print(f"probe in {space}: {time.process_time() - began:.1f} s of processor time", flush=True)
        read["probe", space] = judged.probabilities
        parts = (values[rows] for values in (judged.probabilities, judged.distances) for rows in (neutral, ~neutral))
        novel["probe", space] = self_check.unexplained(*parts)

    for estimator in (uncorrected, inverted):
        checks, errors = {}, {}
        for name, probabilities in read.items():
            judgement = Judgement(
                tuple(AGES),
                probabilities[neutral],
                activity[neutral],
                probabilities[~neutral],
                activity[~neutral],
                seed[~neutral],
                group[~neutral],
            )
            checks[name] = self_check.self_check(judgement, estimator, seed=0)
            errors[name] = np.abs(estimator(judgement).estimate - truth).mean()
        table = self_check.table(checks).drop(columns="coverage")  # these estimators have no intervals
        table.insert(2, "real", list(errors.values()))
        table["unexplained"] = [novel.get(name, np.nan) for name in checks]
        print(f"\n{estimator.__name__}, leader: {self_check.best_judge(checks)}")
        print(table.round(4).to_string(index=False), flush=True)


if __name__ == "__main__":
    pd.set_option("display.width", 250)
    cyclopts.run(main)
