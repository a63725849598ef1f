"""Running the checks over one side of an extract, and findings as one flat frame."""

import hashlib
import re
from collections.abc import Callable, Iterable
from dataclasses import replace

import polars as pl

from data_validation.catalogue import catalogue
from data_validation.distinct import representatives
from data_validation.domains import DOMAINS
from data_validation.facts import Severity
from data_validation.field_failures import date_failures, form_failures
from data_validation.generated import absent_field, record_rules
from data_validation.rules import CHECKS, Audience, CheckFunction, Evidence, Rule, Stated
from data_validation.schemas import BrokenCheckError, structural_failures
from data_validation.sealing import Tables
from data_validation.values import NOT_SHOWN, trimmed
from data_validation.written_dates import seeming
from snapshots import pairs

SEVERITIES = tuple(severity.value for severity in Severity)

# One row a finding. `finding` is the same for the same fault in the next extract; `records`: of how
# many records it is, one for what a site is asked.
SCHEMA: dict[str, type[pl.DataType]] = {
    "finding": pl.String,
    "check": pl.String,
    "severity": pl.String,
    "domain": pl.String,
    "subject": pl.String,
    "record_key": pl.String,
    "field": pl.String,
    "value": pl.String,
    "message": pl.String,
    "query": pl.String,
    "audience": pl.String,
    "records": pl.Int64,
}


NOTHING = pl.DataFrame(schema=SCHEMA)


def find(evidence: Evidence, progress: Callable[[str], None] = lambda _text: None) -> pl.DataFrame:
    """All findings of one side, by severity, check, subject and record.

    On open tables only open fields are checked, so an open finding can tell nothing sealed.

    Raises:
        BrokenCheckError: a check failed to run.
    """
    rules = catalogue()
    parts: list[pl.DataFrame] = []
    tables = evidence.tables
    for name in tables.present:
        progress(f"checking {name}")
        domain, frame = DOMAINS[name], tables.frames[name]
        absent = set(tables.absent.get(name, ()))
        fields = tuple(
            field
            for field in (domain.open_fields if tables.is_open else domain.fields)
            if field.name not in absent
        )
        few = representatives(frame, [field.name for field in fields]) if fields else frame
        failures = structural_failures(few, domain, fields)
        for (rule_id,), group in failures.group_by("rule", maintain_order=True):
            rule = rules[str(rule_id)]
            offending = _with_texts_of(few[group["index"]], rule.field, frame)
            parts.append(
                _as_findings(_of_column(rule, offending, frame), _with_seeming(rule, offending))
            )
        for item, rows in (
            *form_failures(frame, few, fields, domain),
            *date_failures(evidence, domain, fields),
        ):
            parts.append(_as_findings(item.rule, rows, item.field.name))
        lacking = absent_field(domain)
        parts.append(
            stated(Stated(lacking, field, None, lacking.sentence) for field in sorted(absent))
        )
        parts += _by_functions(evidence, record_rules(domain))
    progress("checking across datasets")
    parts += _by_functions(evidence, CHECKS.values())
    # Most checks find nothing; to put a hundred empty frames together takes longer than to ask.
    return ordered(pl.concat([NOTHING, *(part for part in parts if part.height)]))


def _by_functions(evidence: Evidence, functions: Iterable[CheckFunction]) -> list[pl.DataFrame]:
    """What functions find that have their datasets and may look at this side."""
    parts = []
    for function in functions:
        rule = function.rule
        if not evidence.tables.present.issuperset(function.needs):
            continue
        if evidence.tables.is_open and rule.sealed:
            continue
        try:
            offending = function.select(evidence)
        except Exception as error:
            raise BrokenCheckError(
                f"The check {rule.id} did not run ({type(error).__name__})."
            ) from error
        parts.append(_as_findings(rule, offending))
    return parts


def _with_texts_of(offending: pl.DataFrame, field: str, frame: pl.DataFrame) -> pl.DataFrame:
    """All rows of `frame` with one of the offending texts: whether a text is, it says alone."""
    if frame.height == offending.height:
        return offending
    texts = offending[field].unique().implode()
    return frame.filter(pl.col(field).is_in(texts, nulls_equal=True))


def _with_seeming(rule: Rule, rows: pl.DataFrame) -> pl.DataFrame:
    """Beside a date in another form, what it seems to be: part of the question to the site."""
    if not rule.id.endswith("-date"):
        return rows
    read = seeming(rows[rule.field].str.strip_chars())
    remark = pl.format(", which seems to be {}", read.dt.to_string("iso"))
    return rows.with_columns(remark.fill_null("").alias("_seems"))


def _as_findings(rule: Rule, rows: pl.DataFrame, field: str | None = None) -> pl.DataFrame:
    """Findings about rows; each is known by its record, or else by what it is about."""
    if rows.is_empty():
        return NOTHING
    field = field or rule.field
    if rule.audience is Audience.EXPORT and "_about" not in rows.columns:
        rows = _by_cause(rows, rule.cause, field)
        about = pl.col("_about")
    elif "_about" in rows.columns:
        about = pl.coalesce("record_key", "_about")
    else:
        about = pl.col("record_key")
    if "_records" not in rows.columns:
        rows = rows.with_columns(_records=pl.lit(1, dtype=pl.Int64))
    value = pl.lit(None, pl.String)
    if field in rows.columns:
        value = pl.col(field).cast(pl.String).replace(NOT_SHOWN, _NOT_SHOWN_HERE)
    identities = [
        _identity(rule.id, key, field) for key in rows.select(about).to_series().to_list()
    ]
    return rows.select(
        pl.Series("finding", identities, dtype=pl.String),
        pl.lit(rule.id).alias("check"),
        pl.lit(rule.severity.value).alias("severity"),
        pl.lit(rule.domain).alias("domain"),
        trimmed("USUBJID").alias("subject"),
        "record_key",
        pl.lit(field).alias("field"),
        value.alias("value"),
        pl.lit(rule.sentence).alias("message"),
        _filled(rule.query.replace("{field}", field), rows, rule.domain).alias("query"),
        pl.lit(rule.audience.value).alias("audience"),
        pl.col("_records").alias("records"),
    )


# So many records of a column, all wrong in the same way, have one cause.
_WHOLE_COLUMN = 10


def _of_column(rule: Rule, offending: pl.DataFrame, frame: pl.DataFrame) -> Rule:
    """The rule as one for the export where every record of a column breaks it."""
    if offending.height < _WHOLE_COLUMN:
        return rule
    filled = frame.select(trimmed(rule.field).is_not_null()).to_series()
    whole = frame.height if rule.id.endswith("-present") else int(filled.sum())
    if offending.height < whole:
        return rule
    return replace(rule, audience=Audience.EXPORT, cause=())


def _by_cause(rows: pl.DataFrame, cause: tuple[str, ...], field: str) -> pl.DataFrame:
    """One row a cause, with `_records`; what is of several records is of none and of nobody.

    Of the values of a field that have one cause the first by its text stands for all.
    """
    values = [trimmed(name).fill_null("") for name in cause if name in rows.columns]
    has_example = not values and field != "USUBJID" and rows.schema.get(field) == pl.String
    if has_example:
        text = pl.col(field)
        others = pl.when(text.n_unique() > 1).then(pl.lit(", …")).otherwise(pl.lit(""))
        rows = rows.sort(text == NOT_SHOWN, field, nulls_last=True, maintain_order=True)
        if rows.height > 1:
            rows = rows.with_columns(text.replace(NOT_SHOWN, "…") + others)
    about = pl.concat_str(values, separator="\x1f") if values else pl.lit("")
    several = pl.col("_records") > 1
    nothing = pl.lit(None, dtype=pl.String)
    kept = {*cause, field} if values or has_example else set[str]()
    return (
        rows.with_columns(_about=about)
        .with_columns(_records=pl.len().over("_about").cast(pl.Int64))
        .unique("_about", keep="first", maintain_order=True)
        .with_columns(
            pl.when(several).then(nothing).otherwise(pl.col(name)).alias(name)
            for name in {"record_key", "USUBJID", field} - kept
            if name in rows.columns
        )
    )


_NOT_SHOWN_HERE = "(not shown here)"


def stated(items: Iterable[Stated]) -> pl.DataFrame:
    """Findings about the open store as a whole, of no subject and no record."""
    rows = [
        {
            "finding": _identity(item.rule.id, "", item.about),
            "check": item.rule.id,
            "severity": item.rule.severity.value,
            "domain": item.rule.domain,
            "field": item.about,
            "value": item.value,
            "message": item.message,
            "query": item.rule.query,
            "audience": Audience.EXPORT.value,
            "records": 1,
        }
        for item in items
    ]
    return pl.DataFrame(rows, schema=SCHEMA)


def ordered(findings: pl.DataFrame) -> pl.DataFrame:
    """Findings by severity, check, subject and record, each once."""
    rank = {name: position for position, name in enumerate(SEVERITIES)}
    return (
        findings.unique("finding", keep="first", maintain_order=True)
        .with_columns(pl.col("severity").replace_strict(rank, return_dtype=pl.Int64).alias("_rank"))
        .sort("_rank", "check", "subject", "record_key", "field", nulls_last=True)
        .drop("_rank")
    )


def _filled(text: str, rows: pl.DataFrame, domain: str) -> pl.Expr:
    """The text for who can act, with the record's values in place of `{NAME}`.

    Where a value is not open, the question says of which record and field it is.
    """
    parts = re.split(r"\{(\w+)\}", text)
    values = [part for part in parts[1::2] if part in rows.columns]
    said = [
        pl.col(part).cast(pl.String).replace(NOT_SHOWN, "…").fill_null("(empty)")
        if place % 2 and part in rows.columns
        else pl.lit("{" + part + "}" if place % 2 else part)
        for place, part in enumerate(parts)
    ]
    sealed = [
        pl.when(pl.col(name) == NOT_SHOWN).then(
            pl.format(
                " What stands in {} is not shown here; it is of the {} record{}.",
                pl.lit(name),
                pl.lit(domain),
                _which(rows, domain, name),
            )
        )
        for name in values
        if rows.schema[name] == pl.String and name in DOMAINS[domain].by_name
    ]
    return pl.concat_str([*said, *(pl.coalesce(one, pl.lit("")) for one in sealed)])


def _which(rows: pl.DataFrame, domain: str, field: str) -> pl.Expr:
    """` with AEDECOD Headache, AESTDTC 2023-03-10`: what is open of a record's key."""
    of = DOMAINS[domain]
    dates = [of.by_word[word].name for word in (of.date, "end_date") if word in of.by_word]
    named = dict.fromkeys((*of.keys, *dates, f"{domain}SEQ"))
    texts = [
        pl.when(pl.col(name) != NOT_SHOWN).then(pl.format("{} {}", pl.lit(name), trimmed(name)))
        for name in named
        if name in rows.columns and name not in {"USUBJID", field}
    ]
    if not texts:
        return pl.lit("")
    known = pl.concat_str(texts, separator=", ", ignore_nulls=True)
    return pl.when(known != "").then(pl.lit(" with ") + known).otherwise(pl.lit(""))


def _identity(*parts: str) -> str:
    return hashlib.sha256("\x1f".join(parts).encode()).hexdigest()[:16]


def only_sealed(complete: pl.DataFrame, opened: pl.DataFrame) -> pl.DataFrame:
    """Findings of the complete side that the open side does not have."""
    return complete.join(opened.select("finding"), on="finding", how="anti", maintain_order="left")


RecordsOf = Callable[[str, list[str]], pl.DataFrame]


def _no_records(_relation: str, _keys: list[str]) -> pl.DataFrame:
    return pl.DataFrame()


def with_status(
    findings: pl.DataFrame,
    before: pl.DataFrame | None,
    records_now: RecordsOf = _no_records,
    records_before: RecordsOf = _no_records,
) -> pl.DataFrame:
    """Findings with `status` against those of the snapshot before, and `known_as`.

    The status is new, persisting, moved or resolved. A finding is the same where its id is; of the
    others, one has moved where check, field and participant are those of one that is gone and its
    record is the same in at least half of the open texts: its date or its term was corrected, and
    the query is still the same. `known_as` is the id under which the query was first made, through
    all later snapshots. Resolved ones are carried along once, with the words of the snapshot in
    which they last stood.

    Args:
        before: findings of the snapshot before; None where there is none.
        records_now, records_before: the open records of a relation with these keys, in this extract
            and in the one before.
    """
    if before is None:
        return findings.with_columns(pl.lit("new").alias("status"), known_as=pl.col("finding"))
    # Formats before 5 have fewer columns.
    columns = pl.DataFrame(schema=SCHEMA | {"status": pl.String, "known_as": pl.String})
    standing = pl.concat(
        [columns, before.filter(pl.col("status") != "resolved")], how="diagonal"
    ).with_columns(pl.col("known_as").fill_null(pl.col("finding")))
    gone = standing.filter(~pl.col("finding").is_in(findings["finding"].implode()))
    came = findings.filter(~pl.col("finding").is_in(standing["finding"].implode()))
    moved = _moved(_with_records(gone, records_before), _with_records(came, records_now))
    names = dict(standing.select("finding", "known_as").rows())
    was = pl.col("finding").replace(moved)
    now = findings.with_columns(
        pl.when(pl.col("finding").is_in(list(moved)))
        .then(pl.lit("moved"))
        .when(pl.col("finding").is_in(list(names)))
        .then(pl.lit("persisting"))
        .otherwise(pl.lit("new"))
        .alias("status"),
        known_as=was.replace(names),
    )
    resolved = gone.filter(~pl.col("finding").is_in(list(moved.values()))).with_columns(
        pl.lit("resolved").alias("status")
    )
    return pl.concat([now, resolved.select(now.columns)])


_SAME = ("check", "field", "domain", "subject")
_NOT_COMPARED = ("record_key", "subject", "study_day")


def _moved(gone: pl.DataFrame, came: pl.DataFrame) -> dict[str, str]:
    """Of findings of now the ids of those of before that are about the same record."""
    texts = [name for name in gone.columns if name.startswith(_TEXT) and name in came.columns]
    found = pairs(
        gone,
        came,
        within=_SAME,
        date="_date",
        compared=texts,
        least_equal=0.5,
        nearest_first=False,
    )
    return {came.item(new, "finding"): gone.item(old, "finding") for old, new in found}


_TEXT = "_record_"


def _with_records(findings: pl.DataFrame, records: RecordsOf) -> pl.DataFrame:
    """Findings about records, with the record's open texts and its date."""
    parts = [pl.DataFrame(schema={"record_key": pl.String, "_date": pl.String})]
    for (name,), group in findings.drop_nulls("record_key").group_by("domain"):
        domain = DOMAINS.get(str(name))
        if domain is None:
            continue
        of = records(domain.relation, group["record_key"].unique().to_list())
        if of.is_empty():
            continue
        date = pl.col(domain.date) if domain.date in of.columns else pl.lit(None)
        parts.append(
            of.select(
                "record_key",
                date.cast(pl.String).alias("_date"),
                *(
                    pl.col(text).cast(pl.String).alias(f"{_TEXT}{text}")
                    for text in of.columns
                    if text not in _NOT_COMPARED
                ),
            )
        )
    found = pl.concat(parts, how="diagonal")
    return findings.select("finding", *_SAME, "record_key").join(
        found, on="record_key", how="inner", maintain_order="left"
    )


def counts(findings: pl.DataFrame) -> dict[str, int]:
    """Standing findings by severity, all severities named."""
    standing = findings
    if "status" in findings.columns:
        standing = findings.filter(pl.col("status") != "resolved")
    by_severity = dict(standing.group_by("severity").len().rows())
    return {severity: int(by_severity.get(severity, 0)) for severity in SEVERITIES}


__all__ = [
    "BrokenCheckError",
    "Tables",
    "counts",
    "find",
    "only_sealed",
    "ordered",
    "stated",
    "with_status",
]
