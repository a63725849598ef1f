"""What the parts of a definition must not contradict each other in: a function for each rule.

Each rule takes the trial and gives what breaks it: the key it is about, and a text.
"""

from collections.abc import Collection, Iterable, Iterator
from itertools import pairwise
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import BaseModel

if TYPE_CHECKING:
    from trials.models.trial import Trial

Key = tuple[int | str, ...]
Problems = Iterator[tuple[Key, str]]
References = Iterable[tuple[Key, str]]

_GAS_RATIO = {"pao2_fio2"}
_OF_PARTICIPANTS = {"age", "bmi"}


class ContradictionError(ValueError):
    """Parts of a definition that contradict each other: each problem with the key it is about."""

    def __init__(self, problems: list[tuple[Key, str]]) -> None:
        super().__init__("; ".join(text for _, text in problems))
        self.problems = problems


def contradictions(trial: "Trial") -> Problems:
    """All problems by all rules, in the order of the rules; each text begins with its key."""
    for rule in RULES:
        for key, text in rule(trial):
            yield key, f"{'.'.join(str(part) for part in key)}: {text}"


def time_zone_exists(trial: "Trial") -> Problems:
    """The tz database has the time zone."""
    try:
        ZoneInfo(trial.timezone)
    except (ZoneInfoNotFoundError, ValueError):
        yield ("timezone",), f"{trial.timezone!r} is no time zone of the tz database"


def names_are_unique(trial: "Trial") -> Problems:
    """Nothing has the name or number of another of its kind."""
    arms, schedule = trial.arms.list, trial.schedule
    for path, field, names in (
        (("arms", "list"), "code", [arm.code.casefold() for arm in arms]),
        (("arms", "list"), "name", [arm.name.casefold() for arm in arms]),
        (("schedule",), "visit", [visit.visit.casefold() for visit in schedule]),
        (("schedule",), "number", [f"{visit.number:g}" for visit in schedule]),
        (("criteria",), "id", [criterion.id for criterion in trial.criteria]),
        (("measures",), "name", [measure.name for measure in trial.measures]),
        (("grades",), "measure", [f"{item.measure}, {item.term}" for item in trial.grades]),
        (("special_interest",), "id", [group.id for group in trial.special_interest]),
        (("stopping_rules",), "id", [rule.id for rule in trial.stopping_rules]),
        (("sequential_rules",), "id", [rule.id for rule in trial.sequential_rules]),
    ):
        for index, name in enumerate(names):
            if name in names[:index]:
                yield (*path, index, field), f"{name!r} appears twice"


def visits_are_in_order(trial: "Trial") -> Problems:
    """The schedule lists visits by their days."""
    for index, (earlier, later) in enumerate(pairwise(trial.schedule), start=1):
        if later.day < earlier.day:
            text = (
                f"{later.visit} on day {later.day} follows {earlier.visit} on day {earlier.day}; "
                "visits stand in the order of their days"
            )
            yield ("schedule", index, "day"), text


def visits_exist(trial: "Trial") -> Problems:
    """The schedule has every visit that another part names."""
    visits = {visit.visit.casefold() for visit in trial.schedule}
    fallback = trial.randomization.fallback_visit
    named = [] if fallback is None else [(("randomization", "fallback_visit"), fallback)]
    planned = _listed(trial.assessments, "assessments", "visits")
    for key, name in (*named, *planned):
        if name.casefold() not in visits:
            yield key, f"{name!r} is no visit of the schedule"


def open_values_are_not_sealed(trial: "Trial") -> Problems:
    """What one arm only has is not open."""
    for key, value, kind in _open_values(trial):
        if _plain(value) in {_plain(name) for name in getattr(trial.sealed, kind)}:
            text = (
                f"{value!r} is open here, and [sealed] {kind} says that one arm only has it: who "
                "has it would tell the arm. Take it out of one of the two"
            )
            yield key, text


def measures_exist(trial: "Trial") -> Problems:
    """The definition has every measure that another part names; some parts take derived ones."""
    yield from _no_measure(trial, _recorded_measures(trial), set())
    yield from _no_measure(trial, _measures_of_pages(trial), _GAS_RATIO)
    yield from _no_measure(trial, _measures_of_participants(trial), _GAS_RATIO | _OF_PARTICIPANTS)


def standard_care_does_not_exclude(trial: "Trial") -> Problems:
    """A criterion does not exclude what is standard care."""
    standard = {_plain(name) for name in trial.standard_care}
    for key, term in _listed(trial.criteria, "criteria", "medication"):
        if _plain(term) in standard:
            yield key, f"{term!r} excludes here and is standard care. Take it out of one"


def days_are_planned(trial: "Trial") -> Problems:
    """The schedule reaches the day of deaths, where it is in order, and has the day of change."""
    days = [visit.day for visit in trial.schedule]
    if trial.immune is not None and trial.immune.change_day not in days:
        text = f"day {trial.immune.change_day} is no day of the schedule"
        yield ("immune", "change_day"), text
    if days == sorted(days) and trial.survival.day > days[-1]:
        text = f"day {trial.survival.day} is after the last day of the schedule"
        yield ("survival", "day"), text


def medication_class_exists(trial: "Trial") -> Problems:
    """The open values have the class of vasopressors."""
    classes = {item.name for item in trial.open.medication_classes}
    if trial.worsening is not None and trial.worsening.vasopressors not in classes:
        name = trial.worsening.vasopressors
        yield ("worsening", "vasopressors"), f"{name!r} is no class of medication"


def rules_have_their_parts(trial: "Trial") -> Problems:
    """A rule's group of special interest, arm and primary endpoint are there."""
    groups = {group.id for group in trial.special_interest}
    codes = {arm.code.casefold() for arm in trial.arms.list}
    for index, rule in enumerate(trial.stopping_rules):
        if rule.group not in groups:
            key = ("stopping_rules", index, "group")
            yield key, f"{rule.group!r} is no special-interest group"
        if rule.arm.casefold() not in codes:
            yield ("stopping_rules", index, "arm"), f"{rule.arm!r} is the code of no arm"
    for index, planned in enumerate(trial.sequential_rules):
        if planned.endpoint != "death" and trial.primary is None:
            yield ("sequential_rules", index, "endpoint"), "needs [primary]"
        measure = trial.primary.measure if trial.primary is not None else "pao2_fio2"
        if planned.endpoint == "primary" and measure != "pao2_fio2":
            text = f"compares pao2_fio2 alone, but [primary] names {measure!r}"
            yield ("sequential_rules", index, "endpoint"), text
        if planned.endpoint == "composite" and trial.oxygenation is None:
            yield ("sequential_rules", index, "endpoint"), "needs [oxygenation]"


def assumed_values_exist(trial: "Trial") -> Problems:
    """Every key that is assumed is a value of the definition."""
    for key in trial.assumed:
        value: Any = trial
        for part in key.split("."):
            if not isinstance(value, BaseModel) or part not in type(value).model_fields:
                yield ("assumed", key), "is no value of this definition"
                break
            value = getattr(value, part)


RULES = (
    time_zone_exists,
    names_are_unique,
    visits_are_in_order,
    visits_exist,
    open_values_are_not_sealed,
    measures_exist,
    standard_care_does_not_exclude,
    days_are_planned,
    medication_class_exists,
    rules_have_their_parts,
    assumed_values_exist,
)


def _plain(text: str) -> str:
    """A text as it is compared here; a load compares without punctuation, too."""
    return " ".join(text.casefold().split())


def _listed(items: Iterable[BaseModel], part: str, field: str) -> Iterator[tuple[Key, str]]:
    """What a list of each item names: its key, and the name."""
    for index, item in enumerate(items):
        for name in getattr(item, field):
            yield (part, index, field), name


def _no_measure(trial: "Trial", references: References, derived: Collection[str]) -> Problems:
    """The references to what is neither a measure of the trial nor one of `derived`."""
    measures = {measure.name for measure in trial.measures}
    for key, name in references:
        if name not in measures and name not in derived:
            yield key, f"{name!r} is no measure"


def _recorded_measures(trial: "Trial") -> Iterator[tuple[Key, str]]:
    """References to measures that the extract has to record."""
    yield from _listed(trial.assessments, "assessments", "measures")
    yield from _listed(trial.schedule, "schedule", "expected")
    for index, criterion in enumerate(trial.criteria):
        if criterion.chronic is not None:
            yield ("criteria", index, "chronic"), criterion.chronic.measure
    for index, group in enumerate(trial.special_interest):
        for place, support in enumerate(group.supports):
            yield ("special_interest", index, "supports", place, "measure"), support.measure
    if trial.worsening is not None:
        yield ("worsening", "peep"), trial.worsening.peep
        yield ("worsening", "fio2"), trial.worsening.fio2


def _measures_of_pages(trial: "Trial") -> Iterator[tuple[Key, str]]:
    """References of severity, grades and the sections of pages, which know PaO2/FiO2, too."""
    if trial.subgroups.severity_measure is not None:
        yield ("subgroups", "severity_measure"), trial.subgroups.severity_measure
    for index, grading in enumerate(trial.grades):
        yield ("grades", index, "measure"), grading.measure
    for section, fields in {
        "liver": ("aminotransferases", "alkaline_phosphatase", "bilirubin"),
        "oxygenation": ("peep", "scale", "saturation", "saturation_fio2"),
        "immune": ("markers", "cells", "symptoms"),
    }.items():
        for field in fields if getattr(trial, section) is not None else ():
            named = getattr(getattr(trial, section), field)
            for name in (named,) if isinstance(named, str) else named or ():
                yield (section, field), name
    for item in () if trial.liver is None else trial.liver.context:
        yield ("liver", "context"), item.measure


def _measures_of_participants(trial: "Trial") -> Iterator[tuple[Key, str]]:
    """References of criteria and the primary endpoint, which know age and body mass index, too."""
    for index, criterion in enumerate(trial.criteria):
        if criterion.measure is not None:
            yield ("criteria", index, "measure"), criterion.measure
    if trial.primary is not None:
        yield ("primary", "measure"), trial.primary.measure


def _open_values(trial: "Trial") -> Iterator[tuple[Key, str, str]]:
    """What is open: its key, the value, and the list of [sealed] that it is held against."""
    for index, visit in enumerate(trial.schedule):
        yield ("schedule", index, "visit"), visit.visit, "visits"
    for index, measure in enumerate(trial.measures):
        yield ("measures", index, "code"), measure.code, "tests"
    for field, kind in (("procedure_classes", "procedures"), ("medication_classes", "medications")):
        for (_, place, _), term in _listed(getattr(trial.open, field), field, "terms"):
            yield ("open", field, place, "terms"), term, kind
    for index, point in enumerate(trial.open.time_points):
        for field, said in (("name", point.name), ("reference", point.reference or "")):
            for kind in ("visits", "procedures"):
                yield ("open", "time_points", index, field), said, kind
    for field, kind in (
        ("dispositions", "dispositions"),
        ("deviations", "deviations"),
        ("symptoms", "preferred_terms"),
    ):
        for value in getattr(trial.open, field):
            yield ("open", field), value, kind
