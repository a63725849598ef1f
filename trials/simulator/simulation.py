"""Simulated extracts of a trial: made whole, then cut at a date."""

from datetime import date

import polars as pl

from trials.definition import Trial
from trials.simulator.draws import Draws
from trials.simulator.effect import Effect
from trials.simulator.events import adverse_events
from trials.simulator.exposure import exposure
from trials.simulator.laboratory import laboratory
from trials.simulator.population import planned_cutoff
from trials.simulator.procedures import procedures
from trials.simulator.run import enact
from trials.simulator.subject_visits import subject_visits
from trials.simulator.subjects import allocation_list, demographics, disposition, eligibility
from trials.simulator.vital_signs import vital_signs

GENERATOR = "trials.simulator 1"
NO_EFFECT = Effect()


def simulate(
    trial: Trial,
    *,
    participants: int = 60,
    sites: int = 1,
    seed: int = 7,
    cutoff: date | None = None,
    effect: Effect = NO_EFFECT,
) -> dict[str, pl.DataFrame]:
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

    Returns:
        SDTM datasets by lower-case name, the allocation list as `randomization`, and `simulation`,
        by which simulated data is recognized.

    Raises:
        ValueError: there is nobody to randomize, no site, a negative seed, a cut-off before the
            accrual starts, or an effect on an unknown event.
    """
    if participants < 1:
        raise ValueError(f"{participants} participants cannot be simulated; ask for at least 1.")
    if not 1 <= sites <= 99:
        raise ValueError(f"{sites} sites cannot be simulated; ask for 1 to 99.")
    if seed < 0:
        raise ValueError(f"The seed is {seed}; it must not be negative.")
    cutoff = planned_cutoff(trial) if cutoff is None else cutoff
    if cutoff < trial.accrual.start:
        raise ValueError(
            f"The cut-off {cutoff} lies before recruitment starts on {trial.accrual.start}; "
            "choose a later one."
        )
    run = enact(trial, participants, sites, effect, Draws(seed))
    finished = {
        "dm": demographics(run),
        "ds": disposition(run),
        "ie": eligibility(run),
        "sv": subject_visits(run),
        "ex": exposure(run),
        "ae": adverse_events(run),
        "lb": laboratory(run),
        "vs": vital_signs(run),
        "pr": procedures(run),
        "randomization": allocation_list(run),
    }
    frames = {
        name: records.until(cutoff).sort("USUBJID", maintain_order=True)
        for name, records in finished.items()
    }
    frames["simulation"] = pl.DataFrame(
        {"SIMULATED": ["Y"], "SEED": [seed], "GENERATOR": [GENERATOR]}
    )
    return frames
