"""What opens from sealed input, and no more: that somebody is randomized, when, in which stratum.

And what tells nothing of an arm, because its holder has none: why somebody is not randomized.
"""

from dataclasses import dataclass
from datetime import date

import polars as pl

from data_validation.distinct import by_distinct
from data_validation.domains import DOMAINS
from data_validation.domains.participation import RANDOMIZED, SCREEN_FAILURE
from data_validation.facts import folded, folded_terms
from data_validation.sealing import Tables
from data_validation.values import looked_up, stated_date, trimmed
from trials import Trial

# A source counts for the whole trial where it holds so many of those whom any source names.
LEAST_SHARE = 0.95


NOBODY_RANDOMIZED = pl.DataFrame(
    schema={"USUBJID": pl.String, "randomization_date": pl.Date}
    | dict.fromkeys(("randomization_date_text", "stratum", "source"), pl.String)
    | {"unread": pl.Boolean}
)


class NotRandomizedError(Exception):
    """It is not known who is randomized; the text says what the extract has and what to send."""


@dataclass(frozen=True)
class Source:
    """What could say who is randomized: its name, and `people`, a row a subject.

    `people` has `USUBJID`, `randomization_date` (null where there is none), `written`, the date as
    it is written, and `stratum`.
    """

    name: str
    people: pl.DataFrame


def sources_of_randomization(tables: Tables, trial: Trial) -> list[Source]:
    """Every source that the extract has, the one that comes first at first.

    The allocation list; DS; the visit that the definition names; demographics, if it names them.
    """
    found = []
    if "RANDOMIZATION" in tables.present:
        found.append(
            ("allocation list", "RANDOMIZATION", "RANDDTC", trimmed("ARMCD").is_not_null())
        )
    if "DS" in tables.present:
        found.append(("DS", "DS", "DSSTDTC", pl.col("DSCLASS") == RANDOMIZED))
    if "SV" in tables.present and trial.randomization.fallback_visit is not None:
        visit = folded_terms((trial.randomization.fallback_visit,))
        found.append(("SV", "SV", "SVSTDTC", folded("VISIT").is_in(visit)))
    if trial.randomization.source is not None:
        has_arm = arm_code(pl.coalesce(trimmed("ARMCD"), trimmed("ARM")), trial).is_not_null()
        found.append((trial.randomization.source, "DM", "RFSTDTC", has_arm))
    sources = []
    for name, domain, field, is_one in found:
        rows = tables.frames[domain].filter(is_one.fill_null(value=False))
        word = DOMAINS[domain].by_name[field].word
        stratum = trimmed("STRATUM") if domain == "RANDOMIZATION" else pl.lit(None, pl.String)
        dated = name != "DM.ARMCD"
        people = (
            rows.select(
                trimmed("USUBJID").alias("USUBJID"),
                (pl.col(word) if dated else pl.lit(None, pl.Date)).alias("randomization_date"),
                (trimmed(field) if dated else pl.lit(None, pl.String)).alias("written"),
                stratum.alias("stratum"),
            )
            .filter(pl.col("USUBJID").is_not_null())
            .sort("USUBJID", "randomization_date", nulls_last=True)
            .unique("USUBJID", keep="first", maintain_order=True)
        )
        if people.height:
            sources.append(Source(name, people))
    return sources


@dataclass(frozen=True)
class Released:
    """All that opens from sealed input of participants.

    Attributes:
        randomized, screening, ends: as the functions of these names return them.
        problem: why it is not known who is randomized; empty where it is.
    """

    randomized: pl.DataFrame
    screening: pl.DataFrame
    ends: pl.DataFrame
    problem: str = ""


def released(complete: Tables, trial: Trial, cutoff: date | None) -> Released:
    """What opens from sealed input of participants; nobody is randomized where it is not known."""
    problem = ""
    try:
        randomized = released_randomization(complete, trial)
    except NotRandomizedError as error:
        randomized, problem = NOBODY_RANDOMIZED, str(error)
    return Released(
        randomized,
        released_screening(complete, randomized, trial),
        released_end(complete, randomized, trial, cutoff),
        problem,
    )


def released_randomization(tables: Tables, trial: Trial) -> pl.DataFrame:
    """Who is randomized, when, and in which stratum: all that opens from sealed input.

    The first source counts that holds at least 95 % of all whom any source calls randomized, or
    all but one of them.

    Returns:
        `USUBJID`, `randomization_date` (null where the source has none, or has it in part),
        `randomization_date_text`, the date as far as it is known, `stratum`, `source`, `unread`,
        whether there is a text and no date is read from it; one row a randomized subject.

    Raises:
        NotRandomizedError: no source holds enough of them; or there are arms, and no source; or the
            dates of demographics are those of some only.
    """
    sources = sources_of_randomization(tables, trial)
    everybody = {person for source in sources for person in source.people["USUBJID"]}
    # Of few, one whom the source lacks is a finding, and no reason to leave the source.
    least = min(LEAST_SHARE * len(everybody), len(everybody) - 1)
    chosen = next((source for source in sources if source.people.height >= least), None)
    if chosen is None:
        if sources:
            told = ", ".join(f"{item.name} {item.people.height:,}" for item in sources)
            raise NotRandomizedError(
                f"It is not known who is randomized: {told}, of {len(everybody):,} in all of them "
                "together. At least 95 % in one source are needed. Send the complete allocation "
                "list (RANDOMIZATION: USUBJID, ARMCD, RANDDTC)."
            )
        return _nobody_is_randomized(tables, trial)
    people = chosen.people
    dated = people["randomization_date"].count()
    if chosen.name == "DM.RFSTDTC" and dated < LEAST_SHARE * people.height:
        raise NotRandomizedError(
            f"[randomization] source is DM.RFSTDTC, and {dated:,} "
            f"of {people.height:,} participants with an arm have that date. At least 95 % are "
            "needed, for a date that some only have could tell their arm. Send the allocation "
            "list (RANDOMIZATION: USUBJID, ARMCD, RANDDTC)."
        )
    written = stated_date("written").str.extract(r"^([1-9][0-9]{3}(?:-(?:0[1-9]|1[0-2]))?)$", 1)
    whole = pl.col("randomization_date").dt.to_string("%Y-%m-%d")
    return people.select(
        "USUBJID",
        "randomization_date",
        pl.coalesce(whole, written).alias("randomization_date_text"),
        "stratum",
        pl.lit(chosen.name).alias("source"),
        written.is_null().and_(whole.is_null(), pl.col("written").is_not_null()).alias("unread"),
    )


def _nobody_is_randomized(tables: Tables, trial: Trial) -> pl.DataFrame:
    """Nobody; refused where demographics have arms, or there is a list, for then somebody is."""
    if listed := tables.frames["RANDOMIZATION"].height:
        raise NotRandomizedError(
            f"The allocation list (RANDOMIZATION) has {listed:,} records and no arm in ARMCD, and "
            "nothing else in the extract says who is randomized. Send the list with USUBJID, ARMCD "
            "and RANDDTC."
        )
    arm = arm_code(pl.coalesce(trimmed("ARMCD"), trimmed("ARM")), trial)
    with_arm = tables.frames["DM"].select(arm.is_not_null().sum()).item()
    if with_arm:
        raise NotRandomizedError(
            f"{with_arm:,} participants have an arm in DM, and nothing in the extract says that "
            "they are randomized, or when. Send the allocation list (RANDOMIZATION: USUBJID, "
            "ARMCD, RANDDTC) or DS with RANDOMIZED; or, if the reference start is the day of "
            'randomization, write source = "DM.RFSTDTC" under [randomization] in the trial '
            "definition."
        )
    return NOBODY_RANDOMIZED


def arm_code(column: pl.Expr, trial: Trial) -> pl.Expr:
    """The code, as the trial defines it, of an arm given by code or name; null where it is none."""
    codes = {text.lower(): arm.code for arm in trial.arms.list for text in (arm.name, arm.code)}
    return looked_up(column.str.strip_chars().str.to_lowercase(), codes, pl.String())


# What stands in the place of an arm where nobody failed: they were not assigned to any.
_FAILED = r"\bscr(ee)?n(ing)? ?fail|\bfailed screening\b"
_NOT_ASSIGNED = r"^notassgn$|\bnot (yet )?(assigned|randomiz)"


def released_screening(tables: Tables, randomized: pl.DataFrame, trial: Trial) -> pl.DataFrame:
    """Why somebody who was screened has no arm: that tells nothing of an arm, for there is none.

    Of somebody with an arm, planned or actual, nothing of it opens, though no list has them.

    Returns:
        `subject` (nobody randomized among them), `screen_failure`, `screen_failure_date`,
        `not_assigned` and `screening_reason`: the wording of the trial definition for what DSTERM
        or ARMNRS says, else as it is written.
    """
    failures = (
        tables.frames["DS"]
        .filter(pl.col("DSCLASS") == SCREEN_FAILURE)
        .select(
            trimmed("USUBJID").alias("subject"),
            pl.lit(value=True).alias("by_disposition"),
            pl.col("start_date").alias("screen_failure_date"),
            _reason(folded("DSTERM"), trimmed("DSTERM"), trial).alias("_written"),
        )
        .sort("subject", "screen_failure_date", nulls_last=True)
        .group_by("subject")
        .agg(pl.col("by_disposition", "screen_failure_date").first(), pl.col("_written").min())
    )
    said = pl.concat_str(
        [folded(name) for name in ("ARMCD", "ARM", "ACTARMCD", "ACTARM", "ARMNRS")],
        separator=" | ",
        ignore_nulls=True,
    )
    has_arm = pl.any_horizontal(
        arm_code(trimmed(name), trial).is_not_null()
        for name in ("ARMCD", "ARM", "ACTARMCD", "ACTARM")
    )
    people = tables.frames["DM"]
    of_arm = by_distinct(
        people,
        ["ARMCD", "ARM", "ACTARMCD", "ACTARM", "ARMNRS"],
        lambda rows: rows.select(
            has_arm.alias("has_arm"),
            said.str.contains(_FAILED).alias("by_arm"),
            said.str.contains(_NOT_ASSIGNED).alias("not_assigned"),
            _reason(folded("ARMNRS"), trimmed("ARMNRS"), trial).alias("_of_arm"),
        ),
    )
    return (
        people.select(trimmed("USUBJID").alias("subject"))
        .with_columns(of_arm)
        .unique("subject", keep="first", maintain_order=True)
        .join(failures, on="subject", how="left", maintain_order="left")
        .filter(~pl.col("subject").is_in(randomized["USUBJID"].implode()))
        .select(
            "subject",
            (
                (pl.col("by_arm").fill_null(value=False) & ~pl.col("has_arm"))
                | pl.col("by_disposition").fill_null(value=False)
            ).alias("screen_failure"),
            "screen_failure_date",
            pl.col("not_assigned").fill_null(value=False) & ~pl.col("has_arm"),
            pl.when(~pl.col("has_arm"))
            .then(pl.coalesce("_written", "_of_arm"))
            .alias("screening_reason"),
        )
    )


def _reason(said: pl.Expr, written: pl.Expr, trial: Trial) -> pl.Expr:
    """A reason in the wording of the definition, else as written; null where it names none."""
    classes = {
        term: reason.name
        for reason in trial.screening.reasons
        for term in folded_terms(reason.terms)
    }
    names_none = said.is_in(_NO_REASONS) | said.str.contains(_NOT_ASSIGNED)
    return pl.when(~names_none.fill_null(value=True)).then(
        pl.coalesce(looked_up(said, classes, pl.String()), written)
    )


_NO_REASONS = (
    "screen failure", "screening failure", "screen failed", "scrnfail", "failed screening",
    "other", "unknown",
)  # fmt: skip


def released_end(
    tables: Tables, randomized: pl.DataFrame, trial: Trial, cutoff: date | None
) -> pl.DataFrame:
    """The date of demographics until which participants were followed, if the definition opens it.

    It is that of all whose planned follow-up is over, or of nobody: a date that some have could
    tell their arm.

    Returns:
        `subject`, `end_date`.
    """
    nobody = pl.DataFrame(schema={"subject": pl.String, "end_date": pl.Date})
    if trial.follow_up.end is None or cutoff is None:
        return nobody
    word = DOMAINS["DM"].by_name[trial.follow_up.end.removeprefix("DM.")].word
    last = max(visit.day + visit.window_after for visit in trial.schedule)
    people = randomized.select(pl.col("USUBJID").alias("subject"), "randomization_date").join(
        tables.frames["DM"].select(
            trimmed("USUBJID").alias("subject"), pl.col(word).alias("end_date")
        ),
        on="subject",
    )
    over = pl.col("randomization_date") + pl.duration(days=last - 1) <= cutoff
    if people.filter(over, pl.col("end_date").is_null()).height:
        return nobody
    return people.select("subject", "end_date").unique("subject", keep="first")


def released_sealed_events(tables: Tables, trial: Trial) -> pl.DataFrame:
    """How many adverse events are sealed by their term, in steps: for the extract, of nobody.

    The number is rounded down to a multiple of the smallest cell that is shown to everybody. The
    exact one would tell, from one snapshot to the next, that somebody had such an event.

    Returns:
        One row: `at_least` events, and `terms`, how many the trial definition seals.
    """
    sealed = folded_terms(trial.sealed.preferred_terms)
    events = tables.frames["AE"].filter(folded("AEDECOD").is_in(sealed)).height
    step = trial.blinding.smallest_cell
    return pl.DataFrame({"at_least": [events // step * step], "terms": [len(set(sealed))]})


OTHER_REASON = "OTHER REASON"


def released_leaving(standing: pl.DataFrame, complete: pl.DataFrame, trial: Trial) -> pl.DataFrame:
    """Why participants left early: counts of the whole trial, none under the smallest cell.

    Who left is open; of the sealed tables is the reason alone. By them somebody may have died of
    an event that is sealed, and a count that lacks one would tell it.

    Args:
        standing, complete: as `known.standing` returns it of open and of complete tables.

    Returns:
        `reason` and `participants`, rounded down to a multiple of the smallest cell: that somebody
        left is open, and an exact count would tell from one snapshot to the next why. Reasons that
        are too few, or that the definition does not open, are counted together, and not at all
        where those are too few.
    """
    left = (
        standing.filter(pl.col("ended") == "left", pl.col("observed_until").is_not_null())
        .join(complete.select("subject", "reason"), on="subject", how="left")
        .select(named_reason(trial).alias("reason"))
    )
    counts = left.group_by("reason").agg(pl.len().cast(pl.Int64).alias("participants"))
    step = trial.blinding.smallest_cell
    is_shown = (pl.col("participants") >= step) & (pl.col("reason") != OTHER_REASON)
    shown, rest = counts.filter(is_shown), int(counts.filter(~is_shown)["participants"].sum())
    if rest and shown.height and rest < step:
        # What is left would tell how many these are: the smallest that is shown goes with them.
        smallest = shown.sort("participants", "reason")[:1]
        shown = shown.join(smallest, on="reason", how="anti")
        rest += int(smallest["participants"].item())
    others = pl.DataFrame(
        {"reason": [OTHER_REASON], "participants": [rest if rest >= step else None]},
        schema=counts.schema,
    )
    counted = pl.concat([shown, others] if rest else [shown]).sort("reason")
    return counted.with_columns(pl.col("participants") // step * step)


def named_reason(trial: Trial) -> pl.Expr:
    """The column `reason`, where the definition opens it; else only that it is another one."""
    reasons = trial.open.dispositions
    listed = dict(zip(folded_terms(reasons), reasons, strict=True))
    return looked_up(folded("reason"), listed, pl.String()).fill_null(OTHER_REASON)
