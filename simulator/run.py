"""One simulated trial: everything that its datasets are written from."""

from dataclasses import dataclass

import polars as pl

from simulator.course import Course, follow
from simulator.dosing import Doses, administer
from simulator.draws import Draws
from simulator.effect import Effect
from simulator.population import Population
from simulator.visits import Occasions, attend
from trials import Trial


@dataclass(frozen=True)
class Run:
    """The finished trial, from the first consent to the last follow-up.

    Attributes:
        subjects: USUBJID of each person.
    """

    trial: Trial
    effect: Effect
    draws: Draws
    people: Population
    subjects: pl.Series
    course: Course
    doses: Doses
    occasions: Occasions


def enact(trial: Trial, people: Population, effect: Effect, draws: Draws) -> Run:
    """Let the trial happen for these people, until everyone randomized was followed to the end."""
    course = follow(trial, people, effect, draws)
    doses = administer(trial, people, course, effect, draws)
    return Run(
        trial=trial,
        effect=effect,
        draws=draws,
        people=people,
        subjects=trial.study + "-" + people.labels(),
        course=course,
        doses=doses,
        occasions=attend(trial, people, course, doses, effect=effect, draws=draws),
    )
