"""Shares read from the denoiser of the embedded miniature, against what was planted and what its images depict.

Run ``OMP_NUM_THREADS=1 python -m benchmarks.readout --study results`` in the root of the repository, on a finished
default study (a quarter of an hour, nearly all of it for drawing). It fails if four calls per prompt and activity rank
the planted bias with less than rho 0.95, or if 8 images and the readout err more than 32 images do.
"""

import sys
import tempfile
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import cyclopts
import numpy as np
import pandas as pd
from scipy import stats

from scripts.estimate_shares import JudgeSettings, read_judgements
from untold.data.parquet import read_table
from untold.judges.judgement import Judgement, pictures_of
from untold.judges.readout import amplification, nearest_mixture
from untold.judges.shares import INVERSION
from untold.judges.stereotype import ranks
from untold.miniature.evaluation import MARKED, NEUTRAL, load_pipeline, paint
from untold.miniature.oracle import nearest_scene
from untold.miniature.world import AGES, GENDERS, World, read_world
from untold.statistics.resampling import Resampling
from untold.study.schema_synthesis import Synthesis
from untold.synthesis import sampler
from untold.synthesis.readout import Question, products

MINIATURE = Path("resources/miniature")
RESAMPLING = Resampling(2000, 199, 0.95, seed=0)
NOISES, DRAWS = 4, 10
GENDER = {name: f"An ultra realistic portrait photo of a {name} {{activity}}" for name in ("man", "woman")}


def read(world: World, marked: Sequence[str], noises: int) -> tuple[np.ndarray, float]:
    """Products of every activity and noise, (A, noises, G, G), and the seconds that they took."""
    settings = Synthesis(steps=20, guidance=1, width=64, height=64, profile="reference", batch_size=32).readout
    names = world.activities["activity"]
    asked = [
        Question(name, NEUTRAL.format(activity=name), tuple(text.format(activity=name) for text in marked), seed)
        for name in names
        for seed in range(1000, 1000 + noises)
    ]
    start = time.perf_counter()
    with tempfile.TemporaryDirectory() as store:
        found = products(
            asked,
            Path(store),
            lambda request: request._asdict(),
            lambda: sampler.Sampler(MINIATURE / "sdxl", None, settings, None),
        )
    return found.reshape(len(names), noises, len(marked), len(marked)), time.perf_counter() - start


def depict(world: World, count: int, guidance: float, first: int) -> dict[str, np.ndarray]:
    """Shares of ages (A, 3) and genders (A, 3) in new neutral images, according to the oracle."""
    pipeline, found = load_pipeline(MINIATURE / "sdxl"), {"age": [], "gender": []}
    for row, name in enumerate(world.activities["activity"]):
        seeds = [first + 100_000 * row + number for number in range(count)]
        seen = nearest_scene(world, paint(pipeline, [NEUTRAL.format(activity=name)] * count, seeds, guidance))
        found["age"].append(np.bincount(seen.age, minlength=len(AGES)) / count)
        found["gender"].append(np.bincount(seen.gender, minlength=len(GENDERS)) / count)
    return {axis: np.array(shares) for axis, shares in found.items()}


def agreement(shares: np.ndarray, truth: np.ndarray) -> dict[str, float]:
    """Rank correlation and slope of the first minus the last group's share, and mean absolute error of shares."""
    gap, true = (np.round(values[:, 0] - values[:, -1], 9) for values in (shares, truth))
    return {
        "rho": stats.spearmanr(gap, true).statistic,
        "mae": np.abs(shares - truth).mean(),
        "slope": np.polyfit(true, gap, 1)[0],
    }


def sets(found: np.ndarray, size: int) -> Iterable[np.ndarray]:
    """Weights from separate sets of noises."""
    for first in range(0, DRAWS * size, size):
        yield nearest_mixture(found[:, first : first + size].mean(1))


def judgement(study: Path) -> Judgement:
    """What CLIP says of the images of a default study."""
    settings = JudgeSettings(
        dataset="people", groups=list(AGES), space="clip_image", shared_noise=False, resampling=RESAMPLING
    )
    pictures = pictures_of(read_table(sorted((study / "people/images").glob("*.parquet"))), settings.groups)
    judgements, _, _ = read_judgements(settings, pictures, [study / "people/predictions/clip.parquet"], {})
    return judgements["zero_shot@clip_image"]


def some(whole: Judgement, count: int, rng: np.random.Generator) -> Judgement:
    """A number of random neutral images of each activity."""
    shuffled = rng.permutation(len(whole.neutral))
    place = pd.Series(whole.neutral_activity[shuffled]).groupby(whole.neutral_activity[shuffled]).cumcount().to_numpy()
    kept = shuffled[place < count]
    return replace(whole, neutral=whole.neutral[kept], neutral_activity=whole.neutral_activity[kept])


def joined(
    whole: Judgement, count: int, weights: np.ndarray | None, truth: Mapping[str, np.ndarray], seed: int
) -> dict:
    """How well shares from some images, with or without the readout, agree with each truth."""
    part = some(whole, count, np.random.default_rng(seed))
    table = ranks(part, [str(row) for row in range(whole.activities)], INVERSION, RESAMPLING, weights)
    shares, low, high = (table[name].to_numpy().reshape(-1, len(AGES)) for name in ("shrunken", "low", "high"))
    depicted = truth["depicted"]
    found = {f"{key}, {name}": value for name in truth for key, value in agreement(shares, truth[name]).items()}
    return {**found, "width": (high - low).mean(), "holds depicted": ((low <= depicted) & (depicted <= high)).mean()}


def main(*, study: Path = Path("results"), population: int = 200) -> None:
    world = read_world(MINIATURE)
    planted = world.age_shares
    found, seconds = read(world, list(MARKED.values()), DRAWS * NOISES)
    print(f"{seconds / DRAWS:.1f} s for {NOISES} noises, {len(planted)} activities and {len(AGES) + 1} prompts\n")
    rows = {}
    for size in (1, NOISES):
        table = pd.DataFrame([agreement(weights, planted) for weights in sets(found, size)])
        rows[f"readout, {size} noises"] = table.median()
        lowest = table["rho"].min()
        print(
            f"{size} noises, {DRAWS} sets: rho {table['rho'].median():.3f} ({lowest:.3f} to {table['rho'].max():.3f})"
        )
    print("\n" + pd.DataFrame(rows).T.round(3).to_markdown() + "\n")

    depicted = depict(world, population, 1.0, 10_000_000)
    order = np.argsort(world.activities["id"].to_numpy())  # as a study sorts them
    truth = {"depicted": depicted["age"][order], "planted": planted[order]}
    whole, results = judgement(study), {}
    for count, with_readout in ((4, False), (4, True), (8, False), (8, True), (32, False), (32, True)):
        draws = (
            joined(whole, count, weights[order] if with_readout else None, truth, seed)
            for seed, weights in enumerate(sets(found, NOISES))
        )
        results[f"{count} images" + " and readout" * with_readout] = pd.DataFrame(draws).mean()
    results["readout alone"] = pd.DataFrame(
        [
            {f"{key}, {name}": value for name in truth for key, value in agreement(weights[order], truth[name]).items()}
            for weights in sets(found, NOISES)
        ]
    ).mean()
    results = pd.DataFrame(results).T
    print(results.round(3).to_markdown() + "\n")

    strong = depict(world, 32, 4.0, 50_000_000)["age"]
    names = world.activities["id"].tolist()
    drawn, weights, plain = (
        pd.DataFrame(values, names, list(AGES))
        for values in (strong, nearest_mixture(found[:, :NOISES].mean(1)), depicted["age"])
    )
    against = {key: round(float(value), 3) for key, value in agreement(strong, planted).items()}
    print("guidance 4 against planted:", against)
    print(amplification(drawn, weights, {"guidance 1": plain}, RESAMPLING).round(2).to_markdown(index=False) + "\n")
    print("guidance 1, itself:")
    print(amplification(plain, weights, {}, RESAMPLING).round(2).to_markdown(index=False) + "\n")

    gendered, _ = read(world, list(GENDER.values()), DRAWS * NOISES)
    women, men = depicted["gender"][:, GENDERS.index("woman")], depicted["gender"][:, GENDERS.index("man")]
    mean = gendered.mean(1)
    weights = nearest_mixture(mean)
    left = np.einsum("ag,agh,ah->a", weights, mean, weights)
    apart = mean[:, 0, 0] + mean[:, 1, 1] - 2 * mean[:, 0, 1]
    print(
        f"gender, man among men and women: weight {weights[:, 0].mean():.3f} (standard deviation over activities "
        f"{weights[:, 0].std():.3f}), depicted {men.sum() / (men + women).sum():.3f}, planted 0.600; of neither "
        f"{1 - (men + women).mean():.3f} depicted, distance {np.median(np.sqrt(left / apart)):.2f}"
    )
    missed = []
    if rows[f"readout, {NOISES} noises"]["rho"] < 0.95:
        missed.append("the readout ranks the planted bias with rho below 0.95")
    few, many = results.loc["8 images and readout"], results.loc["32 images"]
    if few["rho, depicted"] < many["rho, depicted"] or few["mae, depicted"] > many["mae, depicted"]:
        missed.append("8 images and the readout are worse than 32 images")
    if missed:
        sys.exit("; ".join(missed))


if __name__ == "__main__":
    cyclopts.run(main)
