"""Simulated extracts of a trial: made whole, then cut at a date."""

from collections.abc import Callable, Collection, Iterator
from dataclasses import replace
from datetime import date

import numpy as np
import polars as pl

from simulator.deviations import deviations
from simulator.draws import Draws
from simulator.effect import Effect
from simulator.events import adverse_events
from simulator.exposure import accountability, exposure, exposure_as_collected
from simulator.follow_up import death_details, hospital_stays, vital_status
from simulator.habits import Habit, checked, recorded
from simulator.laboratory import laboratory
from simulator.medication import medication
from simulator.population import planned_cutoff, recruit
from simulator.procedures import procedures
from simulator.qualifiers import demographic_qualifiers, event_qualifiers
from simulator.records import Records
from simulator.reports import clinical_events, medical_history
from simulator.run import Run, enact
from simulator.scales import (
    cell_phenotypes,
    electrocardiograms,
    progression,
    respiratory_settings,
    symptom_scores,
)
from simulator.subject_visits import subject_visits
from simulator.subjects import allocation_list, demographics, disposition, eligibility
from simulator.vital_signs import vital_signs
from trials import Trial

Frames = dict[str, pl.DataFrame]

# As the extracts of before name it: a new name would be another extract.
GENERATOR = "trials.simulator 2"
NO_EFFECT = Effect()
MOST_SITES = 9_999
BLOCK = 2_000  # persons made at once, to bound memory

# A maker that gives None says that the trial does not have the dataset.
DATASETS: dict[str, Callable[[Run], Records | None]] = {
    "dm": demographics,
    "suppdm": demographic_qualifiers,
    "ds": disposition,
    "ie": eligibility,
    "sv": subject_visits,
    "dv": deviations,
    "ho": hospital_stays,
    "ss": vital_status,
    "dd": death_details,
    "mh": medical_history,
    "cm": medication,
    "pr": procedures,
    "ex": exposure,
    "ec": exposure_as_collected,
    "da": accountability,
    "ae": adverse_events,
    "ce": clinical_events,
    "lb": laboratory,
    "cp": cell_phenotypes,
    "vs": vital_signs,
    "re": respiratory_settings,
    "eg": electrocardiograms,
    "rs": progression,
    "qs": symptom_scores,
    "randomization": allocation_list,
}


def simulate(
    trial: Trial,
    *,
    participants: int = 60,
    sites: int = 1,
    seed: int = 7,
    cutoff: date | None = None,
    effect: Effect = NO_EFFECT,
    habits: Collection[Habit] = (),
) -> Frames:
    """An extract of the trial as it would stand at the data cut-off.

    The whole trial is made first, whatever the cut-off; an earlier and a later cut from one seed
    therefore agree on all that both know.

    Args:
        trial: the definition.
        participants: how many are randomized over the whole accrual, at about the planned rate.
        sites: the number of sites.
        seed: same seed, same frames.
        cutoff: the last day that the extract knows of; by default `planned_cutoff(trial)`. After
            the end of the trial it gives the finished trial.
        effect: what the experimental arms do differently.
        habits: how it is recorded otherwise; what happened is the same.

    Returns:
        SDTM datasets by lower-case name, the allocation list as `randomization`, and `simulation`,
        by which simulated data is recognized; rows sorted by subject.

    Raises:
        ValueError: there is nobody to randomize, no site, a negative seed, a cut-off before the
            accrual starts, an effect on an unknown event, or an unknown habit.
    """
    blocks = list(
        simulate_blocks(
            trial,
            participants=participants,
            sites=sites,
            seed=seed,
            cutoff=cutoff,
            effect=effect,
            habits=habits,
        )
    )
    return {name: pl.concat([block[name] for block in blocks]) for name in blocks[0]}


def simulate_blocks(
    trial: Trial,
    *,
    participants: int,
    sites: int,
    seed: int,
    cutoff: date | None = None,
    effect: Effect = NO_EFFECT,
    habits: Collection[Habit] = (),
    block: int = BLOCK,
) -> Iterator[Frames]:
    """What `simulate` gives, in parts of `block` persons; together the same rows in the same order.

    Recruitment and allocation are made for the whole trial, everything after for each block.

    Raises:
        ValueError: as `simulate`, before the first block.
    """
    if participants < 1:
        raise ValueError(f"{participants} participants cannot be simulated; ask for at least 1.")
    if not 1 <= sites <= MOST_SITES:
        raise ValueError(f"{sites} sites cannot be simulated; ask for 1 to {MOST_SITES}.")
    if seed < 0:
        raise ValueError(f"The seed is {seed}; it must not be negative.")
    habits = checked(habits)
    cutoff = planned_cutoff(trial) if cutoff is None else cutoff
    if cutoff < trial.accrual.start:
        raise ValueError(
            f"The cut-off {cutoff} lies before recruitment starts on {trial.accrual.start}; "
            "choose a later one."
        )
    draws = Draws(seed)
    people = recruit(trial, participants, sites, draws)
    # Labels have leading zeros: this is the order of USUBJID.
    by_subject = np.lexsort((people.number, people.site))
    marker = pl.DataFrame({"SIMULATED": ["Y"], "SEED": [seed], "GENERATOR": [GENERATOR]})
    for begin in range(0, len(people), block):
        persons = by_subject[begin : begin + block]
        run = enact(trial, people.take(persons), effect, replace(draws, persons=persons))
        made = {name: make(run) for name, make in DATASETS.items()}
        finished = {name: records for name, records in made.items() if records is not None}
        finished["suppae"] = event_qualifiers(run, finished["ae"])
        frames = {name: records.until(cutoff) for name, records in finished.items()}
        frames = recorded(frames, habits, trial, seed)
        yield frames | {"simulation": marker if begin == 0 else marker.clear()}
