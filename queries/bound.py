"""What of a trial's definition a question is bound to, under the name that its file has for it."""

from collections.abc import Callable, Sequence
from typing import Any

from trials import Band, SpecialInterest, Trial


def schedule(trial: Trial) -> list[dict[str, Any]]:
    """The planned visits, in their order."""
    return [visit.model_dump() for visit in trial.schedule]


def planned_days(trial: Trial) -> list[int]:
    """The study days of the planned visits from day 1 on, once each."""
    return sorted({visit.day for visit in trial.schedule if visit.day >= 1})


def oxygenation_rules(trial: Trial) -> dict[str, Any]:
    """The measures by which a participant's day is told; none of them without [oxygenation]."""
    names = ("scale", "peep", "saturation", "saturation_fio2")
    rules = trial.oxygenation
    if rules is None:
        return dict.fromkeys(names, "") | {"saturation_at_most": 0.0}
    return {name: getattr(rules, name) for name in (*names, "saturation_at_most")}


def bands(of: Sequence[Band]) -> list[dict[str, Any]]:
    """Bands of a value; each limit is there, null where it is open, so that it has a type."""
    limits = ("name", "at_least", "above", "below", "at_most")
    return [{limit: getattr(band, limit) for limit in limits} for band in of]


def terms(groups: Sequence[SpecialInterest]) -> list[dict[str, Any]]:
    """The terms of groups of special interest; one without a category counts alone."""
    return [
        {
            "group": group.id,
            "number": number,
            "term": term,
            "category": category,
            "days": group.algorithm_days,
        }
        for number, group in enumerate(groups)
        for term, category in group.counted_terms
    ]


def grading_steps(trial: Trial) -> list[dict[str, Any]]:
    """The gradings of measures, a row for each step."""
    return [
        {"measure": grading.measure, "term": grading.term, "beside": grading.baseline == "beside"}
        | step.model_dump()
        for grading in trial.grades
        for step in grading.steps
    ]


# `Board.ask` binds these where a question names them and nothing else is given.
BY_NAME: dict[str, Callable[[Trial], Any]] = {
    "schedule": schedule,
    "last": lambda trial: schedule(trial)[-1],
    "rules": oxygenation_rules,
    "terms": lambda trial: terms(trial.special_interest),
    "steps": grading_steps,
    "liver": lambda trial: trial.liver and trial.liver.model_dump(),
    "composite": lambda trial: trial.oxygenation and list(trial.oxygenation.composite),
}
