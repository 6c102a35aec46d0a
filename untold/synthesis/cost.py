"""What a study costs on a machine, from the arithmetic of its model and the speed of a matrix product."""

import time
from dataclasses import dataclass

import torch

from untold.study.plan import GeneratedPlan
from untold.study.schema_synthesis import Synthesis
from untold.synthesis.prompts import wordings


@dataclass(frozen=True)
class Work:
    """Floating-point operations per megapixel (2**20 pixels): of the denoiser for one sample, and of the decoder."""

    denoiser: float
    decoder: float

    def of(self, settings: Synthesis) -> float:
        """Of one image; guidance above 1 needs a second evaluation per step, with the negative prompt."""
        evaluations = settings.steps * (2 if settings.guidance > 1 else 1)
        return (evaluations * self.denoiser + self.decoder) * settings.width * settings.height / 2**20


# Counted by PyTorch at 768 pixels (docs/performance.md).
SDXL = Work(3.641e12 / 0.5625, 5.75e12 / 0.5625)
WORK = {"stabilityai/stable-diffusion-xl-base-1.0": SDXL, "stabilityai/sdxl-turbo": SDXL}
# Share of the speed of a large matrix product in the same type that synthesis reaches (benchmarks/README.md).
SHARE = {("cuda", "fast"): 0.51, ("cuda", "half"): 0.39, ("cuda", "reference"): 0.68}
SHARE |= {("cpu", profile): 0.7 for profile in ("fast", "half", "reference")}


def image_count(plan: GeneratedPlan) -> int:
    """Images of a dataset: every wording with every seed, and the neutral one with its further seeds."""
    seeds = plan.settings.seeds
    further = max(0, (plan.settings.neutral_seeds or seeds) - seeds)
    return len(plan.activities) * (len(wordings(plan.settings.prompts)) * seeds + further)


def matmul_rate(on: torch.device, kind: torch.dtype) -> float:
    """FLOP/s of a large matrix product, which no network exceeds on the same device with the same type."""
    size = 8192 if on.type == "cuda" else 2048
    matrix = torch.randn(size, size, device=on, dtype=kind)
    best = 0.0
    for _ in range(5):
        begun = time.perf_counter()
        for _ in range(4):
            matrix @ matrix
        if on.type == "cuda":
            torch.cuda.synchronize()
        best = max(best, 4 * 2 * size**3 / (time.perf_counter() - begun))
    return best
