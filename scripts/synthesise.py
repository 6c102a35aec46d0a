"""Generate the images of one shard of prompts."""

import json
import os
import platform
import time
from functools import partial
from pathlib import Path
from typing import Any

from scripts.cli import run
from untold.base.devices import own_gpu
from untold.base.files import atomic
from untold.base.pipeline import takes_negative
from untold.data.parquet import read_table, write_arrays, write_table
from untold.study.schema_base import Strict
from untold.study.schema_models import Source
from untold.study.schema_synthesis import Synthesis
from untold.synthesis.shard import fill_shard, recipe, unfinished
from untold.synthesis.store import Store


class Settings(Strict):
    """Everything the images of a shard depend on apart from the prompts."""

    synthesis: Synthesis
    model: Source
    vae: Source | None
    identity: dict[str, Any]
    variant: str | None


def main(*, settings: Settings, prompts: Path, store: Path, images: Path, latents: Path, provenance: Path) -> None:
    # Compiled kernels are kept after the job, so only the first shard of a study waits for the compiler.
    os.environ.setdefault("TORCHINDUCTOR_CACHE_DIR", str((store.parent / "compiled").absolute()))
    from untold.synthesis import sampler
    from untold.synthesis.readiness import require_machine

    started = time.time()
    folder = Path(settings.model.folder)
    vae = Path(settings.vae.folder) if settings.vae else None
    config = sampler.vae_config(folder, vae)
    shape = sampler.latent_shape(config, settings.synthesis.width, settings.synthesis.height)
    dtype = sampler.type_name(sampler.denoiser_type(settings.synthesis.profile, sampler.device()))
    facts: dict[str, Any] = {"host": platform.node(), "started": started}

    def load() -> sampler.Sampler:
        require_machine(folder, settings.synthesis.profile)
        learned = store.parent / "compiled" / "batch_sizes.json"
        return sampler.Sampler(folder, vae, settings.synthesis, settings.variant, learned)

    shard = fill_shard(
        read_table(prompts),
        Store(store),
        partial(
            recipe, synthesis=settings.synthesis, identity=settings.identity, dtype=dtype, variant=settings.variant
        ),
        shape,
        load,
        f"synthesise {images.parent.parent.name} {images.stem}",
        unfinished(prompts, images),
    )
    metadata = {"space": "latents", "model": settings.identity, "dtype": dtype, "profile": settings.synthesis.profile}
    write_arrays(latents, shard.key, {"latents": shard.latents}, metadata)
    effective = takes_negative(folder, settings.synthesis.guidance)
    write_table(images, shard.manifest if effective else shard.manifest.assign(negative=""))
    # From the images themselves, so the record survives a run that makes none.
    made = {"sampler" if not number else f"sampler {number + 1}": way for number, way in enumerate(shard.made)}
    facts |= {"seconds": round(time.time() - started, 3), "images": shard.counts, **made}
    with atomic(provenance) as part:
        part.write_text(json.dumps(facts, indent=1, sort_keys=True) + "\n", encoding="utf-8")


if __name__ == "__main__":
    with own_gpu():
        run(main)
