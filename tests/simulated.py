"""A finished study in miniature without any model: tables by the real library functions on simulated similarities."""

from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image, ImageDraw

from untold.data.csv import leading, write_csv
from untold.data.parquet import write_table
from untold.judges import audit
from untold.judges.correction import neutral_shares, neutral_shares_by_activity
from untold.judges.groups import adherence, confusion
from untold.judges.recovery import recovery, share_gap
from untold.similarity.nearest import chi_square, nearest_group, nearest_group_by_activity
from untold.similarity.original import original_table
from untold.statistics.contrasts import by_activity, by_category, contrasts, equivalence, group_means, page_trend
from untold.statistics.specification import specification_curve
from untold.statistics.variance import seeds_needed, variance_components
from untold.structure.composition import association, composition
from untold.structure.diversity import diversity

GROUPS = ["young", "middle", "older"]
PAIRS = [("young", "older"), ("young", "middle"), ("middle", "older")]
SPACES = ["clip_image", "dino", "resnet50", "latents"]
TONES = {"neutral": "#b9bec6", "young": "#ffd166", "middle": "#ef8354", "older": "#9d8ec7"}
INTERVAL = {"resamples": 200, "confidence": 0.95, "seed": 1}
POINTS = ["dataset", "space", "metric", "estimator", "group", "activity_id", "planted", "estimate", "low", "high"]
HOSTILE = [
    "<script>window.hacked = 1</script>",
    "{{ 7 * 7 }}{% raw %}",
    "\"'><img src=x onerror=window.hacked=1>",
    "קורא ספר",
]


def picture(path: Path, tone: str, number: int, side: int = 64) -> None:
    """A head and an object: enough to tell groups and activities apart."""
    path.parent.mkdir(parents=True, exist_ok=True)
    image = Image.new("RGB", (side, side), (236, 239 - number % 20, 232))
    draw = ImageDraw.Draw(image)
    draw.ellipse((6, 6, 38, 38), fill=tone, outline="#333333")
    draw.ellipse((14, 16, 18, 20), fill="#333333")
    draw.ellipse((26, 16, 30, 20), fill="#333333")
    draw.rectangle((40, 40, 58, 58), fill=tuple(int(c) for c in np.random.default_rng(number).integers(40, 220, 3)))
    image.save(path)


def study(root: Path, activities: int = 24, seeds: int = 3, faces: int = 60, hostile: bool = False) -> Path:
    """Write ``results`` below ``root``: manifests, pictures, similarities, maps, clusters and every table."""
    results = root / "results"
    people(results, activities, seeds, hostile)
    if faces:
        folder(results, faces, hostile)
    return results


def people(results: Path, activities: int, seeds: int, hostile: bool) -> None:
    """A generated dataset whose neutral person is young in the first half of the activities."""
    rng = np.random.default_rng(0)
    titles = [f"activity number {i}" for i in range(activities)]
    if hostile:
        titles[: len(HOSTILE)] = HOSTILE
    kinds = ["sleep and rest", "household tasks", "artistic activities", "exercise and sports"]
    rows = []
    for i, title in enumerate(titles):
        for seed in range(seeds):
            for group in ["neutral", *GROUPS]:
                path = results / "store" / f"{i}-{seed}-{group}.png"
                picture(path, TONES[group], i)
                prompt = f"a {group} person {title}"
                rows.append(
                    {
                        "key": f"{i:03d}{seed:02d}{group}",
                        "path": path.as_posix(),
                        "activity_id": f"activity-{i:03d}",
                        "activity": title,
                        "category": kinds[i % len(kinds)],
                        "group": group,
                        "role": "neutral" if group == "neutral" else "group",
                        "seed": seed,
                        "prompt": prompt,
                        "prompt_key": prompt,
                        "accepted": True,
                        "reason": "",
                    }
                )
    images = pd.DataFrame(rows)
    images.loc[images.index[-1], ["accepted", "reason"]] = [False, "constant image"]
    write_table(results / "people" / "images" / "0000-of-0001.parquet", images, ["key"])
    images = images[images["accepted"]]

    marked = images[images["group"] != "neutral"]
    lean = np.linspace(1, -0.4, activities)
    number = marked["activity_id"].str[-3:].astype(int).to_numpy()
    place = marked["group"].map({"young": 1, "middle": 0.2, "older": -1}).to_numpy()
    parts = []
    for space, metric in [*((s, "cosine") for s in SPACES), ("dino", "patch_maxsim"), ("dino", "dcr_split")]:
        strength = {"clip_image": 0.05, "dino": 0.04, "resnet50": 0.02, "latents": 0.004}[space]
        value = 0.8 + strength * lean[number] * place + rng.normal(0, 0.02, len(marked))
        parts.append(marked.assign(space=space, metric=metric, value=value))
    similarity = pd.concat(parts)[["activity_id", "category", "seed", "group", "role", "space", "metric", "value"]]
    similarity = similarity.assign(dataset="people")
    write_table(results / "people" / "similarity" / "0000-of-0001.parquet", similarity)

    reference = pd.DataFrame(
        {"dataset": "people", "space": SPACES, "metric": "cosine", "n": activities, "n_seeds": seeds}
    )
    reference = reference.assign(floor=0.3, floor_low=0.29, floor_high=0.31, ceiling=0.82, ceiling_low=0.81)
    reference = reference.assign(ceiling_high=0.83, method="sums", note="")
    means, counts = group_means(similarity, **INTERVAL), chi_square(similarity, GROUPS)
    test = {**INTERVAL, "permutations": 199}
    components = variance_components(similarity, PAIRS, **INTERVAL)
    curve, summary = specification_curve(similarity, PAIRS[0], **test)
    probabilities = images[["activity_id", "seed", "group"]].assign(dataset="people", space="clip")
    lean_of = pd.Series(lean, [f"activity-{i:03d}" for i in range(activities)])
    share = 1 / (1 + np.exp(-3 * lean_of))
    draws = rng.dirichlet([0.4] * 3, len(images)) * 0.1
    own = np.array(
        [
            rng.choice(3, p=[s := share[a], (1 - s) * 0.4, (1 - s) * 0.6]) if g == "neutral" else GROUPS.index(g)
            for a, g in zip(images["activity_id"], images["group"], strict=True)
        ]
    )
    probabilities[GROUPS] = draws + 0.9 * np.eye(3)[own]
    shares = neutral_shares_by_activity(probabilities, GROUPS, "neutral", **INTERVAL)
    truth = pd.DataFrame({"young": share, "middle": (1 - share) * 0.4, "older": (1 - share) * 0.6})
    truth = truth.rename_axis("activity_id").reset_index().melt("activity_id", var_name="group", value_name="planted")
    nearest = nearest_group_by_activity(similarity, GROUPS, confidence=0.95)
    found = pd.concat([nearest.assign(estimator="nearest group"), shares.assign(metric="zero_shot")], ignore_index=True)
    pair = ("young", "older")
    whole = pd.concat([truth, share_gap(truth, pair, "planted")], ignore_index=True)
    found = pd.concat([found, share_gap(found, pair, "estimate")], ignore_index=True)
    gaps = contrasts(similarity, PAIRS, reference=reference, **test)
    named = [
        ("CLIP images", "clip_image", "cosine"),
        ("latents", "latents", "cosine"),
        ("DINO split", "dino", "patch_maxsim"),
    ]
    original = original_table(means, counts, GROUPS, named)
    frames = {
        "original_table": original,
        "group_means": means,
        "chi_square": counts,
        "contrasts": gaps,
        "contrasts_adherent": gaps,
        "trend": page_trend(similarity, GROUPS, **INTERVAL),
        "categories": by_category(similarity, PAIRS, **test),
        "activities": by_activity(similarity, PAIRS, confidence=0.95),
        "equivalence": equivalence(similarity, PAIRS, margin=0.01, confidence=0.95),
        "reference": reference,
        "variance": components,
        "seeds_needed": seeds_needed(components, width=0.01, confidence=0.95),
        "specifications": curve,
        "specifications_summary": summary,
        "nearest": nearest_group(similarity, GROUPS, **INTERVAL),
        "age_shares": neutral_shares(probabilities, GROUPS, "neutral", **INTERVAL),
        "adherence": adherence(probabilities, GROUPS, **INTERVAL),
        "confusion": confusion(probabilities, GROUPS, **INTERVAL),
        "recovery": recovery(whole, found, **INTERVAL),
        "recovery_points": found.merge(whole, on=["activity_id", "group"])[POINTS],
        "clip-clip_score": means[means["space"] == "clip_image"].assign(metric="image_prompt"),
    }
    for name, frame in frames.items():
        write_csv(results / "tables" / f"people-{name}.csv", frame)
    structure(results, "people", SPACES, images, ["group", "category"])
    texts = images.drop_duplicates("prompt_key").assign(key=lambda frame: frame["prompt_key"])
    structure(results, "people", ["clip_text"], texts, ["group"])
    maps = [project(images, space, rng) for space in SPACES] + [project(texts, "clip_text", rng)]
    write_table(results / "people" / "projections.parquet", pd.concat(maps), ["space", "method", "key"])


def folder(results: Path, n: int, hostile: bool) -> None:
    """A labelled folder whose classifier errs more on women."""
    rng = np.random.default_rng(1)
    rows = []
    for i in range(n):
        path = results / "pictures" / f"{i}.png"
        picture(path, list(TONES.values())[i % 4], i)
        race = HOSTILE[0] if hostile and i % 5 == 0 else ["white", "black", "asian"][i % 3]
        row = {
            "gender": ["male", "female"][i % 2],
            "race": race,
            "age": 20 + i % 50,
            "age_band": ["20-39", "40-59", "60+"][i % 3],
        }
        rows.append(
            {"key": f"{i:04d}", "path": path.as_posix(), **row, "caption": "a face", "accepted": True, "reason": ""}
        )
    images = pd.DataFrame(rows)
    write_table(results / "faces" / "images" / "0000-of-0001.parquet", images, ["key"])
    truth = (images["gender"] == "female").to_numpy()
    about = {"dataset": "faces", "target": "gender", "classifier": "male/female"}
    probability = np.clip(np.where(truth, 0.7, 0.15) + rng.normal(0, 0.25, n), 0.001, 0.999)
    predicted = np.where(probability >= 0.5, "female", "male")
    groups = images[["gender", "race", "age_band"]]
    frames = {
        "summary": audit.summary(truth, probability, seed=1),
        "thresholds": audit.sweep(truth, probability),
        "errors": audit.errors(images["gender"], predicted, groups),
        "confusion": audit.confusion(images["gender"], predicted, groups),
        "gaps": audit.gaps(truth, predicted == "female", groups, minimum=5),
        "calibration": audit.calibration(truth, probability)[0],
    }
    for name, frame in frames.items():
        write_csv(results / "tables" / f"faces-attributes_{name}.csv", leading(frame.assign(**about), list(about)))
    write_csv(
        results / "tables" / "faces-rejects.csv",
        pd.DataFrame({"dataset": "faces", "path": ["broken.jpg"], "reason": ["truncated"]}),
    )
    structure(results, "faces", ["clip_image", "dino"], images, ["gender", "race", "age_band"])
    maps = [project(images.assign(group=images["gender"]), space, rng) for space in ("clip_image", "dino")]
    write_table(results / "faces" / "projections.parquet", pd.concat(maps), ["space", "method", "key"])


def project(images: pd.DataFrame, space: str, rng: np.random.Generator) -> pd.DataFrame:
    """Maps in which groups lie apart."""
    centre = (
        images["group"].map({name: i for i, name in enumerate(sorted(images["group"].unique()))}).to_numpy()[:, None]
    )
    parts = []
    for method in ("tsne", "umap"):
        xy = (centre * [3, 1] + rng.normal(0, 1, (len(images), 2))).astype(np.float32)
        parts.append(
            pd.DataFrame({"space": space, "method": method, "key": images["key"], "x": xy[:, 0], "y": xy[:, 1]})
        )
    return pd.concat(parts, ignore_index=True)


def structure(results: Path, dataset: str, spaces: list[str], images: pd.DataFrame, columns: list[str]) -> None:
    """Clusters that follow the group, and their tables."""
    rng = np.random.default_rng(2)
    labels = images[columns[0]].astype("category").cat.codes.to_numpy() % 3
    labels = np.where(rng.random(len(images)) < 0.2, rng.integers(0, 3, len(images)), labels)
    for space in spaces:
        parts, links = [], []
        for attribute in columns:
            about = {"space": space, "algorithm": "kmeans", "attribute": attribute}
            parts.append(composition(images[attribute], labels, draws=99).assign(**about))
            links.append(association(images[attribute], labels, permutations=99).assign(**about))
        vectors = rng.normal(size=(len(images), 8)).astype(np.float32) + labels[:, None]
        spread = diversity(vectors, images[columns[0]], draws=10).assign(space=space, attribute=columns[0])
        stem = results / "tables" / f"{dataset}-{space}"
        first = ["space", "algorithm", "attribute"]
        write_csv(Path(f"{stem}-composition.csv"), leading(pd.concat(parts), first))
        write_csv(Path(f"{stem}-association.csv"), leading(pd.concat(links), first))
        write_csv(Path(f"{stem}-diversity.csv"), leading(spread, ["space", "attribute"]))
        judged = pd.DataFrame(
            {"space": space, "algorithm": "kmeans", "statistic": ["clusters", "silhouette_micro", "stability"]}
        )
        judged = judged.assign(
            n=len(images), estimate=[3, 0.21, 0.8], low=[np.nan, np.nan, 0.7], high=[np.nan, np.nan, 0.9]
        )
        judged = judged.assign(null_mean=[np.nan, 0.05, np.nan], null_low=np.nan, null_high=np.nan)
        write_csv(Path(f"{stem}-clusters.csv"), judged.assign(p=[np.nan, 0.01, np.nan], method="kmeans k=3", note=""))
        members = pd.DataFrame({"key": images["key"], "method": "kmeans", "cluster": labels})
        write_table(results / dataset / "clusters" / f"{space}.parquet", members, ["method", "key"])
        nearest = members.groupby("cluster").head(6).assign(role="nearest", distance=0.5)
        nearest["rank"] = nearest.groupby("cluster").cumcount() + 1
        write_table(results / dataset / "representatives" / f"{space}.parquet", nearest, ["method", "cluster", "rank"])
