"""What in a model's folder could run code when a library loads it."""

import json
from pathlib import Path

PICKLES = (".bin", ".pt", ".pth", ".ckpt", ".pkl", ".pickle")
# A tokenizer's vocabulary may have tens of megabytes; configurations have a few kilobytes.
LARGEST_CONFIGURATION = 2**20


def runs_code(file: Path, root: Path) -> str:
    """Why a file of a model is refused; empty if it is harmless.

    Python files and configurations that ask for them (``auto_map``, ``trust_remote_code``) would run on loading. A
    pickle beside a model's configuration may be loaded instead of the safetensors; those of a pipeline's parts are not.

    Parameters
    ----------
    file, root : Path
        A file and the folder of the model it belongs to.
    """
    if file.suffix.lower() == ".py":
        return "is Python code, which a library could run when it loads the model"
    if file.suffix.lower() in PICKLES and file.parent == root:
        return "is a pickle, which a library could load instead of the safetensors"
    if file.suffix.lower() == ".json" and file.stat().st_size <= LARGEST_CONFIGURATION:
        try:
            asked = _asks_for_code(json.loads(file.read_text(encoding="utf-8")))
        except (ValueError, RecursionError):
            return ""  # whoever reads it will say that it is damaged
        return f"asks to run code of its own (`{asked}`)" if asked else ""
    return ""


def _asks_for_code(value: object) -> str:
    if isinstance(value, dict):
        for key, inner in value.items():
            if key in ("auto_map", "custom_pipelines") and inner:
                return str(key)
            if key == "trust_remote_code" and inner is not False and inner is not None:
                return str(key)
            if found := _asks_for_code(inner):
                return found
    if isinstance(value, list):
        return next(filter(None, map(_asks_for_code, value)), "")
    return ""
