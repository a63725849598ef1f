"""From an extract as read to what a snapshot would hold, and what is wrong with it.

Order: split by the allow-list, then everything else twice: once from open tables only, once from
all. So nothing open can depend on anything sealed, whatever a later step computes. Last, what is
open is held against the allocation; what that finds is sealed.
"""

import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import cast
from zoneinfo import ZoneInfo

import polars as pl

from data_validation import coverage, known
from data_validation.crossing import IDENTITIES, Earlier, kept_apart
from data_validation.domains import DOMAINS, SEALED_DATASETS
from data_validation.domains.supplemental import with_merged_qualifiers
from data_validation.facts import Kind, Severity, is_sealed_everywhere
from data_validation.findings import counts, find, only_sealed, ordered, stated
from data_validation.functional_unblinding import unblinding_findings
from data_validation.listed_texts import only_listed
from data_validation.named_arms import columns_that_name_an_arm, findings_of_allowed_texts
from data_validation.readers import Extract
from data_validation.relations import participants
from data_validation.released import (
    arm_code,
    named_reason,
    released,
    released_leaving,
    released_sealed_events,
)
from data_validation.rules import Evidence, Stated
from data_validation.sealing import Tables, split
from data_validation.time_points import findings_of_time_points
from data_validation.values import trimmed
from data_validation.visits_by_date import visits_by_date
from data_validation.written_separations import written_separations
from trials import Trial

# Relations that hold no record of the extract: what was worked out from it.
NOT_RECEIVED = frozenset(
    {"dataset", "known_fact", "leaving_reason", "recorded", "sealed_event", "standing"}
)


class UnusableExtractError(Exception):
    """An extract that cannot be placed: no DM, no dates. The text says what is missing."""


class NamedArmError(UnusableExtractError):
    """An open text names an arm; the text says in which columns, and of no record."""


class WrittenSeparationError(UnusableExtractError):
    """The allow-list opens what the trial definition says that one arm only has."""


@dataclass(frozen=True)
class Assessment:
    """What an extract holds and what is wrong with it, open and sealed apart.

    Attributes:
        open_relations, complete_relations: frames by relation name, keyed by their first column.
        allocation: subject, planned and actual arm code; sealed.
        unknown: records of datasets that are no known domain, as received: dataset, file, row and
            the record as JSON; sealed.
        open_findings, sealed_findings: as `findings.SCHEMA`.
        totals: per file rows read and stored, open and sealed; sealed.
        sealed_unexpectedly: fields and datasets of the extract that no fact names; sealed.
        remarks: how files were read, and files left aside; they hold no value.
    """

    trial: Trial
    cutoff: date
    simulated: bool
    open_relations: dict[str, pl.DataFrame]
    complete_relations: dict[str, pl.DataFrame]
    allocation: pl.DataFrame
    unknown: pl.DataFrame
    identities: pl.DataFrame
    open_findings: pl.DataFrame
    sealed_findings: pl.DataFrame
    totals: pl.DataFrame
    sealed_unexpectedly: pl.DataFrame
    remarks: tuple[str, ...]

    @property
    def critical(self) -> int:
        """How many critical findings there are, open and sealed: any of them refuses a load."""
        name = Severity.CRITICAL.value
        return counts(self.open_findings)[name] + counts(self.sealed_findings)[name]


def assess(
    extract: Extract,
    trial: Trial,
    cutoff: date | None = None,
    *,
    identity_key: bytes | None = None,
    earlier: Earlier | None = None,
    progress: Callable[[str], None] = lambda _text: None,
) -> Assessment:
    """Split, check and shape an extract.

    Args:
        cutoff: the data cut-off; without one, the latest complete date among the open records.
        identity_key: under which records are recognized in later loads; none if it is no load.
        earlier: the records of the snapshot before, from which none passes between open and sealed.
        progress: told in a few words what is being done.

    Raises:
        UnusableExtractError: DM is missing or empty, or there is no date to take a cut-off from,
            or the latest one has not come yet.
        NamedArmError: a text that would open names an arm, or what one arm only has.
        WrittenSeparationError: by the definition alone the open store would tell the arm.
    """
    if separations := written_separations(trial):
        raise WrittenSeparationError(
            "\n".join(
                [
                    f"Nothing of {trial.id} can be published: the open store would tell the arm.",
                    *separations,
                    "Correct the trial definition, or the rule that opens the records.",
                ]
            )
        )
    datasets = with_merged_qualifiers(
        {name: dataset.frame for name, dataset in extract.datasets.items()}
    )
    if "DM" not in datasets or datasets["DM"].is_empty():
        found = ", ".join(sorted(datasets)) or "none"
        raise UnusableExtractError(
            f"The extract has no subjects: expected a dataset DM with a row for each. "
            f"Datasets found: {found}. Export demographics (DM) and try again."
        )
    _refuse_without_subjects(datasets)
    progress("sealing")
    opened, complete = split(datasets, trial, visits_by_date(datasets, trial))
    identities = pl.DataFrame(schema=IDENTITIES)
    if identity_key is not None:
        opened, complete, identities = kept_apart(opened, complete, trial, identity_key, earlier)
    cutoff = cutoff or _cutoff_of(opened, trial)
    given = released(complete, trial, cutoff)
    progress("searching open texts")
    if named := columns_that_name_an_arm(opened, given, trial):
        raise NamedArmError(
            f"The extract cannot be loaded: open texts in {', '.join(named)} name an arm, or what "
            "one arm only has. Take that out of the extract; or, where such a text says something "
            "else, allow it in the trial definition under [[open.texts]], with the reason."
        )
    opened, of_lists = only_listed(opened, trial)
    open_people, complete_people = participants(opened, given), participants(complete, given)
    open_side = Evidence(opened, open_people, trial, cutoff)
    complete_side = Evidence(complete, complete_people, trial, cutoff)
    open_findings = find(open_side, progress)
    all_findings = find(complete_side, progress)
    allocation = _allocation(complete, complete_people, trial)
    unblinding = stated(
        [
            *unblinding_findings(open_side.relations, allocation, trial),
            *findings_of_time_points(complete, trial),
        ]
    )
    sealed_findings = ordered(pl.concat([only_sealed(all_findings, open_findings), unblinding]))
    unknown = {name: frame for name, frame in datasets.items() if name not in DOMAINS}
    contacts = known.last_contacts(opened, cutoff)
    standing = known.standing(opened, open_people, contacts, trial, cutoff)
    of_facts = list(coverage.findings_of_facts(opened, given, standing, trial, cutoff))
    if given.problem:
        of_facts.append(Stated(coverage.NOT_RANDOMIZED, "ARMCD", None, given.problem))
    of_facts += [*findings_of_allowed_texts(trial), *of_lists]
    open_findings = ordered(pl.concat([open_findings, stated(of_facts)]))
    record = coverage.recorded(opened)
    sealed_events = released_sealed_events(complete, trial)
    if earlier is not None:
        sealed_events = earlier.sealed_events_at(cutoff, trial, sealed_events)
    all_standing = known.standing(complete, complete_people, contacts, trial, cutoff).with_columns(
        pl.when(pl.col("ended") == "left").then(named_reason(trial)).alias("named_reason")
    )
    return Assessment(
        trial=trial,
        cutoff=cutoff,
        simulated="SIMULATION" in datasets,
        open_relations=open_side.relations
        | {
            "standing": standing,
            "recorded": record,
            "known_fact": coverage.facts(opened, given.randomized, standing, record),
            "leaving_reason": released_leaving(standing, all_standing, trial),
            "sealed_event": sealed_events,
        },
        complete_relations=complete_side.relations
        | {"standing": all_standing, "recorded": coverage.recorded(complete)},
        allocation=allocation,
        unknown=_as_received(unknown),
        open_findings=open_findings,
        sealed_findings=_located(sealed_findings, complete),
        identities=identities,
        totals=_totals(datasets, opened, complete),
        sealed_unexpectedly=_unexpected(datasets, unknown),
        remarks=(
            *(f"{note.file}: {note.text}" for note in extract.notes),
            *(f"{item.file} was left aside: it {item.reason}." for item in extract.ignored),
        ),
    )


def _refuse_without_subjects(datasets: dict[str, pl.DataFrame]) -> None:
    """Refuse known datasets without a column of subjects: their records would belong to nobody."""
    refused = []
    for name, frame in datasets.items():
        received = frame.drop("_file", "_row")
        if name not in DOMAINS or "USUBJID" in frame.columns or not received.width:
            continue
        columns = f"{received.width} column{'s' if received.width != 1 else ''}"
        is_page = any(_WEB_PAGE.search(text) for text in (*received.columns, *_first_row(received)))
        found = " and looks like a web page, as a download gives when a sign-in has ended"
        refused.append(
            f"{name} has no column USUBJID, so its records belong to nobody: it has "
            f"{columns}{found if is_page else ''}. Export {name} again, one column per SDTM "
            "variable and USUBJID among them, or leave the file out if there is no such dataset."
        )
    if refused:
        raise UnusableExtractError("\n".join(refused))


# Markup with which a page begins; no name of a variable and no first value has it.
_WEB_PAGE = re.compile(r"(?i)<(!doctype|html|head|body|title|script|meta|\?xml)\b")


def _first_row(frame: pl.DataFrame) -> list[str]:
    return [text for text in frame.row(0) if text is not None] if frame.height else []


def _as_received(datasets: dict[str, pl.DataFrame]) -> pl.DataFrame:
    """Records of any shape in one: names that an extract chose stay out of SQL."""
    parts = [
        frame.select(
            pl.lit(name).alias("dataset"),
            pl.col("_file").alias("file"),
            pl.col("_row").alias("row"),
            pl.struct(pl.exclude("_file", "_row")).struct.json_encode().alias("record"),
        )
        for name, frame in sorted(datasets.items())
        if frame.height  # one without records may be without fields, of which no struct is made
    ]
    columns = {"dataset": pl.String, "file": pl.String, "row": pl.Int64, "record": pl.String}
    return pl.concat([pl.DataFrame(schema=columns), *parts])


def stated_cutoff(extract: Extract, trial: Trial) -> date | None:
    """The data cut-off that an extract states (TS, DCUTDTC); none of simulated participants.

    Raises:
        UnusableExtractError: a real extract states none; the text proposes the latest date that
            does not stand alone.
    """
    datasets = {name: dataset.frame for name, dataset in extract.datasets.items()}
    if "TS" in datasets and {"TSPARMCD", "TSVAL"} <= set(datasets["TS"].columns):
        of_cutoff = trimmed("TSPARMCD").str.to_uppercase() == "DCUTDTC"
        written = datasets["TS"].filter(of_cutoff).select(trimmed("TSVAL").str.slice(0, 10))
        dates = written.to_series().str.to_date("%Y-%m-%d", strict=False).drop_nulls()
        if len(dates):
            return cast("date", dates[0])
    if "SIMULATION" in datasets or "DM" not in datasets:
        return None
    opened, _ = split(with_merged_qualifiers(datasets), trial)
    proposed = _latest_together(opened)
    proposal = (
        f" The latest date that does not stand alone is {proposed}: if the data are complete up to "
        f"it, load with --cutoff {proposed}."
        if proposed
        else ""
    )
    raise UnusableExtractError(
        "The extract does not state its data cut-off (DCUTDTC in TS), and none is named."
        f"{proposal or ' Name it with --cutoff.'}"
    )


# A date that no other one precedes within so many days is taken for a slip.
_ALONE_DAYS = 14


def _latest_together(opened: Tables) -> date | None:
    """The latest open date, up to today, with another record in the days up to it."""
    dates = pl.concat(
        [
            frame[field.word].alias("date")
            for name, frame in opened.frames.items()
            for field in DOMAINS[name].open_fields
            if field.kind is Kind.DATE
        ]
    ).drop_nulls()
    dates = dates.filter(dates <= datetime.now(UTC).date()).sort(descending=True)
    apart = (dates - dates.shift(-1)).dt.total_days() <= _ALONE_DAYS
    together = dates.filter(apart.fill_null(value=False))
    return together[0] if len(together) else None


def _cutoff_of(opened: Tables, trial: Trial) -> date:
    latest = _latest_date(opened)
    if latest is None:
        raise UnusableExtractError(
            "The extract has no complete date, so its cut-off is not known. Name it with --cutoff."
        )
    if latest > datetime.now(UTC).astimezone(ZoneInfo(trial.timezone)).date():
        raise UnusableExtractError(
            f"The latest date in the extract, {latest}, has not come yet, so its cut-off is not "
            "known. Name it with --cutoff; what is dated after it will be among the findings."
        )
    return latest


def _latest_date(opened: Tables) -> date | None:
    latest: list[date] = []
    for name, frame in opened.frames.items():
        for field in DOMAINS[name].open_fields:
            if field.kind is Kind.DATE and frame.height:
                value = frame[field.word].max()
                if isinstance(value, date):
                    latest.append(value)
    return max(latest, default=None)


def _allocation(tables: Tables, people: pl.DataFrame, trial: Trial) -> pl.DataFrame:
    """Planned arm by the allocation list, else by DM; actual arm by DM; codes as defined.

    Null where no arm of the definition is named.
    """
    arms = people.filter("randomized").select(
        "subject",
        arm_code(pl.col("planned_arm_code"), trial).alias("planned"),
        arm_code(pl.col("actual_arm_code"), trial).alias("actual"),
    )
    if "RANDOMIZATION" in tables.present:
        listed = tables.frames["RANDOMIZATION"].select(
            trimmed("USUBJID").alias("subject"), arm_code(pl.col("ARMCD"), trial).alias("listed")
        )
        arms = (
            arms.join(
                listed.unique("subject", keep="first", maintain_order=True),
                on="subject",
                how="left",
            )
            .with_columns(pl.coalesce("listed", "planned").alias("planned"))
            .drop("listed")
        )
    return arms.sort("subject")


def _located(findings: pl.DataFrame, complete: Tables) -> pl.DataFrame:
    """Findings with the file and row of their record, for those who may see sealed data."""
    keys = findings["record_key"].drop_nulls().unique().implode()
    where = [
        frame.filter(pl.col("record_key").is_in(keys)).select(
            "record_key", pl.col("_file").alias("file"), pl.col("_row").alias("row")
        )
        for frame in complete.frames.values()
    ]
    return findings.join(pl.concat(where), on="record_key", how="left", maintain_order="left")


def _totals(
    datasets: dict[str, pl.DataFrame], open_tables: Tables, complete: Tables
) -> pl.DataFrame:
    """Rows read and opened of each file; of what stays open without one, the file has no name."""
    opened = Counter(
        {
            (name, file): count
            for name in complete.present
            for file, count in complete.frames[name]
            .select(pl.col("_file").filter("_open"))["_file"]
            .value_counts()
            .rows()
        }
    )
    rows = [
        {
            "dataset": name,
            "file": str(file),
            "rows_read": int(count),
            "rows_open": opened[name, file],
        }
        for name, frame in sorted(datasets.items())
        for file, count in frame.group_by("_file").len().sort("_file").rows()
    ]
    stay_open = {
        name: frame.height - sum(count for (of, _), count in opened.items() if of == name)
        for name, frame in open_tables.frames.items()
    }
    rows += [
        {"dataset": name, "file": "", "rows_read": 0, "rows_open": count}
        for name, count in stay_open.items()
        if count
    ]
    return pl.DataFrame(
        rows,
        schema={
            "dataset": pl.String,
            "file": pl.String,
            "rows_read": pl.Int64,
            "rows_open": pl.Int64,
        },
    )


def _unexpected(
    datasets: dict[str, pl.DataFrame], unknown: dict[str, pl.DataFrame]
) -> pl.DataFrame:
    rows = [(name, "(whole dataset)") for name in sorted(unknown) if name not in SEALED_DATASETS]
    for name, frame in datasets.items():
        if name in DOMAINS:
            named = {field.name for field in DOMAINS[name].fields} | {"_file", "_row"}
            rows += [
                (name, column)
                for column in frame.columns
                if column not in named and not is_sealed_everywhere(column)
            ]
    return pl.DataFrame(rows, schema={"dataset": pl.String, "field": pl.String}, orient="row").sort(
        "dataset", "field"
    )
