"""Records that pass between open and sealed from one cut to the next.

A record that becomes sealed would be gone from what is open, and one that becomes open would be new
there: both say something about the treatment of its participant. So what was open stays open, as it
last was, and what was sealed stays sealed. What is gone from the extract is gone in both. Which
records are not recognized stands in SECURITY.md.

A load has no private key, so it knows sealed records of the load before by a code alone, under a
key of the store.
"""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from hashlib import blake2b
from operator import eq

import polars as pl

from data_validation.domains import DOMAINS
from data_validation.facts import Domain, every_row
from data_validation.sealing import Tables
from data_validation.values import trimmed, with_typed_values
from trials import Trial

# What a record is about, in the words of the site, and in which dataset it stands: no code and no
# class, which are what is given, taken away and corrected.
_WORDS = ("TERM", "TRT")
_TOPICS = (*_WORDS, "TESTCD", "RDOMAIN", "QNAM")

# By what a record is recognized, each a code: the site's own number of it; its words, visit and
# day; of one that the site describes in words, its words alone; its day alone.
_CODES = ("numbered", "described", "worded", "dated")
# What is tried first is likelier true: numbers may be given anew, and words be corrected.
_LEVELS = (("numbered", "described"), ("described",), ("numbered",), ("worded",), ("dated",))
IDENTITIES = {"domain": pl.String, **dict.fromkeys(_CODES, pl.UInt64), "record_key": pl.String}

OpenRows = Callable[[str, list[str]], pl.DataFrame]
Text = Sequence[str | None]


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
            texts = _Texts(domain, earlier.open_rows, open_frames[name])
            passed = _passed(before, now, texts)
            if passed.stay_sealed or passed.stay_open:
                stay_open = earlier.open_rows(domain.relation, list(passed.stay_open.values()))
                open_frames[name], keys = _with_passed(
                    open_frames[name], _as_received(stay_open, domain), passed, domain
                )
                complete_frames[name] = _with_open_keys(complete_frames[name], passed, keys)
                now = now.with_columns(_open_keys(now["record_key"], passed, keys))
        identities.append(now.select(pl.lit(name).alias("domain"), *_CODES, "record_key"))
    return (
        replace(opened, frames=open_frames),
        replace(complete, frames=complete_frames),
        pl.concat(identities),
    )


def key_mark(key: bytes) -> pl.DataFrame:
    """A row of identities by which the key that they were made under is known again."""
    codes = [_code(key, "", f"the key of these, {name}") for name in _CODES]
    return pl.DataFrame([("", *codes, None)], schema=IDENTITIES, orient="row")


def _code(key: bytes, domain: str, text: str) -> int:
    digest = blake2b(f"{domain}\x1d{text}".encode(), key=key, digest_size=8).digest()
    return int.from_bytes(digest)


def _identified(frame: pl.DataFrame, domain: Domain, key: bytes) -> pl.DataFrame:
    """Codes of each row of a complete table, and its key where it is open."""
    subject = ["USUBJID"]
    topics = [field.name for field in domain.fields if field.name.endswith(_TOPICS)]
    words = [name for name in topics if name.endswith(_WORDS)]
    placed = [name for name in domain.keys if name == "VISIT" or name.endswith("DTC")]
    of_each = {
        "numbered": [*subject, f"{domain.name}SPID"],
        "described": [*subject, *topics, *placed],
        # Of results the day or the test alone would be every other one.
        "worded": [*subject, *topics] if words else [],
        "dated": [*subject, *placed] if words and placed else [],
    }

    texts = frame.select(
        _described(names, frame).alias(code)
        for code, names in of_each.items()
        if names and names[-1] in frame.columns
    )
    coded = {
        code: [
            None if text is None else _code(key, f"{domain.name} {code}", text)
            for text in (texts[code].to_list() if code in texts.columns else [None] * frame.height)
        ]
        for code in _CODES
    }
    return pl.DataFrame(coded, schema=dict.fromkeys(_CODES, pl.UInt64)).with_columns(
        frame.select(pl.when("_open").then("record_key").alias("record_key")).to_series()
    )


def _described(names: list[str], rows: pl.DataFrame) -> pl.Expr:
    """What columns say together; null where nothing is said but of whom."""
    said = pl.concat_str([_said(name, rows).fill_null("") for name in names], separator="\x1f")
    is_said = pl.any_horizontal(_said(name, rows).is_not_null() for name in names[1:])
    return pl.when(is_said).then(said)


def _said(name: str, rows: pl.DataFrame) -> pl.Expr:
    """A text whatever its letters and spaces, a time by its day."""
    if name not in rows.columns:
        return pl.lit(None, pl.String)
    text = trimmed(name).str.to_uppercase().str.replace_all(r"\s+", " ")
    return text.str.head(len("2026-11-30")) if name.endswith("DTC") else text


@dataclass(frozen=True)
class _Passed:
    """What has passed: open keys of now that were sealed; places of now with the key before."""

    stay_sealed: frozenset[str]
    stay_open: Mapping[int, str]


@dataclass(frozen=True)
class _Texts:
    """What open records say, before and now, by which those described alike are told apart."""

    domain: Domain
    open_rows: OpenRows
    now: pl.DataFrame

    def of(self, before: list[str], now: list[str]) -> tuple[dict[str, Text], dict[str, Text]]:
        """By key, for these keys, the texts of a record."""
        names = ["record_key", *(field.name for field in self.domain.open_fields)]
        was = _as_received(self.open_rows(self.domain.relation, before), self.domain)
        is_now = self.now.filter(pl.col("record_key").is_in(now))
        return (
            {key: text for key, *text in was.select(names).rows()},
            {key: text for key, *text in is_now.select(names).rows()},
        )


def _passed(before: pl.DataFrame, now: pl.DataFrame, texts: _Texts) -> _Passed:
    """Which records have passed, by the first of the levels by which they are recognized.

    Where as many records of a code are open as before, and as many sealed, none has passed: the
    others are compared by what they say.
    """
    stay_sealed: set[str] = set()
    stay_open: dict[int, str] = {}
    left = [side.with_row_index("_at") for side in (before, now)]
    for level in _LEVELS:
        codes = list(level)
        counted = [
            side.drop_nulls(codes)
            .group_by(codes)
            .agg(
                pl.col("record_key").count().alias(f"open_{when}"),
                pl.col("record_key").null_count().alias(f"sealed_{when}"),
            )
            for side, when in zip(left, ("before", "now"), strict=True)
        ]
        both = counted[0].join(counted[1], on=codes, how="inner")
        if both.is_empty():
            continue
        as_before = (pl.col("open_before") == pl.col("open_now")) & (
            pl.col("sealed_before") == pl.col("sealed_now")
        )
        others = [
            side.join(both.filter(~as_before), on=codes, how="semi").sort(*codes, "_at")
            for side in left
        ]
        left = [side.join(both.filter(as_before), on=codes, how="anti") for side in left]
        if others[0].is_empty():
            continue
        taken: tuple[list[int], list[int]] = ([], [])
        said = texts.of(*(side["record_key"].drop_nulls().to_list() for side in others))
        groups = [side.partition_by(codes, as_dict=True) for side in others]
        for code, of_before in groups[0].items():
            of_now = groups[1][code]
            for was, became in _pairs(_Side.of(of_before, said[0]), _Side.of(of_now, said[1])):
                taken[0].append(was.at)
                taken[1].append(became.at)
                if was.key is None and became.key is not None:
                    stay_sealed.add(became.key)
                elif was.key is not None and became.key is None:
                    stay_open[became.at] = was.key
        left = [
            side.filter(~pl.col("_at").is_in(list(places)))
            for side, places in zip(left, taken, strict=True)
        ]
    return _Passed(frozenset(stay_sealed), stay_open)


@dataclass(frozen=True)
class _Side:
    """A record of those described alike: its place, and where it is open its key and texts."""

    at: int
    key: str | None
    text: Text

    @classmethod
    def of(cls, group: pl.DataFrame, texts: Mapping[str, Text]) -> "list[_Side]":
        rows = group.select("_at", "record_key").rows()
        return [cls(at, key, texts.get(key, ())) for at, key in rows]


def _pairs(before: list[_Side], now: list[_Side]) -> Iterator[tuple[_Side, _Side]]:
    """Each record with what became of it: open with open and sealed with sealed before all else."""
    was = {
        is_open: [one for one in before if (one.key is not None) is is_open] for is_open in _BOTH
    }
    became = {
        is_open: [one for one in now if (one.key is not None) is is_open] for is_open in _BOTH
    }
    for is_open in _BOTH:
        for pair in _likest(was[is_open], became[is_open]):
            was[is_open].remove(pair[0])
            became[is_open].remove(pair[1])
            yield pair
    for is_open in _BOTH:
        yield from zip(was[is_open], became[not is_open], strict=False)


_BOTH = (True, False)


def _likest(before: list[_Side], now: list[_Side]) -> list[tuple[_Side, _Side]]:
    """As many pairs as there can be, those first that say the most alike."""
    pairs = sorted(
        ((one, other) for one in before for other in now),
        key=lambda pair: -sum(map(eq, pair[0].text, pair[1].text)),
    )
    found: dict[int, tuple[_Side, _Side]] = {}
    taken: set[int] = set()
    for one, other in pairs:
        if one.at not in found and other.at not in taken:
            found[one.at] = (one, other)
            taken.add(other.at)
    return list(found.values())


def _with_passed(
    frame: pl.DataFrame, stay_open: pl.DataFrame, passed: _Passed, domain: Domain
) -> tuple[pl.DataFrame, Mapping[bool, Mapping[str, str]]]:
    """An open table in which those stay that were open and no others; and its new keys.

    Records that share a key but for its number are numbered by their texts, as in every load.

    Returns:
        Of records as they are now (True) and were before (False), by key the one that each has.
    """
    rows = pl.concat(
        [
            frame.filter(~_is_one_of(passed.stay_sealed)).with_columns(_is_now=pl.lit(value=True)),
            stay_open.with_columns(_is_now=pl.lit(value=False)),
        ],
        how="diagonal",
    )
    shared = pl.col("record_key").str.extract(_SHARED)
    moved = {*passed.stay_sealed, *passed.stay_open.values()}
    touched = pl.Series(sorted(moved)).to_frame("record_key").select(shared).to_series()
    is_touched = shared.is_in(touched.to_list())
    number = pl.int_range(1, pl.len() + 1).over(shared)
    renamed = (
        rows.filter(is_touched)
        .sort(shared, *(field.name for field in domain.open_fields), nulls_last=True)
        .with_columns(
            pl.when(number == 1)
            .then(shared)
            .otherwise(pl.format("{}-{}", shared, number))
            .alias("_new")
        )
    )
    keys = {
        is_now: dict(renamed.filter(_is_now=is_now).select("record_key", "_new").iter_rows())
        for is_now in _BOTH
    }
    renumbered = renamed.with_columns(pl.col("_new").alias("record_key")).drop("_new")
    joined = pl.concat([rows.filter(~is_touched), renumbered]).drop("_is_now")
    return joined.sort("record_key"), keys


# The part of a key that records have in common which only a number tells apart.
_SHARED = r"^([^-]+-[0-9]+)"


def _with_open_keys(
    frame: pl.DataFrame, passed: _Passed, keys: Mapping[bool, Mapping[str, str]]
) -> pl.DataFrame:
    """A complete table with the open keys of the open one, and those that stay sealed marked."""
    is_sealed = _is_one_of(passed.stay_sealed)
    marked = pl.col("record_key").str.replace("-", ":", literal=True) + "s"
    return frame.with_columns(
        pl.col("_open") & ~is_sealed,
        pl.when(is_sealed)
        .then(marked)
        .otherwise(pl.col("record_key").replace(keys[True]))
        .alias("record_key"),
    )


def _open_keys(
    of_now: pl.Series, passed: _Passed, keys: Mapping[bool, Mapping[str, str]]
) -> pl.Series:
    """Under which open key each record stands now; None for those that are sealed."""
    stand = [
        None if key in passed.stay_sealed else keys[True].get(key, key) for key in of_now.to_list()
    ]
    for place, key in passed.stay_open.items():
        stand[place] = keys[False][key]
    return pl.Series("record_key", stand, pl.String)


def _is_one_of(keys: Collection[str]) -> pl.Expr:
    return pl.col("record_key").is_in(list(keys)).fill_null(value=False)


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
