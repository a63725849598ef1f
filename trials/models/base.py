"""What all parts of a definition share: frozen models, names, and ranges under a name."""

from collections.abc import Sequence
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

Name = Annotated[str, Field(min_length=1, max_length=400)]
Identifier = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]{0,40}$")]


class Model(BaseModel):
    """Frozen, and strict about names: an unknown key is an error, never ignored."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Band(Model):
    """A range of values under a name, with at least one limit.

    Attributes:
        at_least, above: the lower limit, with or without the limit itself.
        below, at_most: the upper limit, without or with the limit itself.
    """

    name: Name
    at_least: float | None = None
    above: float | None = None
    below: float | None = None
    at_most: float | None = None

    @model_validator(mode="after")
    def _has_limits(self) -> Self:
        if self.at_least is not None and self.above is not None:
            raise ValueError("has both at_least and above: name one of the two")
        if self.below is not None and self.at_most is not None:
            raise ValueError("has both below and at_most: name one of the two")
        if (self.at_least, self.above, self.below, self.at_most) == (None,) * 4:
            raise ValueError("has no limit: name at_least, above, below or at_most")
        return self


def require_distinct_names(*groups: Sequence[Band]) -> None:
    """Refuse two bands of one group under the same name."""
    for bands in groups:
        if len({band.name for band in bands}) < len(bands):
            raise ValueError("gives two bands the same name")


def require_range(lower: float, upper: float) -> None:
    """Refuse a range that is empty."""
    if lower >= upper:
        raise ValueError(f"lower {lower} is not below upper {upper}")
