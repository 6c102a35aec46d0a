"""Whether a folder holds a text-to-image pipeline that the sampler can use, told without loading it."""

import json
from pathlib import Path

# The entry of a component that a pipeline was saved without, as in model_index.json.
LEFT_OUT = [None, None]
CONVERT = (
    "only folders saved by diffusers are read; make one with StableDiffusionXLPipeline.from_single_file(FILE)"
    ".save_pretrained(FOLDER), or the class of your model, and give that folder"
)
MERGE = (
    "a LoRA changes another model and is not read by itself; load it into that model, call fuse_lora() and "
    "save_pretrained(FOLDER), and give that folder"
)


def pipeline_problem(path: Path) -> str | None:
    """Why a file or folder cannot be used as a model, with the remedy; None if nothing speaks against it.

    Parameters
    ----------
    path : Path
        What ``models.<name>.source`` names, or what was fetched for it.
    """
    index = path / "model_index.json"
    if not index.is_file():
        files = [path] if path.is_file() else sorted(path.glob("*.safetensors"))
        if any(map(_is_lora, files)):
            return f"{path} is a LoRA: {MERGE}"
        if files:
            return f"{path} is a single-file checkpoint: {CONVERT}"
        return f"{index} does not exist: {CONVERT}"
    try:
        parts = json.loads(index.read_text(encoding="utf-8"))
        name = parts.get("_class_name", "the pipeline")
    except (ValueError, AttributeError):
        return f"{index} is damaged: fetch or save the model again"
    # Components are pairs of a library and a class; everything else is a setting.
    components = {key: value for key, value in parts.items() if isinstance(value, list) and len(value) == 2}
    for key, value in components.items():
        if value != LEFT_OUT and not (path / key).is_dir():
            return (
                f"{path / key} is missing although {index.name} names it: add the folder, or write [null, null] for it "
                "if the pipeline works without (as Stable Diffusion 3 does without text_encoder_3 and tokenizer_3)"
            )
    denoisers = [key for key in ("unet", "transformer") if components.get(key, LEFT_OUT) != LEFT_OUT]
    if not denoisers or components.get("vae", LEFT_OUT) == LEFT_OUT:
        return (
            f"{name} is not supported: the sampler needs a pipeline with a unet or transformer and a vae, such as "
            "those of Stable Diffusion 1.5 to 3.5, SDXL, FLUX, PixArt or Sana"
        )
    return None


def takes_negative(folder: Path, guidance: float) -> bool:
    """Whether a negative prompt has an effect on the images of a pipeline.

    Pipelines compare the prompt with a negative one only if guidance is above 1. Distilled ones know guidance as an
    input instead: FLUX, and UNets such as those of latent consistency models, which have an embedding for it.
    """
    parts = json.loads((folder / "model_index.json").read_text(encoding="utf-8"))
    if guidance <= 1 or str(parts["_class_name"]).startswith(("Flux", "LatentConsistency")):
        return False
    unet = folder / "unet" / "config.json"
    return not (unet.is_file() and json.loads(unet.read_text(encoding="utf-8")).get("time_cond_proj_dim"))


def _is_lora(file: Path) -> bool:
    """Whether the header of a safetensors file names tensors of a LoRA."""
    try:
        with file.open("rb") as stream:
            header = stream.read(min(int.from_bytes(stream.read(8), "little"), 10**7))
        return b".lora" in header or b"lora_" in header
    except OSError:
        return False
