"""One simulated trial: everything that its datasets are written from."""

from dataclasses import dataclass

import polars as pl

from trials.definition import Trial
from trials.simulator.course import Course, follow
from trials.simulator.dosing import Doses, administer
from trials.simulator.draws import Draws
from trials.simulator.effect import Effect
from trials.simulator.population import Population
from trials.simulator.visits import Occasions, attend


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
