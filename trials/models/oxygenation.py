"""Oxygenation: the measures, their bands, and the rank-based composite."""

from typing import Literal, Self

from pydantic import Field, model_validator

from trials.models.base import Band, Identifier, Model, Name, require_distinct_names

Rung = Literal[
    "died", "support_4", "support_3", "support_2", "support_1", "ratio", "discharged_without_oxygen"
]


class OxygenBand(Band):
    """A band of PaO2/FiO2.

    Attributes:
        berlin: its name in the Berlin definition, given enough PEEP.
    """

    berlin: Name | None = None


class Oxygenation(Model):
    """The measures and limits of the pages on oxygenation.

    Attributes:
        peep: the measure of PEEP or CPAP; from `berlin_peep` on a band has its Berlin name.
        bands: of PaO2/FiO2, the best first.
        scale: the measure of clinical progression; `scale_bands` its values, the best first.
        saturation, saturation_fio2: the measures of SpO2/FiO2; a saturation above
            `saturation_at_most`, in percent, says nothing of it.
        composite: the rank-based composite of the primary day, the worst first; `support_3` is
            respiratory support of rank 3, `ratio` PaO2/FiO2 within which the value ranks.
        ventilator_free_days: the last day up to which ventilator-free days are counted.
        around_dose_days: the days before and after a dose that are looked at.
        deltas: shifts of PaO2/FiO2, in mmHg, of those without a gas on the primary day, by which
            the difference between arms is tried; 0 is among them.
    """

    peep: Identifier
    berlin_peep: float = Field(default=5, gt=0)
    bands: tuple[OxygenBand, ...] = Field(min_length=1)
    scale: Identifier
    scale_bands: tuple[Band, ...] = Field(min_length=1)
    saturation: Identifier
    saturation_fio2: Identifier
    saturation_at_most: float = Field(default=97, gt=0, le=100)
    composite: tuple[Rung, ...] = Field(min_length=2)
    ventilator_free_days: int = Field(default=28, ge=1)
    around_dose_days: int = Field(default=3, ge=1)
    deltas: tuple[float, ...] = ()

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.deltas and 0 not in self.deltas:
            raise ValueError("has deltas without 0, with which the others are compared")
        if len(set(self.composite)) < len(self.composite):
            raise ValueError("names a part of composite twice")
        require_distinct_names(self.bands, self.scale_bands)
        return self
