"""Configuration of activities and prompts."""

from string import Formatter
from typing import Annotated, Self

from pydantic import Field, StringConstraints, model_validator

from untold.study.schema_base import Name, Strict, Text


class AgeGrid(Strict):
    """Prompts that state an age, used to estimate the implied age of the neutral person (docs/method.md section 7)."""

    ages: list[Annotated[int, Field(ge=0, le=120)]] = Field(min_length=3, description="Ages in years.")
    templates: dict[Name, Text] = Field(
        min_length=1,
        description="Prompt templates with `{activity}` and either `{age}` (in years) or `{word}` (the age as a word).",
    )
    words: dict[Annotated[str, StringConstraints(pattern=r"^(0|[1-9][0-9]{0,2})$")], Text] = Field(
        default_factory=dict,
        description="The word that `{word}` stands for from each age (in years) upwards, such as `'20': young`.",
    )

    @model_validator(mode="after")
    def _check(self) -> Self:
        if len(set(self.ages)) < len(self.ages):
            raise ValueError("ages: an age is listed twice; remove one")
        for name, template in self.templates.items():
            fields = _fields(template)
            if "activity" not in fields or not fields & {"age", "word"} or fields - {"activity", "age", "word"}:
                raise ValueError(
                    f"templates.{name}: must have the fields {{activity}} and {{age}} or {{word}}, no others"
                )
            if "word" in fields and (not self.words or min(map(int, self.words)) > min(self.ages)):
                raise ValueError(f"templates.{name}: {{word}} needs a word for age {min(self.ages)}; add it to words")
        return self


class Prompts(Strict):
    """A neutral prompt and one prompt per group, such as the quadruplet of ages (docs/method.md section 1)."""

    neutral: Text = Field(description="Template of the neutral prompt, with `{activity}`.")
    groups: dict[Name, Text] = Field(
        min_length=2, description="Templates of the marked groups, with `{activity}`, in the order of the axis."
    )
    ordered: bool = Field(
        True, description="Whether the groups have an order, as ages do; if so, three or more are tested for a trend."
    )
    placebos: dict[Name, Text] = Field(
        default_factory=dict,
        description="Templates whose modifier has the same length but no bearing on the axis.",
    )
    age_grid: AgeGrid | None = Field(None, description="Prompts that state an age, to estimate the implied age.")
    negative: Annotated[str, StringConstraints(max_length=2000)] = Field("", description="Negative prompt.")

    @model_validator(mode="after")
    def _check(self) -> Self:
        templates = {"neutral": self.neutral, **self.groups, **self.placebos}
        for name, template in templates.items():
            if _fields(template) != {"activity"}:
                raise ValueError(
                    f"{name}: a template must have the field {{activity}} and no others (write {{{{ for a brace)"
                )
        if clash := ({"neutral"} & set(self.groups) | {"neutral"} & set(self.placebos)) or (
            set(self.groups) & set(self.placebos)
        ):
            raise ValueError(f"groups and placebos: the name {sorted(clash)[0]} is taken; choose another")
        grid = self.age_grid
        aged = {f"{name}_{age}" for name in grid.templates for age in grid.ages} if grid else set()
        if clash := aged & set(templates):
            raise ValueError(f"age_grid.templates: {sorted(clash)[0]} is also the name of a group; choose another")
        return self


def _fields(template: str) -> set[str]:
    try:
        parts = Formatter().parse(template)
        parsed = [(field, spec, conversion) for _, field, spec, conversion in parts if field is not None]
    except ValueError as error:
        raise ValueError(f"{template!r}: {error}; write {{{{ and }}}} for literal braces") from None
    for field, spec, conversion in parsed:
        if spec or conversion:
            raise ValueError(f"{template!r}: write {{{field}}} without : or !")
    return {field for field, _, _ in parsed}


class Activities(Strict):
    """The rows of the activities table that a dataset uses."""

    file: Text = Field(description="CSV with the columns id, activity, category, lexicon_code, miniature.")
    miniature: bool = Field(False, description="Keep only activities that the built-in miniature world knows.")
    categories: list[Text] | None = Field(None, description="Keep only these categories; all when omitted.")
    limit: Annotated[int, Field(ge=1)] | None = Field(
        None, description="Keep at most this many activities, in the order of the table."
    )
