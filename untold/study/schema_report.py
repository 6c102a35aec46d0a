"""Configuration of the report page."""

from typing import Annotated

from pydantic import Field, StringConstraints

from untold.study.schema_base import Name, Strict, Text


class Report(Strict):
    """Wording and colours of the report page. Changes here rerun nothing but the figures and the page."""

    title: Text = Field("Who does the “neutral” person look like?", description="Title of the page.")
    examples: int = Field(6, ge=1, le=24, description="Example quadruplets shown at the top of the page.")
    colours: dict[Name, Annotated[str, StringConstraints(pattern=r"^#[0-9a-fA-F]{6}$")]] = Field(
        default_factory=dict, description="Colours of groups, as `#rrggbb`; other groups take theirs from the palette."
    )
