"""Which of the catalogue's tables and figures a dataset has."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

Per = Literal["dataset", "space", "image space", "first image space", "text encoder", "studies"]
Trait = Literal["generated", "planted", "audited", "captioned", "published", "several spaces"]


@dataclass(frozen=True)
class Scope:
    """What decides which tables and figures a dataset has.

    Attributes
    ----------
    traits : set of str
        ``generated`` (made by a model, not a folder), ``planted`` (its bias is known), ``audited`` (classifiers are
        held against labels), ``captioned``, ``published`` (there are published figures of the same classifiers),
        ``several spaces`` (of images).
    spaces, image_spaces : sequence of str
        All spaces, and those of images rather than prompts.
    text_encoders : sequence of str
        Encoders that embed prompts too.
    """

    traits: frozenset[Trait]
    spaces: Sequence[str]
    image_spaces: Sequence[str]
    text_encoders: Sequence[str]

    def names(self, name: str, per: Per, requires: Trait | None) -> list[str]:
        """Names of one table or figure, such as ``contrasts``, or ``dino-clusters`` and one for every other space."""
        if requires and requires not in self.traits:
            return []
        prefixes: dict[Per, Sequence[str]] = {
            "dataset": [""],
            "space": self.spaces,
            "image space": self.image_spaces,
            "first image space": self.image_spaces[:1],
            "text encoder": self.text_encoders,
            "studies": [],
        }
        return [f"{prefix}-{name}".removeprefix("-") for prefix in prefixes[per]]
