"""DS, IE, SV and DV: what became of a subject, criteria not met, visits held, deviations."""

from collections.abc import Mapping

import polars as pl

from data_validation.distinct import by_distinct
from data_validation.facts import (
    SUBJECT,
    Classes,
    Domain,
    Field,
    Kind,
    Severity,
    calendar_day,
    code_list,
    folded,
    folded_terms,
    names_a_dose,
    open_field,
    sequence,
)
from data_validation.values import trimmed
from trials import Trial

# How a disposition opens: what became of a participant, and why only where they have no arm.
CONSENT, RANDOMIZED, SCREEN_FAILURE = "CONSENT", "RANDOMIZED", "SCREEN FAILURE"
COMPLETED, DEATH, LEFT = "COMPLETED", "DEATH", "LEFT EARLY"
ENDS = (COMPLETED, DEATH, LEFT)

_RANDOMIZED = r"^(re)?randomi[sz](ed|ation)$|\binto (the )?(treatment|study)( group)?\b"
_SCREEN_FAILURE = r"\bscreen(ing)? fail|\bfailed screening\b"
_CONSENT = r"\binformed consent\b.*\b(obtained|signed|given)\b|^informed consent$"
_TREATMENT = r"treatment|drug|dos(e|ing)|therapy|medication|product|infusion|instillation"
_OF_TREATMENT = rf"(?i){_TREATMENT}"
# Words of stopping it: what says so ends the treatment, whatever its subcategory.
_STOPPED = r"discontinu|stop|interrupt|withdr|permanent|complet|ended|end of"
_TREATMENT_STOPPED = rf"({_TREATMENT}).*({_STOPPED})|({_STOPPED}).*({_TREATMENT})"


class _Dispositions(Classes):
    """Dispositions of participation, as what became of the participant; the reason stays sealed."""

    def column(self, frame: pl.DataFrame, trial: Trial) -> pl.Series:
        """`DSCLASS`; null of what is about the treatment, is sealed by name, or is no end."""
        names = ["DSDECOD", "DSTERM", "DSCAT", "DSSCAT"]

        def of(rows: pl.DataFrame) -> pl.DataFrame:
            rows = rows.with_columns(pl.coalesce(trimmed("DSDECOD"), trimmed("DSTERM")).alias("_"))
            said = folded("_")
            is_event = folded("DSCAT").is_null() | (folded("DSCAT") == "disposition event")
            stopped = pl.any_horizontal(
                folded(name).str.contains(_TREATMENT_STOPPED).fill_null(value=False)
                for name in ("DSDECOD", "DSTERM")
            )
            is_sealed = said.is_in(folded_terms(trial.sealed.dispositions))
            return rows.select(
                pl.when(is_sealed.fill_null(value=False))
                .then(None)
                .when(said.str.contains(_SCREEN_FAILURE))
                .then(pl.lit(SCREEN_FAILURE))
                .when(said.str.contains(_RANDOMIZED))
                .then(pl.lit(RANDOMIZED))
                .when(said.str.contains(_CONSENT))
                .then(pl.lit(CONSENT))
                .when(said.is_null() | ~is_event | ~is_of_participation(trial) | stopped)
                .then(None)
                .when(said.str.contains(r"^(death|died)\b"))
                .then(pl.lit(DEATH))
                .when(said.str.contains(r"^complet"))
                .then(pl.lit(COMPLETED))
                .otherwise(pl.lit(LEFT))
                .alias(self.field)
            )

        return by_distinct(frame, names, of).to_series()


def is_of_participation(trial: Trial) -> pl.Expr:
    """Whether a disposition is about taking part: it has no subcategory, or one that is named."""
    named = folded_terms(trial.participation.subcategories)
    return trimmed("DSSCAT").is_null() | folded("DSSCAT").is_in(named)


def is_of_treatment() -> pl.Expr:
    """Whether the subcategory of a disposition says that it is about the treatment."""
    return pl.col("DSSCAT").str.contains(_OF_TREATMENT).fill_null(value=False)


def _no_terms(_trial: Trial) -> Mapping[str, str]:
    return {}


DISPOSITIONS = _Dispositions("DSCLASS", ("DSDECOD", "DSTERM"), _no_terms)


def listed_criteria(_frame: pl.DataFrame, trial: Trial) -> pl.Expr:
    """Criteria that the trial defines."""
    criterion = trimmed("IETESTCD").str.to_uppercase()
    return criterion.is_in([item.id.upper() for item in trial.criteria])


def scheduled_visits(_frame: pl.DataFrame, trial: Trial) -> pl.Expr:
    """Visits of the schedule common to all arms."""
    return folded("VISIT").is_in(folded_terms(tuple(visit.visit for visit in trial.schedule)))


VISIT = open_field("VISIT", "visit", "Visit, as the schedule names it.")
VISIT_NUMBER = Field(
    "VISITNUM", "visit_number_received", "Position of the visit, as received; recomputed inside."
)

DS = Domain(
    name="DS",
    relation="disposition",
    label="Disposition",
    keys=("USUBJID", "DSCLASS", "DSSTDTC"),
    open_rows=DISPOSITIONS.opens,
    classes=DISPOSITIONS,
    date="start_date",
    may_follow_death=True,
    of_the_trial=True,
    fields=(
        SUBJECT,
        sequence("DS"),
        open_field(
            "DSCLASS",
            "became",
            "What became of the participant: consent, randomized, screen failure, completed, death "
            "or left early; not part of the extract.",
        ),
        Field("DSTERM", "reported_term", "Reported term."),
        Field("DSDECOD", "disposition", "Standardized disposition.", missing=Severity.MAJOR),
        code_list(
            "DSCAT",
            "category",
            "Category.",
            ("PROTOCOL MILESTONE", "DISPOSITION EVENT", "OTHER EVENT"),
        ),
        Field("DSSCAT", "subcategory", "Subcategory."),
        Field("EPOCH", "epoch", "Epoch."),
        Field("DSDTC", "collection_date", "Collection.", Kind.DATE),
        calendar_day("DSSTDTC", "start_date", "Start of the disposition.", required=Severity.MAJOR),
    ),
)

IE = Domain(
    name="IE",
    relation="criterion_exception",
    label="Inclusion and exclusion criteria not met",
    keys=("USUBJID", "IETESTCD"),
    duplicate=Severity.MINOR,
    open_rows=listed_criteria,
    date="date",
    of_the_trial=True,
    fields=(
        SUBJECT,
        sequence("IE"),
        open_field(
            "IETESTCD", "criterion", "Criterion, as the trial names it.", missing=Severity.MAJOR
        ),
        Field("IETEST", "criterion_text", "Criterion, wording."),
        code_list("IECAT", "category", "Inclusion or exclusion.", ("INCLUSION", "EXCLUSION")),
        code_list(
            "IEORRES",
            "result",
            "N: inclusion criterion not met; Y: exclusion criterion met.",
            ("Y", "N"),
            invalid=Severity.MAJOR,
        ),
        Field("IESTRESC", "standard_result", "Standardized result."),
        calendar_day("IEDTC", "date", "Assessment."),
    ),
)

SV = Domain(
    name="SV",
    relation="visit",
    label="Visits",
    keys=("USUBJID", "VISIT"),
    duplicate=Severity.MINOR,
    open_rows=scheduled_visits,
    date="start_date",
    planned=True,
    of_the_trial=True,
    fields=(
        SUBJECT,
        VISIT_NUMBER,
        open_field("VISIT", "visit", "Visit.", missing=Severity.MINOR),
        calendar_day("SVSTDTC", "start_date", "Start of the visit."),
        calendar_day("SVENDTC", "end_date", "End of the visit."),
        Field("SVUPDES", "unplanned_description", "Why the visit was unplanned."),
        Field("EPOCH", "epoch", "Epoch."),
    ),
)


def _deviation_classes(trial: Trial) -> Mapping[str, str]:
    return {name: name for name in trial.open.deviations}


DEVIATION_CLASSES = Classes("DVCLASS", ("DVCAT", "DVDECOD"), _deviation_classes)


def listed_deviations(frame: pl.DataFrame, trial: Trial) -> pl.Expr:
    """Deviations of a category that the trial opens, unless their words are about a dose."""
    about_a_dose = names_a_dose("DVCAT", "DVSCAT", "DVDECOD", "DVTERM")
    return DEVIATION_CLASSES.opens(frame, trial) & ~about_a_dose


DV = Domain(
    name="DV",
    relation="deviation",
    label="Protocol deviations",
    keys=("USUBJID", "DVCLASS", "DVSTDTC"),
    open_rows=listed_deviations,
    classes=DEVIATION_CLASSES,
    date="start_date",
    may_follow_death=True,
    of_the_trial=True,
    fields=(
        SUBJECT,
        sequence("DV"),
        open_field(
            "DVCLASS",
            "category",
            "Category of the deviation, by the trial definition; not part of the extract.",
        ),
        Field("DVTERM", "reported_term", "Deviation, as reported."),
        Field("DVDECOD", "standard_term", "Deviation, standardized."),
        Field("DVCAT", "received_category", "Category, as received.", missing=Severity.MINOR),
        Field("DVSCAT", "subcategory", "Subcategory."),
        Field("EPOCH", "epoch", "Epoch."),
        calendar_day("DVSTDTC", "start_date", "Start.", missing=Severity.MINOR),
        Field("DVENDTC", "end_date", "End.", Kind.DATE),
    ),
)
