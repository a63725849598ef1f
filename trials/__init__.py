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

__all__ = [
    "Arm",
    "Band",
    "Criterion",
    "Measure",
    "ProcedureClass",
    "Trial",
    "TrialDefinitionError",
    "Visit",
    "available_trials",
    "load_trial",
    "read_definition",
]
