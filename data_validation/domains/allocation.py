"""The allocation list: sealed, but that a subject is randomized, when, and in which stratum."""

from data_validation.facts import SUBJECT, Domain, Field, Kind, Severity

RANDOMIZATION = Domain(
    name="RANDOMIZATION",
    relation="allocation_list",
    label="Allocation list",
    keys=("USUBJID",),
    duplicate=Severity.CRITICAL,
    date="randomization_date",
    may_follow_death=True,
    of_the_trial=True,
    fields=(
        SUBJECT,
        Field("ARMCD", "arm_code", "Allocated arm, code.", missing=Severity.CRITICAL),
        Field("ARM", "arm_name", "Allocated arm."),
        Field(
            "RANDDTC",
            "randomization_date",
            "Randomization.",
            Kind.DATE,
            missing=Severity.MAJOR,
            invalid=Severity.MAJOR,
        ),
        Field("STRATUM", "stratum", "Stratum of the randomization."),
        Field("RANDSEQ", "sequence", "Position on the list.", Kind.INTEGER),
    ),
)
