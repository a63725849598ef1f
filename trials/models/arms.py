"""Arms, their allocation, and the administrations planned in the experimental one."""

from typing import Literal, Self

from pydantic import Field, model_validator

from trials.models.base import Model, Name


class Arm(Model):
    """One arm as planned.

    Attributes:
        code: as the extract's ARMCD carries it.
        synonyms: what else the arm is called: no open text may have it, nor code or name.
        phrases: in which a name that is an ordinary word, as Control, names the arm wherever they
            stand: "control therapy". By itself such a name counts as a whole text, in brackets,
            between punctuation, and beside arm, group, cohort or stratum.
        ratio: its share of the allocation, against the other arms' ratios.
        control: whether the other arms are compared with it.
    """

    code: Name
    name: Name
    synonyms: tuple[Name, ...] = ()
    phrases: tuple[Name, ...] = ()
    description: str = ""
    ratio: int = Field(default=1, ge=1)
    control: bool = False


class Arms(Model):
    """The arms in their order, and how participants are allocated to them.

    Attributes:
        allocation: in words.
        method: of randomization; none where it is not known.
        largest_block: allocations in the largest permuted block, of all arms together.
        lists: what has a list of blocks of its own.
        list: the arms.
    """

    allocation: str = ""
    method: Literal["permuted blocks", "simple"] | None = None
    largest_block: int | None = Field(default=None, ge=2)
    lists: Literal["trial", "site", "stratum"] = "trial"
    list: tuple[Arm, ...] = Field(min_length=1)

    @model_validator(mode="after")
    def _blocks_hold_the_ratio(self) -> Self:
        if (self.method == "permuted blocks") != (self.largest_block is not None):
            raise ValueError("has largest_block if, and only if, method is permuted blocks")
        unit = sum(arm.ratio for arm in self.list)
        if self.largest_block is not None and self.largest_block % unit:
            raise ValueError(f"largest_block {self.largest_block} is no multiple of {unit}")
        return self


class Randomization(Model):
    """Where the date of randomization comes from.

    The allocation list comes first, then DS, then `fallback_visit`, then `source`; the first that
    has at least 95 % of all whom any of them calls randomized counts for the whole trial.

    Attributes:
        fallback_visit: the visit whose date counts where neither list nor DS carries one.
        source: demographics, where nothing else says who is randomized: whoever has the code of an
            arm, dated by the reference start (`DM.RFSTDTC`, which at least 95 % of them must have)
            or without a date (`DM.ARMCD`).
    """

    fallback_visit: str | None = None
    source: Literal["DM.RFSTDTC", "DM.ARMCD"] | None = None


class Dosing(Model):
    """The planned administrations of the experimental arm; sealed data is held against them.

    Attributes:
        planned: the number of administrations; `days` has the planned day of each.
        day_one: what day 1 of `days` is.
        window_days: how many days an administration may be late.
        dose: a full dose, in `dose_unit`, give or take `dose_tolerance` (a share).
        viability_test: the DATESTCD of the share of living cells.
        viability_minimum: the smallest acceptable share, in percent.
    """

    planned: int = Field(ge=1)
    day_one: Literal["assignment", "day after assignment"] = "assignment"
    days: tuple[int, ...]
    window_days: int = Field(ge=0)
    minimum_interval_days: int = Field(ge=0)
    route: str = "not stated"
    dose: float | None = Field(default=None, gt=0)
    dose_unit: str = ""
    dose_tolerance: float = Field(default=0, ge=0, lt=1)
    viability_test: str | None = None
    viability_minimum: float | None = Field(default=None, gt=0, le=100)

    @model_validator(mode="after")
    def _one_day_per_dose(self) -> Self:
        if len(self.days) != self.planned:
            raise ValueError(f"planned = {self.planned} but days names {len(self.days)}")
        return self
