"""Ventilator-free days of one participant.

Source
------
Yehya N, Harhay MO, Curley MAQ, Schoenfeld DA, Reeder RW. Reappraisal of ventilator-free days in
critical care research. American Journal of Respiratory and Critical Care Medicine 2019; 200:
828-836.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from estimators.arguments import require_count

# First and last day with invasive ventilation; the last is None while it goes on.
Span = tuple[int | None, int | None]


@dataclass(frozen=True)
class FreeDays:
    """Ventilator-free days, from 0 on; None where they are not defined, and `reason` says why."""

    days: int | None
    reason: str | None = None


def ventilator_free_days(
    spans: Sequence[Span],
    death_day: int | None,
    last_known_day: int | None,
    days: int = 28,
    liberation_hours_as_days: int = 2,
) -> FreeDays:
    """How many of the first days is a participant alive and free of invasive ventilation for good?

    Parameters
    ----------
    spans : days of invasive ventilation in any order; they may overlap. Day 1 is the day of
        randomization, and days before it are 0 and less.
    death_day : the day of death, None if the participant is not known to have died.
    last_known_day : the last day through which life and ventilation are known.
    days : the horizon in days.
    liberation_hours_as_days : whole days without ventilation that make a liberation successful.

    Method: 0 for a death by the horizon; the horizon for whoever was never ventilated in it; 0
    for whoever is ventilated on its last day; else the horizon less the last day of ventilation.
    A return to ventilation within the horizon starts the count anew, so that only the last
    liberation counts.

    Days, not hours: a participant is liberated at some time of the last day of a span. Two whole
    days follow without ventilation, so that 48 hours have certainly passed. Ventilation again on
    the second day may be after 25 or after 71 hours; it is taken as less than 48, and the
    liberation as not successful. What follows the horizon within these days counts, too: with
    ventilation again, or death, on one of them the participant is not free at the horizon and
    has 0.

    Undefined, with a reason: before the horizon or those days are observed, and where a day that
    matters is missing or a span ends before it begins.

    Misleads as a mean, since death and ventilation on the last day are both 0: compare by rank
    and show the components beside.

    Raises ValueError where the horizon is less than 1 or the days of a liberation less than 0.

    Source: Yehya et al. 2019, with the days above.
    """
    require_count(days, "The horizon in days", minimum=1)
    require_count(liberation_hours_as_days, "The days of a liberation")
    if death_day is not None and death_day <= days:
        return FreeDays(0)
    if last_known_day is None:
        return FreeDays(None, "The last day with known status is missing.")
    if last_known_day < days:
        return FreeDays(None, f"Day {days} is not observed: known through day {last_known_day}.")
    if any(first is None for first, _ in spans):
        return FreeDays(None, "The first day of a ventilation is missing.")
    known = [(first, last) for first, last in spans if first is not None]
    if any(last is not None and last < first for first, last in known):
        return FreeDays(None, "A ventilation ends before it begins.")
    # A ventilation that goes on has lasted through the horizon.
    ends = [days if last is None else min(last, days) for first, last in known if first <= days]
    free_from = max(ends, default=0)
    if free_from < 1:
        return FreeDays(days)
    if free_from == days:
        return FreeDays(0)
    through = free_from + liberation_hours_as_days
    again = any(free_from < first <= through for first, _ in known)
    if again or (death_day is not None and death_day <= through):
        return FreeDays(0)
    if last_known_day < through:
        reason = f"Liberation on day {free_from} needs day {through}: known through day "
        return FreeDays(None, f"{reason}{last_known_day}.")
    return FreeDays(days - free_from)
