"""Records of a dataset from columns in any order: sorted, numbered, identified."""

from collections.abc import Mapping, Sequence

import numpy as np
import polars as pl

from simulator.draws import Days, Integers
from simulator.records import Learned, Records, constant, pick, sequence
from simulator.run import Run


def listing(
    run: Run,
    domain: str,
    person: Integers,
    recorded: Days,
    columns: Mapping[str, pl.Series],
    *,
    learned: Sequence[Learned] = (),
) -> Records:
    """One row per value of `person`, in the order of person and of the day of record.

    Rows of one person and day keep their order, so numbers never depend on what comes later.
    """
    order = np.lexsort((recorded, person))
    person = person[order]
    frame = pl.DataFrame(
        {
            "STUDYID": constant(run.trial.study, len(person)),
            "DOMAIN": constant(domain, len(person)),
            "USUBJID": pick(run.subjects, person),
            f"{domain}SEQ": sequence(person),
        }
    )
    moved = (
        Learned(
            item.on[order],
            {
                name: None if earlier is None else earlier[order]
                for name, earlier in item.before.items()
            },
        )
        for item in learned
    )
    rest = pl.DataFrame(dict(columns), height=len(order))
    if (np.diff(order) != 1).any():  # most come in order, and large ones take long to reorder
        rest = rest[order]
    return Records(frame.hstack(rest), recorded[order], tuple(moved))
