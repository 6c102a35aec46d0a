"""Identities: canonical JSON, hashes, shards, slugs and noise seeds, stable across machines, versions and order."""

import hashlib
import json
import re
from pathlib import Path
from typing import Any

SLUG = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")


def canonical_json(value: Any) -> str:
    """JSON with sorted keys and no spaces, so equal values give equal text.

    Raises
    ------
    ValueError
        For NaN and infinities, which JSON cannot represent.

    Examples
    --------
    >>> canonical_json({"seed": 1, "group": "young"})
    '{"group":"young","seed":1}'
    """
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False)


def digest(value: Any) -> str:
    """SHA-256 of the canonical JSON, 64 hex digits.

    Examples
    --------
    >>> digest({"seed": 1, "group": "young"})[:12]
    '602d8e08f839'
    """
    return hashlib.sha256(canonical_json(value).encode()).hexdigest()


def file_digest(path: Path) -> str:
    """SHA-256 of a file's content, 64 hex digits."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def is_slug(text: str) -> bool:
    """Whether a text is safe as file name and wildcard: lower-case words joined by hyphens, at most 80 characters.

    Examples
    --------
    >>> is_slug("read-a-book"), is_slug("Read a book")
    (True, False)
    """
    return len(text) <= 80 and SLUG.fullmatch(text) is not None


def shard_index(identity: str, count: int) -> int:
    """The shard of an activity or a file: its hash modulo the number of shards.

    If ``m`` divides ``n``, the shard among ``m`` is the shard among ``n`` modulo ``m``, so coarse shards are unions of
    fine ones. Adding an identity affects only one shard.

    Examples
    --------
    >>> [shard_index(name, 4) for name in ("cook", "dance", "sing")]
    [0, 2, 3]
    >>> [shard_index(name, 2) for name in ("cook", "dance", "sing")]
    [0, 0, 1]
    """
    return int(hashlib.sha256(identity.encode("utf-8", "surrogateescape")).hexdigest()[:16], 16) % count


def shard_name(index: int, count: int) -> str:
    """File name of a shard, which includes the count so that shards of different splits are never mixed.

    Examples
    --------
    >>> shard_name(3, 16)
    '0003-of-0016'
    """
    return f"{index:04d}-of-{count:04d}"


def noise_seed(noise: str, activity_id: str, seed: int) -> int:
    """Seed of an image's generator, 0 <= seed < 2**63 (docs/method.md section 1).

    ``paired``: a hash of (activity, seed), the same for every group, so paired images differ only in their prompt.
    ``shared``: the bare seed for every activity.

    Examples
    --------
    >>> noise_seed("paired", "read-a-book", 7)
    8902420727523129315
    >>> noise_seed("shared", "read-a-book", 7)
    7
    """
    if noise == "shared":
        return seed
    return int(digest([activity_id, seed])[:16], 16) >> 1
