"""The content-addressed store of generated images, ``ab/<key>.png``, and their latents, ``ab/<key>.safetensors``.

The key is the digest of the recipe, that is, of everything that determines the pixels. Both files are written
atomically, the image after its latents, so an existing image is complete and has latents even if a process was killed.
"""

import hashlib
import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from PIL import Image
from PIL.PngImagePlugin import PngImageFile, PngInfo
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save

from untold.base.files import atomic
from untold.base.identity import canonical_json, digest
from untold.synthesis.pictures import is_constant

# Level 6 takes several times as long as level 1 to save a tenth of the size (docs/performance.md, "SDXL").
PNG_LEVEL = 1


class BrokenEntry(ValueError):
    """A stored image or its latents are damaged or have been replaced; the message says how."""


class Entry(NamedTuple):
    """A verified image from the store, and how it was made: the sampler's facts as canonical JSON."""

    path: Path
    sha256: str
    width: int
    height: int
    latents: np.ndarray
    made: str = "{}"


class Store:
    """Images and their final latents by the digest of their recipe.

    Parameters
    ----------
    folder : Path
        Created with the first image. Several jobs may share it, because they would write equal files under equal keys.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def path(self, key: str) -> Path:
        """Path of the image with a key, whether or not it exists."""
        return self.folder / key[:2] / f"{key}.png"

    def put(
        self, recipe: Mapping[str, Any], image: np.ndarray, latents: np.ndarray, facts: Mapping[str, Any] | None = None
    ) -> Entry:
        """Write an image and its latents.

        Parameters
        ----------
        recipe : mapping of str to JSON value
            Everything that determines the pixels; its digest is the key, its items become text chunks of the PNG.
        image : ndarray of uint8, shape (height, width, 3)
        latents : ndarray of float16, shape (channels, height, width)
        facts : mapping of str to JSON value, optional
            How the image was made: device, types, versions. They lie beside the latents, so they live as long as the
            image does, and are no part of the key.
        """
        made = canonical_json(dict(facts or {}))
        key = digest(dict(recipe))
        path = self.path(key)
        latents = np.ascontiguousarray(latents, dtype=np.float16)
        with atomic(path.with_suffix(".safetensors")) as part:
            # One item: safetensors writes several in random order, and equal entries must have equal bytes.
            part.write_bytes(save({"latents": latents}, metadata={"made": made}))
        text = PngInfo()
        for name, value in {
            "key": key,
            "pixels_sha256": _sha256(image),
            "latents_sha256": _sha256(latents),
            **{name: value if isinstance(value, str) else canonical_json(value) for name, value in recipe.items()},
        }.items():
            text.add_itxt(name, value)
        buffer = io.BytesIO()
        Image.fromarray(image).save(buffer, "PNG", compress_level=PNG_LEVEL, pnginfo=text)
        with atomic(path) as part:
            part.write_bytes(buffer.getbuffer())
        return Entry(
            path, hashlib.sha256(buffer.getbuffer()).hexdigest(), image.shape[1], image.shape[0], latents, made
        )

    def get(self, key: str, size: tuple[int, int], latent_shape: tuple[int, ...]) -> Entry | None:
        """Read and verify the image stored under a key.

        Parameters
        ----------
        key : str
        size : (int, int)
            Width and height that the image must have, in pixels.
        latent_shape : tuple of int
            Shape that the latents must have.

        Returns
        -------
        Entry or None
            None if there is no image.

        Raises
        ------
        BrokenEntry
            If the image cannot be decoded, has the wrong size, is constant or has been replaced, or its latents are
            missing or damaged.
        """
        path = self.path(key)
        try:
            content = path.read_bytes()
        except FileNotFoundError:
            return None
        try:
            with Image.open(io.BytesIO(content), formats=["PNG"]) as picture:
                # Check size and identity first, so pixels of an unexpected size are never decoded.
                if picture.size != size:
                    raise BrokenEntry(f"{picture.size[0]} x {picture.size[1]} pixels instead of {size[0]} x {size[1]}")
                picture.load()
                assert isinstance(picture, PngImageFile)
                text = dict(picture.text)
                image = np.asarray(picture)
        except BrokenEntry:
            raise
        except Exception as error:  # a damaged file raises almost anything out of the decoder
            raise BrokenEntry(f"does not decode ({error})") from error
        if text.get("key") != key:
            raise BrokenEntry("is the picture of another key, or of another program")
        if text.get("pixels_sha256") != _sha256(image):
            raise BrokenEntry("its pixels are not the ones that were written")
        if is_constant(image):
            raise BrokenEntry("is constant")
        latents, made = self._latents(path.with_suffix(".safetensors"))
        if latents.shape != latent_shape or text.get("latents_sha256") != _sha256(latents):
            raise BrokenEntry("its latents are not the ones that were written")
        return Entry(path, hashlib.sha256(content).hexdigest(), *size, latents, made)

    @staticmethod
    def _latents(path: Path) -> tuple[np.ndarray, str]:
        try:
            with safe_open(path, framework="numpy") as file:
                return file.get_tensor("latents"), (file.metadata() or {}).get("made", "{}")
        except FileNotFoundError:
            raise BrokenEntry("its latents are missing") from None
        except (SafetensorError, OSError) as error:
            raise BrokenEntry(f"its latents cannot be read ({error})") from error


def _sha256(array: np.ndarray) -> str:
    """SHA-256 of an array's shape, type and bytes."""
    found = hashlib.sha256(f"{array.shape}{array.dtype.str}".encode())
    found.update(np.ascontiguousarray(array).data)  # without a copy, which would hold up the thread that feeds the GPU
    return found.hexdigest()
