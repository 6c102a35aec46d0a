"""Configuration of the page."""

from typing import Annotated

from pydantic import Field, StringConstraints

from untold.study.schema_base import Name, Strict, Text


class Report(Strict):
    """Wording and colours of the page; downstream of everything."""

    title: Text = Field(description="Title of the page.")
    examples: int = Field(ge=1, le=24, description="Quadruplets on the first screen.")
    colours: dict[Name, Annotated[str, StringConstraints(pattern=r"^#[0-9a-fA-F]{6}$")]] = Field(
        default_factory=dict, description="Colour of a group, `#rrggbb`; the others take the palette's."
    )
