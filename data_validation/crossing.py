"""Records that pass between open and sealed from one cut to the next.

A record that becomes sealed because it tells of a treatment would be gone from what is open, and
one that was sealed for that would be new there: both say who was treated. So what was open stays
open, as it last was, and what was sealed stays sealed. What is sealed for another reason, as it is
not coded yet, opens and goes as it is corrected. What is gone from the extract is gone in both.
Which records are not recognized stands in SECURITY.md.

A load has no private key, so it knows sealed records of the load before by codes alone, under a
key of the store.
"""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date
from hashlib import blake2b
from operator import eq

import polars as pl

from data_validation.domains import DOMAINS
from data_validation.facts import Domain, every_row, folded, folded_terms, names_a_dose
from data_validation.sealing import Tables, not_at_common_time_points
from data_validation.values import trimmed, with_typed_values
from data_validation.written_dates import seeming, stated
from trials import Trial

# What a record is about, in the words of the site, and in which dataset it stands: no code and no
# class, which are what is given, taken away and corrected.
_WORDS = ("TERM", "TRT", "OBJ")
_TOPICS = (*_WORDS, "TESTCD", "RDOMAIN", "QNAM")
# What may decide whether a record opens: by these it is not recognized.
_DECIDE = ("DECOD", "BODSYS", "CLASS", "VISIT", "VISBY", "GAS", "CAT")
# Where the values stand that the definition seals by name, and words of giving a treatment, in the
# datasets whose rule seals them.
_NAMING = ("DECOD", "TERM", "TRT", "TESTCD", "VISIT", "CAT")
_OF_A_DOSE = ("DECOD", "TERM", "TRT", "INDC", "CAT")
_SEALED_BY_DOSE = ("CM", "DV", "CE", "FA")

# By what a record is recognized, each a code: the site's own number of it; all that opens of it but
# what may decide that; its words, visit and day; of one that the site describes in words, its words
# alone; its day alone.
_CODES = ("numbered", "exact", "described", "worded", "dated")
# What is tried first is likelier true: numbers may be given anew, and words be corrected.
_LEVELS = (
    ("numbered", "exact"),
    ("exact",),
    ("numbered", "described"),
    ("described",),
    ("numbered",),
    *(_WEAK := (("worded",), ("dated",))),
)
# What is new and open is not taken for a sealed record of which the day alone is the same.
_TOO_LITTLE_TO_SEAL = ("dated",)
IDENTITIES = {
    "domain": pl.String,
    **dict.fromkeys(_CODES, pl.UInt64),
    "tells": pl.Boolean,
    "record_key": pl.String,
}

OpenRows = Callable[[str, list[str]], pl.DataFrame]
Text = Sequence[str | None]


@dataclass(frozen=True)
class Earlier:
    """What a load knows of the records of the snapshot before.

    Attributes:
        identities: a row a record, columns IDENTITIES; no `record_key` where it was sealed, and
            `tells` where that was because it tells of a treatment.
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
    opened: Tables, complete: Tables, trial: Trial, key: bytes, earlier: Earlier | None
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
        now = _identified(complete.frames[name], domain, trial, key)
        if earlier is not None:
            before = earlier.identities.filter(domain=name)
            now = now.with_columns(_still_tell(before, now))
            texts = _Texts(domain, earlier.open_rows, open_frames[name])
            passed = _passed(before, now, texts)
            stay_open = _as_received(
                earlier.open_rows(domain.relation, list(passed.stay_open.values())), domain
            )
            # What the definition seals since then does not stay open, whatever it was before.
            stay_open = stay_open.filter(~_tells(stay_open, domain, trial))
            passed = passed.with_open(stay_open["record_key"].to_list())
            if passed.stay_sealed or passed.stay_open:
                frame = _with_gases_of(open_frames[name], stay_open, domain, earlier)
                open_frames[name], keys = _with_passed(frame, stay_open, passed, domain)
                complete_frames[name] = _with_open_keys(complete_frames[name], passed, keys)
                is_sealed = _is_one_of(passed.stay_sealed)
                now = now.with_columns(
                    pl.col("tells") | is_sealed, _open_keys(now["record_key"], passed, keys)
                )
        identities.append(now.select(pl.lit(name).alias("domain"), *_CODES, "tells", "record_key"))
    if earlier is not None:
        # A dataset that one extract lacks may come again.
        is_gone = ~pl.col("domain").is_in(list(complete.present))
        identities.append(earlier.identities.filter(is_gone))
    return (
        replace(opened, frames=open_frames),
        replace(complete, frames=complete_frames),
        pl.concat(identities),
    )


def _code(key: bytes, domain: str, text: str) -> int:
    digest = blake2b(f"{domain}\x1d{text}".encode(), key=key, digest_size=8).digest()
    return int.from_bytes(digest)


def _identified(frame: pl.DataFrame, domain: Domain, trial: Trial, key: bytes) -> pl.DataFrame:
    """Codes of each row of a complete table, whether it tells, and its key where it is open."""
    subject = ["USUBJID"]
    topics = [field.name for field in domain.fields if field.name.endswith(_TOPICS)]
    words = [name for name in topics if name.endswith(_WORDS)]
    placed = [name for name in domain.keys if name == "VISIT" or name.endswith("DTC")]
    opening = [
        field.name
        for field in domain.open_fields
        if not (field.made or field.name.endswith(_DECIDE) or field.name in (*subject, *topics))
    ]
    of_each = {
        "numbered": [*subject, f"{domain.name}SPID"],
        "exact": [*subject, *topics, *opening] if opening else [],
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
        (_tells(frame, domain, trial) & ~frame["_open"]).alias("tells"),
        frame.select(pl.when("_open").then("record_key").alias("record_key")).to_series(),
    )


def _tells(frame: pl.DataFrame, domain: Domain, trial: Trial) -> pl.Series:
    """Which rows tell of a treatment: by a sealed name, a time point, or words of a dose."""
    sealed = trial.sealed
    names = folded_terms(
        (
            *(*sealed.preferred_terms, *sealed.visits, *sealed.procedures, *sealed.medications),
            *(*sealed.tests, *sealed.dispositions, *sealed.deviations),
        )
    )
    known = [field.name for field in domain.fields if field.name in frame.columns]
    named = [folded(name).is_in(names) for name in known if name.endswith(_NAMING)]
    of_a_dose = [name for name in known if name.endswith(_OF_A_DOSE)]
    if domain.name in _SEALED_BY_DOSE and of_a_dose:
        named.append(names_a_dose(*of_a_dose))
    named.append(not_at_common_time_points(frame, domain, trial))
    return frame.select(
        pl.any_horizontal(item.fill_null(value=False) for item in named).alias("tells")
    ).to_series()


def _still_tell(before: pl.DataFrame, now: pl.DataFrame) -> pl.Series:
    """Which sealed records tell, now or before: one that lost its code has told all the same."""
    told, rows = (
        before.filter("tells"),
        now.with_row_index("_at").filter(pl.col("record_key").is_null()),
    )
    places: set[int] = set()
    for level in _LEVELS[: -len(_WEAK)]:
        codes = list(level)
        places |= set(rows.join(told.drop_nulls(codes), on=codes, how="semi")["_at"])
    at = pl.int_range(pl.len()).is_in(list(places))
    return now.select(pl.col("tells") | at).to_series()


def _described(names: list[str], rows: pl.DataFrame) -> pl.Expr:
    """What columns say together; null where nothing is said but of whom."""
    said = pl.concat_str([_said(name, rows).fill_null("") for name in names], separator="\x1f")
    is_said = pl.any_horizontal(_said(name, rows).is_not_null() for name in names[1:])
    return pl.when(is_said).then(said)


def _said(name: str, rows: pl.DataFrame) -> pl.Expr:
    """A text whatever its letters and punctuation, a time by its day."""
    if name not in rows.columns:
        return pl.lit(None, pl.String)
    if name.endswith("DTC"):
        return trimmed(name).map_batches(_day, pl.String)
    text = folded(name)
    return pl.when(text != "").then(text)


def _day(texts: pl.Series) -> pl.Series:
    """The day of each text, in whichever form it is written; a text that is no date as it is."""
    stated_texts = stated(texts)
    iso = seeming(texts).dt.to_string("iso")
    return pl.select(pl.coalesce(iso, stated_texts, texts).str.head(len("2026-11-30"))).to_series()


@dataclass(frozen=True)
class _Passed:
    """What has passed: open keys of now that were sealed; places of now with the key before."""

    stay_sealed: frozenset[str]
    stay_open: Mapping[int, str]

    def with_open(self, keys: Collection[str]) -> "_Passed":
        """The same, in which of those that were open these stay so."""
        kept = set(keys)
        stay = {place: key for place, key in self.stay_open.items() if key in kept}
        return _Passed(self.stay_sealed, stay)


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
                    if was.tells and level != _TOO_LITTLE_TO_SEAL:
                        stay_sealed.add(became.key)
                elif was.key is not None and became.key is None and (was.tells or became.tells):
                    stay_open[became.at] = was.key
        left = [
            side.filter(~pl.col("_at").is_in(list(places)))
            for side, places in zip(left, taken, strict=True)
        ]
    return _Passed(frozenset(stay_sealed), stay_open)


@dataclass(frozen=True)
class _Side:
    """A record of those described alike: its place, key and texts if open, and whether it tells."""

    at: int
    key: str | None
    tells: bool
    text: Text

    @classmethod
    def of(cls, group: pl.DataFrame, texts: Mapping[str, Text]) -> "list[_Side]":
        rows = group.select("_at", "record_key", "tells").rows()
        return [cls(at, key, tells, texts.get(key, ())) for at, key, tells in rows]


def _pairs(before: list[_Side], now: list[_Side]) -> Iterator[tuple[_Side, _Side]]:
    """Each record with what became of it.

    What was kept open though it was sealed with what is sealed; then open with open and sealed with
    sealed, before all else.
    """
    was = {
        is_open: [one for one in before if (one.key is not None) is is_open] for is_open in _BOTH
    }
    became = {
        is_open: [one for one in now if (one.key is not None) is is_open] for is_open in _BOTH
    }
    kept = [one for one in was[True] if one.tells]
    for one, other in zip(kept, [one for one in became[False] if one.tells], strict=False):
        was[True].remove(one)
        became[False].remove(other)
        yield one, other
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


def _with_gases_of(
    frame: pl.DataFrame, stay_open: pl.DataFrame, domain: Domain, earlier: Earlier
) -> pl.DataFrame:
    """An open table whose gases are the chosen ones of before, where one of that visit has passed.

    Which are chosen depends on all of a visit: without one of them, others would be.
    """
    chosen = f"{domain.name}GAS"
    if chosen not in stay_open.columns:
        return frame
    visit = ["USUBJID", "VISIT"]
    visits = stay_open.drop_nulls(chosen).select(visit).unique()
    keys = frame.join(visits, on=visit, how="semi")["record_key"]
    if keys.is_empty():
        return frame
    before = _as_received(earlier.open_rows(domain.relation, keys.to_list()), domain)
    of_key = dict(before.select("record_key", chosen).iter_rows())
    restored = pl.col("record_key").replace_strict(of_key, default=None, return_dtype=pl.String)
    is_of_visit = pl.col("record_key").is_in(keys.implode())
    return frame.with_columns(pl.when(is_of_visit).then(restored).otherwise(chosen).alias(chosen))


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
