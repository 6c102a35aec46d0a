"""Measure the time and memory of every stage after embedding, for studies of up to hundreds of thousands of images.

Run ``python -m benchmarks.scale 2000 20000 200000`` in the root of the repository. For each number of images it writes
the manifests, latents and vectors that synthesis and embedding would have produced (500 activities, 4 groups and as
many seeds as needed; vectors of CLIP, DINO and ResNet-50 at full width, and latents of 768-pixel images). Snakemake
then runs the rest of the study on two cores with the real rules, scripts and settings. All measured work is real; only
the values of the vectors are random. 200 000 images need 20 GB of disk.
"""

import os
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import time
import zlib
from collections import defaultdict
from pathlib import Path
from typing import Annotated

import cyclopts
import numpy as np
import pandas as pd
import yaml
from PIL import Image

from benchmarks.synthesis import processor
from untold.base.identity import digest
from untold.data.parquet import write_arrays, write_table
from untold.study.plan import Plan
from untold.study.schema import parse_study
from untold.synthesis.prompts import write_prompts
from untold.synthesis.shard import MANIFEST

ACTIVITIES, GROUPS = 500, 4
WIDTHS = {"clip": 512, "dino": 384, "resnet50": 2048}
LATENT = (4, 96, 96)
PER_SHARD = 3000  # images
RUN = ["--snakefile", str(Path("Snakefile").resolve()), "--configfile", "scale.yaml", "--cores", "2"]
LIMITS = "limits at 200 000 images: 8 GB, 30 minutes, planned in 15 s"


def configuration(images: int) -> dict:
    """Return the default study on all activities, without the analyses that need a model."""
    values = yaml.safe_load(Path("config/config.yaml").read_text())
    people = values["datasets"]["people"]
    people["activities"] = {"file": "config/activities.csv", "miniature": False, "limit": ACTIVITIES}
    shards = max(2, round(images / PER_SHARD))
    people |= {"seeds": images // (ACTIVITIES * GROUPS), "shards": {"synthesis": shards, "embedding": shards}}
    for key in ("neutral_seeds", "zero_shot", "planted"):
        people.pop(key, None)
    values["datasets"] = {"people": people}
    values["encoders"]["dino"]["tokens"] = False
    values["clusters"]["permutations"] = 99  # one permutation of 200 000 images takes as long as all of a small study
    return values


def fake(folder: Path, values: dict) -> None:
    """Write the files of prompts, synthesis and embedding by shard, in this order."""
    plan = Plan(parse_study(values, "benchmarks/scale.py"))
    settings = plan.study.datasets["people"]
    results = folder / values["results"] / "people"
    pictures = []
    for number in range(16):
        noise = np.random.default_rng(number).integers(0, 255, (24, 24, 3), dtype=np.uint8)
        pictures.append(Path("pictures") / f"{number}.png")
        (folder / "pictures").mkdir(exist_ok=True)
        Image.fromarray(noise).resize((768, 768)).save(folder / pictures[-1])
    pool = np.random.default_rng(0).standard_normal(2**23, np.float32)
    for shard, activities in plan["people"].synthesis.items():
        seeds = range(settings.first_seed, settings.first_seed + settings.seeds)
        prompts = write_prompts(activities, settings.prompts, seeds, (), settings.synthesis.noise)
        write_table(results / "prompts" / f"{shard}.parquet", prompts)
        rows = prompts.to_pandas()
        keys = [digest(row) for row in zip(rows["prompt_key"], rows["seed"].tolist(), strict=True)]
        manifest = rows.assign(
            age=rows["age"].astype("Int64"),
            key=keys,
            path=[pictures[i % len(pictures)].as_posix() for i in range(len(rows))],
            sha256=keys,
            width=768,
            height=768,
            profile="reference",
            accepted=True,
            reason="",
        )
        write_table(results / "images" / f"{shard}.parquet", manifest[MANIFEST], sort_by=["key"])
        latents = vectors(rows, "latents", int(np.prod(LATENT)), pool).astype(np.float16).reshape(-1, *LATENT)
        write_arrays(results / "latents" / f"{shard}.parquet", keys, {"latents": latents}, {})
        for encoder, width in WIDTHS.items():
            arrays = {"vector": vectors(rows, encoder, width, pool)}
            if encoder == "dino":
                arrays["mean"] = vectors(rows, "dino mean", width, pool)
            write_arrays(results / "embeddings" / encoder / f"{shard}.parquet", keys, arrays, {})
        wordings = rows.drop_duplicates("prompt_key").reset_index(drop=True)
        texts = {"vector": vectors(wordings, "clip text", WIDTHS["clip"], pool)}
        write_arrays(results / "embeddings" / "clip_text" / f"{shard}.parquet", wordings["prompt_key"], texts, {})


def vectors(rows: pd.DataFrame, space: str, width: int, pool: np.ndarray) -> np.ndarray:
    """Draw vectors as sums of a common direction and of activity, group, activity-by-seed and image effects."""
    place = rows["activity_id"] + "/" + rows["seed"].astype(str)
    parts = [
        (2.0, pd.Series("all", rows.index)),
        (1.0, rows["activity_id"]),
        (0.4, rows["group"]),
        (0.6, place),
        (0.6, place + "/" + rows["group"]),
    ]
    found = np.zeros((len(rows), width), np.float32)
    for weight, names in parts:
        starts = [zlib.crc32(f"{space}/{name}".encode()) % (len(pool) - width) for name in names]
        for row, start in zip(found, starts, strict=True):
            row += weight * pool[start : start + width]
    return found


class Memory(threading.Thread):
    """Peak resident memory of the jobs of each rule, as reported by the kernel."""

    def __init__(self, folder: Path):
        super().__init__(daemon=True)
        self.folder, self.peaks, self.running = folder.resolve(), defaultdict(float), True

    def run(self) -> None:
        while self.running:
            for process in Path("/proc").glob("[0-9]*"):
                try:
                    rule = re.search(rb"-m\0scripts\.(\w+)\0", (process / "cmdline").read_bytes())
                    if rule and (process / "cwd").resolve() == self.folder:
                        peak = re.search(r"VmHWM:\s+(\d+)", (process / "status").read_text())
                        name = rule[1].decode()
                        self.peaks[name] = max(self.peaks[name], int(peak[1]) * 1024 / 1e9)
                except (OSError, TypeError):  # the process has ended in the meantime
                    continue
            time.sleep(0.25)


def snakemake(folder: Path, *arguments: str) -> float:
    """Run Snakemake and return the wall time in seconds."""
    command = [sys.executable, "-m", "snakemake", *RUN, *arguments]
    begun = time.perf_counter()
    with (folder / "run.log").open("w") as log:
        code = subprocess.run(command, cwd=folder, stdout=log, stderr=log, check=False).returncode
    if code:
        sys.exit((folder / "run.log").read_text()[-4000:])
    return time.perf_counter() - begun


def project(folder: Path, values: dict) -> None:
    """Create a folder with the given configuration; the workflow runs in it from where it is."""
    folder.mkdir(parents=True)
    (folder / "scale.yaml").write_text(yaml.safe_dump(values, sort_keys=False))


def measured(folder: Path) -> pd.DataFrame:
    """Read Snakemake's benchmark of each job with its rule, which is the first name below the folder."""
    files = sorted(folder.rglob("*.tsv"))
    rules = [path.relative_to(folder).parts[0].removesuffix(".tsv") for path in files]
    tables = [pd.read_csv(path, sep="\t", na_values="-") for path in files]
    return pd.concat([table.assign(rule=rule) for table, rule in zip(tables, rules, strict=True)], ignore_index=True)


def study(images: int, folder: Path) -> tuple[pd.DataFrame, dict[str, float]]:
    """Run one study, and return its time and memory by stage and the totals."""
    values = configuration(images)
    project(folder, values)
    whole = {"planning": snakemake(folder, "--dry-run", "--quiet", "all")}
    begun = time.perf_counter()
    fake(folder, values)
    whole["writing the vectors"] = time.perf_counter() - begun
    whole["disk, GB"] = sum(f.stat().st_size for f in (folder / "results").rglob("*.parquet")) / 1e9
    memory = Memory(folder)
    memory.start()
    # Snakemake has no metadata for the files written here; their timestamps mark them as up to date.
    whole["analysis"] = snakemake(folder, "--rerun-triggers", "mtime", "--", "all")
    memory.running = False
    memory.join()
    whole["no-op"] = snakemake(folder, "--rerun-triggers", "mtime", "--", "all")
    whole["page, MB"] = (folder / "results" / "report.html").stat().st_size / 1e6
    rows = []
    jobs = measured(folder / "results" / "benchmarks")
    for rule, part in jobs.groupby("rule"):
        peak = memory.peaks.get(rule, np.nan)
        rows.append((rule, len(part), part["s"].sum(), part["cpu_time"].sum(), part["s"].max(), peak))
    return pd.DataFrame(rows, columns=["stage", "jobs", "wall", "cpu", "longest", "peak"]).set_index("stage"), whole


def main(images: list[int], *, keep: Annotated[Path | None, cyclopts.Parameter()] = None) -> None:
    """Print the tables.

    Parameters
    ----------
    images
        Sizes of the studies; multiples of 2 000.
    keep
        Folder for the studies; a temporary folder by default.
    """
    place = keep or Path(tempfile.mkdtemp())
    found = {}
    try:
        for count in images:
            found[count] = study(count, place / str(count))
            table, whole = found[count]
            print(f"\n{count} images; {processor()}, 2 cores, load {os.getloadavg()[0]:.1f}; {LIMITS}\n")
            print("| stage | jobs | seconds, all jobs | of the processor | longest job, s | peak, GB |")
            print("| --- | ---: | ---: | ---: | ---: | ---: |")
            for stage, row in table.iterrows():
                times = f"{row.wall:.0f} | {row.cpu:.0f} | {row.longest:.0f}"
                print(f"| {stage} | {row.jobs:.0f} | {times} | {row.peak:.2f} |")
            print("\n" + "; ".join(f"{what} {value:.1f}" for what, value in whole.items()), flush=True)
    finally:
        if not keep:
            shutil.rmtree(place)


if __name__ == "__main__":
    cyclopts.run(main)
