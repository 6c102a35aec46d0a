"""A small finished study without a model: scripts run on simulated images, vectors and predictions."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image, ImageDraw

from scripts import (
    audit_attributes,
    cluster,
    compare_clusters,
    compose,
    describe_captions,
    estimate_shares,
    infer,
    list_rejects,
    locate_neutral,
    measure_reference,
    measure_similarity,
    probe,
    project,
    rebalance,
    recover_planted,
    score_prompts,
    write_prompts,
)
from untold.base.identity import digest, file_digest
from untold.catalogue.tables import tables_of
from untold.data.parquet import read_table, write_arrays, write_table
from untold.statistics.resampling import Resampling
from untold.study.schema_analysis import Clusters, Inference, Projections

ACTIVITIES, SEEDS, PORTRAITS = 12, 2, 40
GROUPS = ["young", "middle", "older"]
PAIRS = [("young", "older"), ("young", "middle"), ("middle", "older")]
PLACE = {"young": 1.0, "middle": 0.2, "older": -1.0}  # position of each group on the age axis
TONES = {"young": "#ffd166", "middle": "#ef8354", "older": "#9d8ec7"}
HOSTILE = [
    "<script>window.hacked = 1</script>",
    "{{ 7 * 7 }}{% raw %}",
    "\"'><img src=x onerror=window.hacked=1>",
    "קורא ספר",
]
PROMPTS = {
    "neutral": "a person {activity}",
    "groups": {group: f"a {group} person {{activity}}" for group in GROUPS},
    "placebos": {"nearby": "a nearby person {activity}"},
    "age_grid": {"ages": [25, 50, 75], "templates": {"years": "a {age} years-old person {activity}"}},
    "negative": "",
}
INFERENCE = Inference(
    seed=1, resamples=200, permutations=199, confidence=0.95, equivalence_margin=0.1, interval_width=0.01
)
RESAMPLING = Resampling(INFERENCE.resamples, INFERENCE.permutations, INFERENCE.confidence, INFERENCE.seed)
CLUSTERS = Clusters(seed=2, k=3, k_max=3, bootstraps=2, null_sets=19, permutations=99)
PROJECTIONS = Projections(seed=3, perplexity=10, neighbors=10, min_dist=0.1)

# The folder of each space, the column of its vectors and the name of their keys, as in the plan of a study.
PEOPLE_SPACES = {
    "clip_image": ("embeddings/clip", "vector", "key"),
    "dino": ("embeddings/dino", "vector", "key"),
    "resnet50": ("embeddings/resnet50", "vector", "key"),
    "clip_text": ("embeddings/clip_text", "vector", "prompt_key"),
    "latents": ("latents", "latents", "key"),
}
FACES_SPACES = {name: PEOPLE_SPACES[name] for name in ("clip_image", "dino")}
SHARD = "0000-of-0001.parquet"


def study(root: Path) -> Path:
    """Write ``results`` below ``root`` with everything that figures, page and exports read, and with hostile names."""
    results = root / "results"
    people(results, np.random.default_rng(0))
    faces(results, np.random.default_rng(1))
    return results


def people(results: Path, rng: np.random.Generator) -> None:
    """Simulate a generated dataset whose neutral person is young in the first half of the activities."""
    folder = results / "people"
    kinds = ["sleep and rest", "household tasks", "artistic activities", "exercise and sports"]
    titles = [*HOSTILE, *(f"activity number {number}" for number in range(len(HOSTILE), ACTIVITIES))]
    activities = [
        {"id": f"activity-{i:03d}", "activity": title, "category": kinds[i % len(kinds)], "miniature": False}
        for i, title in enumerate(titles)
    ]
    lean = pd.Series(np.linspace(1, -0.4, ACTIVITIES), [activity["id"] for activity in activities])
    share = 1 / (1 + np.exp(-3 * lean))
    shares = pd.DataFrame({"young": share, "middle": (1 - share) * 0.4, "older": (1 - share) * 0.6})
    planted = results / "planted.csv"

    prompts = folder / "prompts" / SHARD
    asked = {"prompts": PROMPTS, "first_seed": 1, "seeds": SEEDS, "neutral_seeds": SEEDS, "noise": "paired"}
    write_prompts.main(settings=write_prompts.Settings(activities=activities, **asked), table=prompts)
    shares.rename_axis("id").to_csv(planted)
    images = pictured(results, "people", read_table(prompts))
    refused = images.index[(images["group"] == "older")][-1]
    images.loc[refused, ["accepted", "reason"]] = [False, "constant image"]
    write_table(folder / "images" / SHARD, images, ["key"])
    images = images[images["accepted"]]

    place = images["group"].map(PLACE).fillna(2 - images["age"] / 25).fillna(images["activity_id"].map(lean))
    texts = images.drop_duplicates("prompt_key")
    for name, table, key, strength, seed in (
        ("clip", images, "key", 0.5, 0),
        ("clip_text", texts, "prompt_key", 0.5, 0),  # the seed of clip, because images and prompts share a space
        ("dino", images, "key", 0.4, 1),
        ("resnet50", images, "key", 0.2, 2),
    ):
        vectors = embedded(table, place[table.index], strength, 16, np.random.default_rng(seed))
        means = {"mean": vectors[:, :8]} if name == "dino" else {}
        write_arrays(folder / "embeddings" / name / SHARD, table[key], {"vector": vectors} | means, {})
    latents = embedded(images, place, 0.05, 64, rng).reshape(-1, 4, 4, 4).astype(np.float16)
    write_arrays(folder / "latents" / SHARD, images["key"], {"latents": latents}, {})
    tokens = embedded(images, place, 0.4, 5 * 8, rng).reshape(-1, 5, 8).astype(np.float16)
    write_arrays(folder / "embeddings" / "dino_tokens" / SHARD, images["key"], {"tokens": tokens}, {})
    shown = [
        rng.choice(GROUPS, p=shares.loc[activity]) if group == "neutral" else group
        for activity, group in zip(images["activity_id"], images["group"], strict=True)
    ]
    asked_for = images["role"].isin(["neutral", "group"]).to_numpy()
    judged = classified(images["key"][asked_for], np.array(shown)[asked_for], GROUPS, "group", rng)
    write_table(folder / "predictions" / "clip.parquet", judged, ["key", "label"])

    manifests, similarity = [folder / "images" / SHARD], folder / "similarity" / SHARD
    vectors = {name: folder / "embeddings" / name / SHARD for name in ("clip", "dino", "resnet50")}
    measure_similarity.main(
        settings=measure_similarity.Settings(dataset="people"),
        images=manifests,
        latents=[folder / "latents" / SHARD],
        vectors={"clip_image": [vectors["clip"]], "dino": [vectors["dino"]], "resnet50": [vectors["resnet50"]]},
        texts={"clip_text": [folder / "embeddings" / "clip_text" / SHARD]},
        tokens={"dino": [folder / "embeddings" / "dino_tokens" / SHARD]},
        similarity=similarity,
    )
    spaces = {name: column for name, (_, column, key) in PEOPLE_SPACES.items() if key == "key"}
    measure_reference.main(
        settings=measure_reference.Settings(dataset="people", spaces=spaces, resampling=RESAMPLING),
        images=manifests,
        vectors={name: [folder / PEOPLE_SPACES[name][0] / SHARD] for name in spaces},
        **table_files(results, "people", reference="reference", crossed="cross_seed"),
    )
    score_prompts.main(
        settings=score_prompts.Settings(dataset="people", encoder="clip", resampling=RESAMPLING),
        images=manifests,
        vectors=[vectors["clip"]],
        texts=[folder / "embeddings" / "clip_text" / SHARD],
        **table_files(results, "people", scores="clip-clip_score"),
    )
    rows = [
        ("clip images", "clip_image", "cosine", ""),
        ("latents", "latents", "cosine", ""),
        ("dino split", "dino", "patch_maxsim", ""),
    ]
    compared = {"placebos": list(PROMPTS["placebos"]), "pairs": PAIRS, "rows": rows, "inference": INFERENCE}
    compared |= {"shared_noise": False, "ordered": True}
    infer.main(
        settings=infer.Settings(dataset="people", groups=GROUPS, **compared),
        similarity=[similarity],
        reference=results / "tables" / "people-reference.csv",
        images=manifests,
        predictions=[folder / "predictions" / "clip.parquet"],
        tables=tables(results, "people", tables_of("infer")),
    )
    locate_neutral.main(
        settings=locate_neutral.Settings(dataset="people", groups=GROUPS, space="clip_image", resampling=RESAMPLING),
        similarity=[similarity],
        images=manifests,
        predictions=[folder / "predictions" / "clip.parquet"],
        tables=tables(results, "people", tables_of("locate_neutral")),
    )
    probes = {space: [folder / "probes" / f"{space}.parquet"] for space in spaces}
    for space, (path,) in probes.items():
        probe.main(
            settings=probe.Settings(groups=GROUPS, column=spaces[space], seed=1),
            images=manifests,
            vectors=[folder / PEOPLE_SPACES[space][0] / SHARD],
            predictions=path,
        )
    estimate_shares.main(
        settings=estimate_shares.Settings(
            dataset="people", groups=GROUPS, space="clip_image", shared_noise=False, resampling=RESAMPLING, margin=0.1
        ),
        images=manifests,
        predictions=[folder / "predictions" / "clip.parquet"],
        probes=probes,
        tables=tables(results, "people", tables_of("estimate_shares")),
    )
    recover_planted.main(
        settings=recover_planted.Settings(dataset="people", groups=GROUPS, planted=[], resampling=RESAMPLING),
        images=manifests,
        depicted=[],
        shares=results / "tables" / "people-shares.csv",
        planted=planted,
        tables=tables(results, "people", tables_of("recover_planted")),
    )
    structure(results, "people", PEOPLE_SPACES, ["group", "category"], {})


def faces(results: Path, rng: np.random.Generator) -> None:
    """Simulate a labelled folder whose classifier makes more errors on women."""
    folder = results / "faces"
    rows = [
        {
            "gender": ["male", "female"][i % 2],
            "race": HOSTILE[0] if i % 5 == 0 else ["white", "black", "asian"][i % 3],
            "age": 20 + i % 50,
            "age_band": ["20-39", "40-59", "60+"][i % 3],
            "caption": f"a smiling {['man', 'woman'][i % 2]}",
            "group": GROUPS[i % 3],
        }
        for i in range(PORTRAITS)
    ]
    images = pictured(results, "faces", pd.DataFrame(rows)).drop(columns="group")
    write_table(folder / "images" / SHARD, images, ["key"])
    refused = pd.DataFrame({"path": ["broken.jpg"], "reason": ["truncated"]})
    write_table(folder / "rejects" / SHARD, refused, ["path"])
    female = images["gender"] == "female"
    for name in ("clip", "dino"):
        vectors = rng.normal(size=(PORTRAITS, 16)) + female.to_numpy()[:, None]
        write_arrays(folder / "embeddings" / name / SHARD, images["key"], {"vector": vectors.astype(np.float32)}, {})
    shown = np.where(female & (rng.random(PORTRAITS) < 0.3), "male", images["gender"])
    smile = rng.choice(["smiling", "serious"], PORTRAITS)
    judged = [
        classified(images["key"], shown, ["male", "female"], "gender", rng),
        classified(images["key"], smile, ["smiling", "serious"], "smile", rng),
    ]
    write_table(folder / "predictions" / "clip.parquet", pd.concat(judged), ["key", "attribute", "label"])
    labels = ["gender", "race", "age_band"]
    chosen = {"attributes": {"gender": ("male", "female")}, "groups": labels, "seed": 1, "confidence": 0.95}
    audit_attributes.main(
        settings=audit_attributes.Settings(dataset="faces", **chosen),
        images=[folder / "images" / SHARD],
        predictions=folder / "predictions" / "clip.parquet",
        tables=tables(results, "faces", tables_of("audit_attributes")),
    )
    structure(results, "faces", FACES_SPACES, labels, {"smile (zero-shot)": ("smile", "smile_words")})
    describe_captions.main(
        settings=describe_captions.Settings(space="clip_image"),
        images=[folder / "images" / SHARD],
        clusters=folder / "clusters" / "clip_image.parquet",
        **table_files(results, "faces", captions="clip_image-captions"),
    )


def structure(
    results: Path,
    dataset: str,
    spaces: Mapping[str, tuple[str, str, str]],
    attributes: list[str],
    predicted: dict[str, tuple[str, str]],
) -> None:
    """Run the scripts for maps, clusters, their composition and the rejected images."""
    folder, predictions = results / dataset, [results / dataset / "predictions" / "clip.parquet"]
    manifests, everyone = [folder / "images" / SHARD], {"attributes": attributes, "predicted": predicted}
    for space, (place, column, key) in spaces.items():
        about = {"space": space, "column": column, "key": key}
        found = {"vectors": [folder / place / SHARD], "subjects": [folder / "prompts" / SHARD]}
        found |= {"subjects": manifests} if key == "key" else {}
        clusters = folder / "clusters" / f"{space}.parquet"
        cluster.main(
            settings=cluster.Settings(clusters=CLUSTERS, **about),
            **found,
            clusters=clusters,
            representative=folder / "representatives" / f"{space}.parquet",
            **table_files(results, dataset, evaluation=f"{space}-clusters", choice=f"{space}-choice_of_k"),
        )
        described = {"composed": "composition", "associated": "association", "diverse": "diversity"}
        compose.main(
            settings=compose.Settings(
                **about, **everyone, nested=dataset == "people" and key == "key", seed=2, draws=99, confidence=0.95
            ),
            **found,
            clusters=clusters,
            predictions=predictions,
            **table_files(results, dataset, **{name: f"{space}-{table}" for name, table in described.items()}),
        )
    first = next(iter(spaces))
    place, column, _ = spaces[first]
    rebalance.main(
        settings=rebalance.Settings(space=first, column=column, **everyone, duplicate_cosine=0.97, seed=2),
        vectors=[folder / place / SHARD],
        images=manifests,
        clusters=folder / "clusters" / f"{first}.parquet",
        predictions=predictions,
        **table_files(
            results, dataset, duplicates=f"{first}-duplicates", shares=f"{first}-rebalance", keep=f"{first}-keep_list"
        ),
    )
    pictures = [space for space, (_, _, key) in spaces.items() if key == "key"]
    compare_clusters.main(
        settings=compare_clusters.Settings(dataset=dataset, spaces=pictures),
        clusters={space: [folder / "clusters" / f"{space}.parquet"] for space in pictures},
        **table_files(results, dataset, compared="agreement"),
    )
    project.main(
        settings=project.Settings(projections=PROJECTIONS, spaces={name: about[1:] for name, about in spaces.items()}),
        images=manifests,
        vectors={name: [folder / place / SHARD] for name, (place, _, _) in spaces.items()},
        projections=folder / "projections.parquet",
    )
    list_rejects.main(
        settings=list_rejects.Settings(dataset=dataset),
        images=manifests,
        rejects=sorted((folder / "rejects").glob("*.parquet")),
        **table_files(results, dataset, listed="rejects"),
    )


def tables(results: Path, dataset: str, names: Iterable[str]) -> list[Path]:
    """Return the files of some tables."""
    return [results / "tables" / f"{dataset}-{name}.csv" for name in names]


def table_files(results: Path, dataset: str, **names: str) -> dict[str, Path]:
    """Return the files of some tables by the script's name for each."""
    return dict(zip(names, tables(results, dataset, names.values()), strict=True))


def pictured(results: Path, dataset: str, rows: pd.DataFrame) -> pd.DataFrame:
    """Draw an image for every row, and return the manifest."""
    paths = [results / "store" / f"{digest([dataset, number])[:16]}.png" for number in range(len(rows))]
    for number, (path, group) in enumerate(zip(paths, rows["group"], strict=True)):
        draw(path, TONES.get(group, "#b9bec6"), number)
    return rows.assign(
        key=[path.stem for path in paths],
        path=[path.as_posix() for path in paths],
        sha256=[file_digest(path) for path in paths],
        accepted=True,
        reason="",
    )


def draw(path: Path, tone: str, number: int, side: int = 64) -> None:
    """Draw a head and an object, which suffice to distinguish groups and images."""
    path.parent.mkdir(parents=True, exist_ok=True)
    image = Image.new("RGB", (side, side), (236, 239 - number % 20, 232))
    pen = ImageDraw.Draw(image)
    pen.ellipse((6, 6, 38, 38), fill=tone, outline="#333333")
    pen.ellipse((14, 16, 18, 20), fill="#333333")
    pen.ellipse((26, 16, 30, 20), fill="#333333")
    pen.rectangle((40, 40, 58, 58), fill=tuple(int(c) for c in np.random.default_rng(number).integers(40, 220, 3)))
    image.save(path)


def embedded(images: pd.DataFrame, place: pd.Series, strength: float, dim: int, rng: np.random.Generator) -> np.ndarray:
    """Simulate vectors as the sum of activity effect, seed effect, age of the person in one direction, and noise."""
    scenes, seeds = images["activity_id"].factorize()[0], images["noise_seed"].factorize()[0]
    scene, age = rng.normal(size=(ACTIVITIES, dim))[scenes], rng.normal(size=dim)
    chance = 0.3 * rng.normal(size=(len(seeds), dim))[seeds] + 0.1 * rng.normal(size=(len(images), dim))
    return (scene + strength * place.to_numpy()[:, None] * age + chance).astype(np.float32)


def classified(
    keys: pd.Series, shown: np.ndarray, labels: Sequence[str], attribute: str, rng: np.random.Generator
) -> pd.DataFrame:
    """Simulate the probabilities of a classifier that is almost certain about each image."""
    spread = 0.1 * rng.dirichlet([0.4] * len(labels), len(keys))
    frames = [
        pd.DataFrame({"key": keys, "label": label, "probability": spread[:, i] + 0.9 * (shown == label)})
        for i, label in enumerate(labels)
    ]
    classifier = {"group": "group", "gender": "man_woman", "smile": "smile_words"}[attribute]
    return pd.concat(frames).assign(attribute=attribute, classifier=classifier)
