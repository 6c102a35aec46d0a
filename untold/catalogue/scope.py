"""The tables and figures of the catalogue that a dataset has."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

Per = Literal["dataset", "space", "image space", "first image space", "text encoder", "studies"]
Trait = Literal["generated", "planted", "depicted", "readout", "audited", "captioned", "published", "several spaces"]


@dataclass(frozen=True)
class Scope:
    """The properties of a dataset that decide which tables and figures it has.

    Attributes
    ----------
    traits : set of str
        ``generated`` (by a model), ``planted`` (its bias is known), ``depicted`` (an
        oracle knows what its images show), ``readout`` (shares are also read from the denoiser),
        ``audited`` (classifiers are compared with labels),
        ``captioned``, ``published`` (there are published results for the same classifiers), ``several spaces`` (more
        than one space of images).
    spaces, image_spaces : sequence of str
        All spaces, and those of images rather than prompts.
    text_encoders : sequence of str
        Encoders that also embed prompts.
    """

    traits: frozenset[Trait]
    spaces: Sequence[str]
    image_spaces: Sequence[str]
    text_encoders: Sequence[str]

    def names(self, name: str, per: Per, requires: Trait | None) -> list[str]:
        """Names of a table or figure: ``contrasts`` alone, or ``dino-clusters`` and one more for each other space."""
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
