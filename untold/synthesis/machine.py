"""Whether this machine can run a study: its GPU, compiler and disk, and one image of a small model in every profile."""

import platform
import shutil
import sysconfig
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple, get_args

import torch

from untold.base.devices import device, visible_gpus
from untold.base.driver import driver_version, gpu_problem
from untold.study.plan import GeneratedPlan
from untold.study.schema_synthesis import Synthesis
from untold.synthesis import sampler
from untold.synthesis.cost import SHARE, WORK, image_count, matmul_rate
from untold.synthesis.requests import Request
from untold.synthesis.shard import duration

PROFILES: tuple[str, ...] = get_args(Synthesis.model_fields["profile"].annotation)
GIB = 2**30


class Finding(NamedTuple):
    """One line of the report; ``state`` is ``ok``, ``note`` or ``problem``, and a problem's text has its remedy."""

    state: str
    text: str

    def __str__(self) -> str:
        return f"{self.state:8} {self.text}"


def check_machine(model: Path, results: Path, plans: dict[str, GeneratedPlan]) -> Iterator[Finding]:
    """Look at everything that a study needs, and yield what was found as it is found.

    Parameters
    ----------
    model : Path
        A small pipeline saved by diffusers, of which an image is made in every profile.
    results : Path
        Where the results will be, or a folder above it.
    plans : dict of GeneratedPlan
        Datasets whose cost is estimated, by name.
    """
    yield Finding("ok", f"Python {platform.python_version()}, PyTorch {torch.__version__}, {platform.machine()}")
    yield _gpu()
    yield from _compiler()
    yield from _pictures(model)
    yield _disk(results)
    yield from _costs(plans)


def _gpu() -> Finding:
    if problem := gpu_problem():
        return Finding("problem", problem)
    if not torch.cuda.is_available():
        return Finding("note", "no GPU: the miniature and audits of folders run on the CPU; SDXL would take too long")
    free, total = torch.cuda.mem_get_info()
    major, minor = torch.cuda.get_device_capability()
    cuda = ".".join(map(str, driver_version() or ()))
    text = f"{torch.cuda.get_device_name()}, capability {major}.{minor}, driver for CUDA {cuda}, "
    text += f"{free / GIB:.1f} of {total / GIB:.1f} GiB free; this job may use: {', '.join(visible_gpus()) or 'all'}"
    return Finding("note" if free < 0.8 * total else "ok", text)


def _compiler() -> Iterator[Finding]:
    """What Triton needs before its first kernel: a compiler and the headers of this Python."""
    compiler = next(filter(None, map(shutil.which, ("gcc", "clang", "cc"))), None)
    headers = Path(sysconfig.get_paths()["include"], "Python.h")
    state = "problem" if torch.cuda.is_available() else "note"
    if compiler is None:
        yield Finding(state, "no C compiler: the profile fast runs like half; install gcc (Debian: apt install gcc)")
    if not headers.is_file():
        remedy = "install python3-dev, or make the environment with a Python that has them (uv venv)"
        yield Finding(state, f"{headers} is missing: the profile fast runs like half; {remedy}")
    if compiler and headers.is_file():
        begun = time.monotonic()
        try:
            torch.compile(lambda values: (values * 2).sin())(torch.ones(8, device=device()))
        except Exception as error:
            yield Finding(state, f"PyTorch cannot compile: {_in_short(error)}")
        else:
            yield Finding("ok", f"{compiler} and Python's headers; PyTorch compiles ({time.monotonic() - begun:.0f} s)")


def _pictures(model: Path) -> Iterator[Finding]:
    for profile in PROFILES:
        settings = Synthesis(
            steps=20,
            guidance=5,
            width=64,
            height=64,
            scheduler="euler_ancestral",
            profile=profile,  # type: ignore[arg-type]
            noise="paired",
            batch_size=16,
        )
        begun = time.monotonic()
        try:
            loaded = sampler.Sampler(model, None, settings, None)
            (samples,) = loaded.run([Request("a photo of a person cooking", "", 1)])
        except Exception as error:
            yield Finding("problem", f"{profile}: {_in_short(error)}")
            continue
        text = f"{profile}: an image of the small model in {time.monotonic() - begun:.1f} s, in {loaded.facts['dtype']}"
        yield Finding("problem" if samples[0].reason else "ok", f"{text} {samples[0].reason}".strip())


def _disk(results: Path) -> Finding:
    folder = next(folder for folder in (results.absolute(), *results.absolute().parents) if folder.is_dir())
    free = shutil.disk_usage(folder).free
    if free < 20 * GIB:
        return Finding("note", f"{free / GIB:.0f} GiB are free in {folder}; the SDXL study needs 25 with its model")
    return Finding("ok", f"{free / GIB:.0f} GiB are free in {folder}")


def _costs(plans: dict[str, GeneratedPlan]) -> Iterator[Finding]:
    on = device()
    rates: dict[torch.dtype, float] = {}
    for name, plan in plans.items():
        settings = plan.settings.synthesis
        work = WORK.get(plan.study.models[plan.settings.model].source.repository or "")
        if work is None:
            continue
        kind = sampler.denoiser_type(settings.profile, on)
        if kind not in rates:
            rates[kind] = matmul_rate(on, kind)
        pace = work.of(settings) / (rates[kind] * SHARE[on.type, settings.profile])
        images = image_count(plan)
        # Pictures of photographs take a megabyte at 768 pixels; latents and vectors are small beside them.
        disk = images * 1.1e6 * settings.width * settings.height / 768**2
        text = f"{name}: {images} images at about {pace:.2g} s, {duration(images * pace)} on one such device, "
        yield Finding("note", f"{text}{disk / 1e9:.0f} GB of pictures (profile {settings.profile}; computed)")


def _in_short(error: Exception) -> str:
    return f"{type(error).__name__}: {' '.join(str(error).split())[:300]}"


def report(findings: Iterable[Finding]) -> bool:
    """Print findings as they come, and say whether none is a problem."""
    good = True
    for finding in findings:
        print(finding, flush=True)
        good = good and finding.state != "problem"
    return good
