"""What a protocol says, as data: `trials/<trial>/trial.toml`, read into frozen models."""

from trials.models.arms import Arm, Arms, Dosing
from trials.models.base import Band
from trials.models.blinding import OUTCOMES, MedicationClass, ProcedureClass, TimePoint
from trials.models.laboratory import GradeStep, Grading, Immune, Liver, LiverContext
from trials.models.measures import Measure
from trials.models.monitoring import SequentialRule, StoppingRule
from trials.models.oxygenation import Oxygenation
from trials.models.schedule import Criterion, Visit
from trials.models.special_interest import SpecialInterest
from trials.models.trial import Trial
from trials.reading import (
    TRIALS_FOLDER,
    TrialDefinitionError,
    available_trials,
    load_trial,
    read_definition,
    told_apart,
)
from trials.standard_queries import StandardQueriesError, with_standard_queries

__all__ = [
    "OUTCOMES",
    "TRIALS_FOLDER",
    "Arm",
    "Arms",
    "Band",
    "Criterion",
    "Dosing",
    "GradeStep",
    "Grading",
    "Immune",
    "Liver",
    "LiverContext",
    "Measure",
    "MedicationClass",
    "Oxygenation",
    "ProcedureClass",
    "SequentialRule",
    "SpecialInterest",
    "StandardQueriesError",
    "StoppingRule",
    "TimePoint",
    "Trial",
    "TrialDefinitionError",
    "Visit",
    "available_trials",
    "load_trial",
    "read_definition",
    "told_apart",
    "with_standard_queries",
]
