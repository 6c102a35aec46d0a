"""Configuration of intervals, tests, maps and clusters."""

from typing import Annotated

from pydantic import Field

from untold.study.schema_base import Name, Seed, Strict


class Inference(Strict):
    """Intervals and tests (docs/method.md section 6)."""

    seed: Seed = Field(20261121, description="Seed of the resampling.")
    resamples: int = Field(10_000, ge=100, le=1_000_000, description="Bootstrap resamples over activities.")
    permutations: int = Field(10_000, ge=100, le=10_000_000, description="Sign flips of the permutation test.")
    confidence: float = Field(0.95, gt=0.5, lt=1, description="Coverage of the intervals.")
    contrasts: list[Annotated[list[Name], Field(min_length=2, max_length=2)]] | None = Field(
        None, description="Pairs of groups to compare, such as `[young, older]`; all pairs when omitted."
    )
    equivalence_margin: float = Field(
        0.1, gt=0, lt=1, description="Margin of the equivalence tests: of a share, and relative to the largest gap."
    )
    interval_width: float = Field(
        0.02,
        gt=0,
        lt=2,
        description="Target interval width, in cosine units, for which the required number of seeds is computed.",
    )


class Projections(Strict):
    """Two-dimensional maps, for display only (docs/method.md section 10)."""

    seed: Seed = Field(123, description="Seed of t-SNE and UMAP.")
    perplexity: float = Field(30, ge=2, le=500, description="t-SNE perplexity.")
    neighbors: int = Field(15, ge=2, le=500, description="UMAP neighbours.")
    min_dist: float = Field(0.1, ge=0, le=1, description="UMAP minimum distance.")
    points: int = Field(
        10_000,
        ge=100,
        le=100_000,
        description="Maximum points on a map; larger datasets are sampled by (activity, seed).",
    )


class Clusters(Strict):
    """Clusters in the original space (docs/method.md section 10)."""

    seed: Seed = Field(123, description="Seed of k-means.")
    k: Annotated[int, Field(ge=2, le=1000)] | None = Field(
        None, description="Number of clusters; null chooses it by silhouette."
    )
    k_max: int = Field(20, ge=2, le=1000, description="Largest number of clusters tried when k is null.")
    bootstraps: int = Field(20, ge=2, le=1000, description="Bootstrap resamples for cluster stability.")
    null_sets: int = Field(
        99, ge=19, le=10_000, description="Sets without clusters that the silhouettes are compared with."
    )
    permutations: int = Field(
        999,
        ge=19,
        le=100_000,
        description="Bootstrap resamples and permutations for cluster composition and its association with attributes.",
    )
    duplicate_cosine: float = Field(
        0.97,
        gt=0,
        le=1,
        description="Images whose cosine similarity in the first encoder is at least this count as near-duplicates.",
    )
