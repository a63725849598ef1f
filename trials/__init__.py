"""What a protocol says, as data: `trials/<trial>/trial.toml`, read into frozen models."""

from trials.definition import (
    Arm,
    Band,
    Criterion,
    Measure,
    ProcedureClass,
    Trial,
    TrialDefinitionError,
    Visit,
    available_trials,
    load_trial,
    read_definition,
)
from trials.standard_queries import StandardQueriesError, with_standard_queries

__all__ = [
    "Arm",
    "Band",
    "Criterion",
    "Measure",
    "ProcedureClass",
    "StandardQueriesError",
    "Trial",
    "TrialDefinitionError",
    "Visit",
    "available_trials",
    "load_trial",
    "read_definition",
    "with_standard_queries",
]
