"""DV: deviations that both arms can have, and those about the treatment, which one arm has."""

import numpy as np

from simulator.dosing import CELLS
from simulator.draws import Days, Integers
from simulator.listing import listing
from simulator.records import NEVER, Records, iso_dates, pick
from simulator.run import Run

# Deviations of everybody: category, wording, share of participants.
_OF_ALL = (
    ("INFORMED CONSENT", "Outdated version of the consent form signed", 0.03),
    ("MISSED ASSESSMENT", "Blood sample not taken", 0.08),
    ("SAFETY REPORTING", "Serious event reported late", 0.03),
)
_MISSED = ("VISIT SCHEDULE", "Visit not done")
_TREATMENT = "STUDY TREATMENT"
_ABOUT_DOSES = (
    "Instillation not given",
    "Partial instillation",
)


def deviations(run: Run) -> Records:
    """DV: one row per deviation."""
    people, course, doses, occasions = run.people, run.course, run.doses, run.occasions
    wordings = [wording for _, wording, _ in _OF_ALL] + [_MISSED[1], *_ABOUT_DOSES]
    categories = [category for category, _, _ in _OF_ALL] + [_MISSED[0]]
    categories += [_TREATMENT] * len(_ABOUT_DOSES)
    parts: list[tuple[Integers, Days, Integers]] = []

    for kind, (category, _, rate) in enumerate(_OF_ALL):
        uniform = run.draws.uniform(f"deviation {category}", len(people), 2)
        offset = np.floor(14 * uniform[:, 1]).astype(np.int64)
        seen = course.present(offset[:, None])[:, 0] & ~people.failed
        person = np.flatnonzero((uniform[:, 0] < rate) & seen)
        parts.append((person, offset[person], np.full(len(person), kind)))

    planned = occasions.offset[:, : occasions.scheduled]
    missed = ~occasions.attended[:, : occasions.scheduled] & course.present(planned)
    missed &= (planned > 0) & ~people.failed[:, None]
    person, column = np.nonzero(missed)
    parts.append((person, planned[person, column], np.full(len(person), len(_OF_ALL))))

    if run.effect.procedural:
        about = (doses.given & (doses.amount < CELLS)).astype(np.int64)
        person, dose = np.nonzero((doses.offset < NEVER) & (doses.reason >= 0))
        kinds = len(_OF_ALL) + 1 + about[person, dose]
        parts.append((person, doses.offset[person, dose], kinds))

    person, offset, which = (np.concatenate([part[i] for part in parts]) for i in range(3))
    day = people.anchor[person] + offset
    columns = {
        "DVTERM": pick(wordings, which),
        "DVDECOD": pick(wordings, which).str.to_uppercase(),
        "DVCAT": pick(categories, which),
        "DVSTDTC": iso_dates(day),
    }
    return listing(run, "DV", person, day, columns)
