"""Configuration of intervals, tests, maps and clusters."""

from typing import Annotated

from pydantic import Field

from untold.study.schema_base import Name, Seed, Strict


class Inference(Strict):
    """Intervals and tests (docs/method.md section 6)."""

    seed: Seed = Field(description="Seed of the resampling.")
    resamples: int = Field(ge=100, le=1_000_000, description="Bootstrap resamples over activities.")
    permutations: int = Field(ge=100, le=10_000_000, description="Sign flips of the permutation test.")
    confidence: float = Field(gt=0.5, lt=1, description="Coverage of the intervals.")
    contrasts: list[Annotated[list[Name], Field(min_length=2, max_length=2)]] | None = Field(
        None, description="Pairs of groups, such as `[young, older]`; every pair when left out."
    )
    equivalence_margin: float = Field(gt=0, lt=2, description="Margin of the equivalence tests, in cosine units.")
    interval_width: float = Field(
        gt=0, lt=2, description="Interval width that the number of needed seeds is computed for, in cosine units."
    )


class Projections(Strict):
    """Two-dimensional maps, for display only (docs/method.md section 10)."""

    seed: Seed = Field(description="Seed of both methods.")
    perplexity: float = Field(ge=2, le=500, description="t-SNE perplexity.")
    neighbors: int = Field(ge=2, le=500, description="UMAP neighbours.")
    min_dist: float = Field(ge=0, le=1, description="UMAP minimal distance.")
    points: int = Field(
        10_000,
        ge=100,
        le=100_000,
        description="Points of a map; of a larger dataset a random sample, activity and seed together.",
    )


class Clusters(Strict):
    """Clusters in the original space (docs/method.md section 10)."""

    seed: Seed = Field(description="Seed of k-means.")
    k: Annotated[int, Field(ge=2, le=1000)] | None = Field(
        description="Number of clusters; null chooses by silhouette."
    )
    k_max: int = Field(ge=2, le=1000, description="Largest number tried when k is null.")
    bootstraps: int = Field(ge=2, le=1000, description="Resamples of the stability.")
    null_sets: int = Field(
        ge=19, le=10_000, description="Data sets without structure that the silhouettes are compared with."
    )
    permutations: int = Field(
        999,
        ge=19,
        le=100_000,
        description="Bootstraps and permutations of who is in the clusters (composition, association).",
    )
    duplicate_cosine: float = Field(
        0.97, gt=0, le=1, description="Images with at least this cosine in the first encoder are near-duplicates."
    )
