"""Records that pass between open and sealed from one cut to the next.

A record that becomes sealed would be gone from what is open, and one that becomes open would be new
there: both say something about the treatment of its participant. So what was open stays open, as it
last was, and what was sealed stays sealed. What is gone from the extract is gone in both. Which
records are not recognized stands in SECURITY.md.

A load has no private key, so it knows sealed records of the load before by a code alone, under a
key of the store.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date
from hashlib import blake2b

import polars as pl

from data_validation.distinct import by_distinct
from data_validation.domains import DOMAINS
from data_validation.facts import Domain, every_row
from data_validation.sealing import Tables
from data_validation.values import trimmed, with_typed_values
from trials import Trial

# What a record is about, in the words of the site, and in which dataset it stands: no code and no
# class, which are what is given, taken away and corrected.
_TOPICS = ("TERM", "TRT", "TESTCD", "RDOMAIN", "QNAM")
IDENTITIES = {"domain": pl.String, "identity": pl.Binary, "record_key": pl.String}

OpenRows = Callable[[str, list[str]], pl.DataFrame]


@dataclass(frozen=True)
class Earlier:
    """What a load knows of the records of the snapshot before.

    Attributes:
        identities: a row a record, columns IDENTITIES; no `record_key` where it was sealed.
        open_rows: its open records of a relation with these keys.
        cutoff: its data cut-off.
        sealed_events: what its open part says of how many events are sealed.
    """

    identities: pl.DataFrame
    open_rows: OpenRows
    cutoff: date
    sealed_events: pl.DataFrame

    def sealed_events_at(self, cutoff: date, trial: Trial, now: pl.DataFrame) -> pl.DataFrame:
        """How many events are said to be sealed: another number from one review to the next only.

        A step that is reached between two cuts would tell that one more event is.
        """
        reviews = trial.monitoring.reviews
        is_due = not reviews or any(self.cutoff < review <= cutoff for review in reviews)
        return now if is_due or self.sealed_events.is_empty() else self.sealed_events


def kept_apart(
    opened: Tables, complete: Tables, key: bytes, earlier: Earlier | None
) -> tuple[Tables, Tables, pl.DataFrame]:
    """Open and complete tables in which nothing has passed from one to the other, and identities.

    Args:
        key: under which records are recognized.
        earlier: the records of the snapshot before; None where nothing is known of them.

    Returns:
        The tables; and of each record, as it stands now, what `Earlier.identities` has.
    """
    open_frames, complete_frames = dict(opened.frames), dict(complete.frames)
    identities = [pl.DataFrame(schema=IDENTITIES)]
    for name in sorted(complete.present):
        domain = DOMAINS[name]
        if not domain.opens or domain.open_rows is every_row:
            continue
        now = _identified(complete.frames[name], domain, key)
        if earlier is not None:
            before = earlier.identities.filter(domain=name)
            stay_sealed, stay_open = _passed(before, now)
            if stay_sealed:
                open_frames[name] = open_frames[name].filter(_is_not(stay_sealed))
                complete_frames[name] = _sealed(complete_frames[name], stay_sealed)
                now = now.with_columns(
                    pl.when(_is_not(stay_sealed)).then("record_key").alias("record_key")
                )
            if stay_open:
                rows = earlier.open_rows(domain.relation, list(stay_open))
                open_frames[name] = pl.concat(
                    [open_frames[name], _as_received(rows, domain)], how="diagonal"
                ).sort("record_key")
                restored = before.filter(pl.col("record_key").is_in(list(stay_open)))
                now = _counted_as_open(now, restored)
        identities.append(now.select(pl.lit(name).alias("domain"), "identity", "record_key"))
    return (
        replace(opened, frames=open_frames),
        replace(complete, frames=complete_frames),
        pl.concat(identities),
    )


def key_mark(key: bytes) -> pl.DataFrame:
    """A row of identities by which the key that they were made under is known again."""
    mark = blake2b(b"the key of these", key=key, digest_size=16).digest()
    return pl.DataFrame({"domain": [""], "identity": [mark], "record_key": [None]}, IDENTITIES)


def _identified(frame: pl.DataFrame, domain: Domain, key: bytes) -> pl.DataFrame:
    """Identity of each row of a complete table, and its key where it is open."""
    number = f"{domain.name}SPID"
    names = [
        "USUBJID",
        *(field.name for field in domain.fields if field.name.endswith(_TOPICS)),
        *(name for name in domain.keys if name == "VISIT" or name.endswith("DTC")),
    ]
    texts = [
        pl.lit(None, pl.String) if name not in frame.columns else trimmed(name) for name in names
    ]
    described = pl.concat_str([text.fill_null("") for text in texts], separator="\x1f")
    if number in frame.columns:
        # The site's own number of a record stays whatever else is corrected.
        numbered = pl.concat_str([trimmed("USUBJID"), trimmed(number)], separator="\x1e")
        described = pl.coalesce(numbered, described)
    written = frame.select(described.fill_null("").alias("_text"))

    def codes(rows: pl.DataFrame) -> pl.DataFrame:
        prefix = f"{domain.name}\x1d"
        return pl.DataFrame(
            {
                "identity": [
                    blake2b(f"{prefix}{text}".encode(), key=key, digest_size=16).digest()
                    for text in rows["_text"].to_list()
                ]
            },
            schema={"identity": pl.Binary},
        )

    return by_distinct(written, ["_text"], codes).with_columns(
        frame.select(pl.when("_open").then("record_key").alias("record_key")).to_series()
    )


def _passed(before: pl.DataFrame, now: pl.DataFrame) -> tuple[frozenset[str], frozenset[str]]:
    """Keys of records that are open now and were sealed, and of those that were open and are not.

    Of records that are described alike, as many as are fewer on the one side and more on the other.
    """
    counted = [
        side.group_by("identity").agg(
            pl.col("record_key").is_not_null().sum().cast(pl.Int64).alias(f"open_{when}"),
            pl.col("record_key").is_null().sum().cast(pl.Int64).alias(f"sealed_{when}"),
        )
        for side, when in ((before, "before"), (now, "now"))
    ]
    both = counted[0].join(counted[1], on="identity", how="inner")
    more_open = pl.col("open_now") - pl.col("open_before")
    more_sealed = pl.col("sealed_now") - pl.col("sealed_before")
    passed = both.select(
        "identity",
        pl.min_horizontal(more_open, -more_sealed).alias("to_open"),
        pl.min_horizontal(-more_open, more_sealed).alias("to_sealed"),
    )
    return (
        _first_keys(now, before, passed.filter(pl.col("to_open") > 0), "to_open"),
        _first_keys(before, now, passed.filter(pl.col("to_sealed") > 0), "to_sealed"),
    )


def _first_keys(
    of: pl.DataFrame, other: pl.DataFrame, passed: pl.DataFrame, how_many: str
) -> frozenset[str]:
    """Open keys of one side that the other does not have, as many of each identity as passed."""
    if passed.is_empty():
        return frozenset()
    keys = (
        of.drop_nulls("record_key")
        .join(other.drop_nulls("record_key"), on="record_key", how="anti")
        .join(passed, on="identity", how="inner")
        .sort("record_key")
        .filter(pl.int_range(pl.len()).over("identity") < pl.col(how_many))
    )
    return frozenset(keys["record_key"].to_list())


def _is_not(keys: frozenset[str]) -> pl.Expr:
    return ~pl.col("record_key").is_in(list(keys)).fill_null(value=False)


def _sealed(frame: pl.DataFrame, keys: frozenset[str]) -> pl.DataFrame:
    """Rows of these open keys as sealed ones, whose keys have a colon in place of the hyphen."""
    stays = _is_not(keys)
    return frame.with_columns(
        pl.col("_open") & stays,
        pl.when(stays)
        .then("record_key")
        .otherwise(pl.col("record_key").str.replace("-", ":", literal=True))
        .alias("record_key"),
    )


def _as_received(rows: pl.DataFrame, domain: Domain) -> pl.DataFrame:
    """Records of an open relation as the open table of their dataset has them."""
    words = {
        field.name: f"{field.word}_text" if field.typed else field.word
        for field in domain.open_fields
    }
    # What a relation of an earlier version does not have, it had not recorded.
    texts = rows.select(
        "record_key",
        *(
            (pl.col(word) if word in rows.columns else pl.lit(None)).cast(pl.String).alias(name)
            for name, word in words.items()
        ),
    )
    return with_typed_values(texts, domain, open_only=True)


def _counted_as_open(now: pl.DataFrame, restored: pl.DataFrame) -> pl.DataFrame:
    """Identities in which one sealed record each stands under the key that it had when open."""
    place = pl.int_range(pl.len()).over("identity").alias("_place")
    sealed = now.filter(pl.col("record_key").is_null()).select("identity", place)
    of_each = restored.sort("record_key").select("identity", "record_key", place)
    return pl.concat(
        [
            now.drop_nulls("record_key"),
            sealed.join(of_each, on=["identity", "_place"], how="left").drop("_place"),
        ]
    )
