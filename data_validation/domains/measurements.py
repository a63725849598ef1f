"""LB and VS: tests that the trial names as measures, at visits of the common schedule."""

import polars as pl

from data_validation.domains.participation import VISIT, VISIT_NUMBER, scheduled_visits
from data_validation.facts import SUBJECT, Domain, Exposure, Field, Kind, RowRule, Severity
from data_validation.values import trimmed
from trials import Trial

# A planned time point that is counted from a dose: only one arm has it.
_FROM_A_DOSE = r"(?i)dos(e|ing)|infus|instil|inject|administr"


def measured_at_scheduled_visits(domain: str) -> RowRule:
    """Tests named as a measure, at scheduled visits, at no time point counted from a dose.

    More tests, more visits or samples around a dose would tell who was treated.
    """

    def rule(frame: pl.DataFrame, trial: Trial) -> pl.Expr:
        codes = [code for name, code in trial.measures_by_code if name == domain]
        test = trimmed(f"{domain}TESTCD").str.to_uppercase()
        around_a_dose = pl.any_horizontal(
            pl.col(name).str.contains(_FROM_A_DOSE).fill_null(value=False)
            for name in (f"{domain}TPT", f"{domain}TPTREF")
        )
        return test.is_in(codes) & scheduled_visits(frame, trial) & ~around_a_dose

    return rule


def _fields(domain: str) -> tuple[Field, ...]:
    return (
        SUBJECT,
        Field(f"{domain}SEQ", "sequence", "Sequence number, as received."),
        Field(
            f"{domain}TESTCD",
            "test_code",
            "Test, CDISC code.",
            exposure=Exposure.OPEN,
            missing=Severity.MAJOR,
        ),
        Field(f"{domain}TEST", "test", "Test, name; shown by the measure's label."),
        Field(f"{domain}CAT", "category", "Category."),
        Field(
            f"{domain}ORRES",
            "result",
            "Result as measured; `<` and `>` mark a detection limit.",
            Kind.NUMBER,
            Exposure.OPEN,
            invalid=Severity.MINOR,
        ),
        Field(f"{domain}ORRESU", "unit", "Unit of the result.", exposure=Exposure.OPEN),
        Field(f"{domain}STRESN", "standard_result", "Result in the extract's own units."),
        Field(f"{domain}STRESU", "standard_unit", "The extract's own standard unit."),
        Field(f"{domain}STAT", "status", "NOT DONE, or empty."),
        Field(f"{domain}REASND", "reason_not_done", "Why it was not done."),
        VISIT_NUMBER,
        VISIT,
        Field(f"{domain}TPT", "time_point", "Planned time point."),
        Field(f"{domain}TPTREF", "time_point_reference", "What the time point is counted from."),
        Field(
            f"{domain}DTC",
            "date",
            "Collection.",
            Kind.DATE,
            Exposure.DAY,
            missing=Severity.MAJOR,
            invalid=Severity.MAJOR,
        ),
        Field(f"{domain}BLFL", "baseline_flag", "Baseline flag, as received; recomputed inside."),
        Field(f"{domain}DY", "study_day_received", "Study day, as received; recomputed inside."),
    )


LB = Domain(
    name="LB",
    relation="laboratory",
    label="Laboratory tests and blood gases",
    keys=("USUBJID", "LBTESTCD", "VISIT", "LBDTC"),
    open_rows=measured_at_scheduled_visits("LB"),
    fields=(
        *_fields("LB"),
        Field("LBSPEC", "specimen", "Specimen.", exposure=Exposure.OPEN),
        Field("LBMETHOD", "method", "Method."),
        Field("LBORNRLO", "normal_low", "Lower limit of normal.", Kind.NUMBER, Exposure.OPEN),
        Field("LBORNRHI", "normal_high", "Upper limit of normal.", Kind.NUMBER, Exposure.OPEN),
        Field("LBNRIND", "normal_indicator", "Against the limits of normal, as received."),
    ),
)

VS = Domain(
    name="VS",
    relation="vital_sign",
    label="Vital signs",
    keys=("USUBJID", "VSTESTCD", "VISIT", "VSDTC"),
    open_rows=measured_at_scheduled_visits("VS"),
    fields=(
        *_fields("VS"),
        Field("VSPOS", "position", "Position of the subject."),
        Field("VSLOC", "location", "Location."),
    ),
)
