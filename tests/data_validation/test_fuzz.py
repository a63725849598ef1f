"""Whatever comes in, a report or a refusal comes out: never another error, never a changed store.

Real and simulated extracts, a few participants each, in every format, after what senders and disks
do to them: columns dropped, renamed and swapped, rows lost and doubled, text where numbers belong,
hostile text, bytes flipped, cut, filled with zeros. 50 of them here, in which each of these is met;
10,000 in the long proof.
"""

import hashlib
import os
import random
import shutil
import zipfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import date
from functools import cache, partial
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from data_validation.assess import Assessment, UnusableExtractError, assess, stated_cutoff
from data_validation.domains import DOMAINS
from data_validation.load import RefusedError, load
from data_validation.readers import Extract, Limits, UnreadableExtract, read_extract
from data_validation.readers.text import as_text
from simulator import simulate
from snapshots import Store
from tests.conftest import PILOT_CUTOFF, PILOT_FOLDER, PILOT_TRIAL, KeyPair, Workshop
from tests.data_validation.readers.written import WRITERS, written
from tests.data_validation.small_extracts import TRIAL, clean_rows, frame_of
from trials import Trial, load_trial

# On a machine that is busy with other work.
pytestmark = pytest.mark.timeout(3600)

PROVE = os.environ.get("DSMB_PROVE") == "1"
EXTRACTS = 9_500 if PROVE else 24
LOADED = 500 if PROVE else 3
LIMITS = Limits(total_bytes=64 * 1024**2)
# What is no simulation is loaded with its cut-off.
CUTOFFS = {TRIAL.id: date(2023, 6, 30), PILOT_TRIAL: PILOT_CUTOFF}
REFUSALS = (UnreadableExtract, UnusableExtractError)

Frames = dict[str, pl.DataFrame]

HOSTILE = [
    "", " ", ".", "NA", "-", "0", "-0", "1e999", "-1", "1.0", "1,5", "nan", "inf", "0x1F", "１２",
    "2023", "2023-02-30", "2023-13-01", "0000-00-00", "9999-12-31", "17 mai 2023", "2023-05-17T25",
    "=1+1", "@SUM(A1)", "<script>alert(1)</script>", "a;b|c\td", 'say "so"', "'; DROP TABLE x; --",
    "{USUBJID}", "%s", "\\", "\n", "\r\n", "\x07", "\x1b[31m", "\x1f", "\u202e", "\u2028", "\ufeff",
    "\U0010ffff", "é", "咳嗽", "x" * 40_000,
]  # fmt: skip
# Texts are of characters below one of these: ASCII, Latin, and up to the surrogates.
CHARACTERS = (0x80, 0x250, 0xD800)
NAMES = ["", " ", "USUBJID", "DOMAIN", "_open", "record_key", "x" * 300, 'a"b', "AESER", "VISIT"]


@dataclass(frozen=True)
class Seed:
    """An extract that is as it should be, and its trial."""

    trial: Trial
    frames: Frames


@cache
def seeds() -> tuple[Seed, ...]:
    small = {
        name.lower(): frame_of(rows, "").drop("_file", "_row")
        for name, rows in clean_rows().items()
    }
    simulated = simulate(TRIAL, participants=4, sites=2, seed=3, cutoff=date(2023, 6, 30))
    subjects = ["01-701-1015", "01-701-1023", "01-701-1211", "01-710-1083"]
    pilot = {}
    for name in ("dm", "ds", "sv", "ae", "vs", "lbch", "suppdm"):
        frame = pl.read_parquet(PILOT_FOLDER / f"{name}.parquet")
        pilot[name] = frame.filter(pl.col("USUBJID").is_in(subjects))
    return (
        Seed(TRIAL, small),
        Seed(TRIAL, {name.lower(): frame for name, frame in simulated.items()}),
        Seed(load_trial(PILOT_TRIAL), pilot),
    )


# Each takes a frame and three numbers from 0 to 1 that say where, and a text.
Change = Callable[[pl.DataFrame, float, float, str], pl.DataFrame]


def _place(count: int, share: float) -> int:
    return min(int(share * count), max(count - 1, 0))


def _column(frame: pl.DataFrame, share: float) -> str:
    return frame.columns[_place(frame.width, share)]


def _drop(frame: pl.DataFrame, where: float, _row: float, _text: str) -> pl.DataFrame:
    return frame.drop(_column(frame, where))


def _rename(frame: pl.DataFrame, where: float, row: float, _text: str) -> pl.DataFrame:
    name = NAMES[_place(len(NAMES), row)]
    return frame if name in frame.columns else frame.rename({_column(frame, where): name})


def _swap(frame: pl.DataFrame, where: float, row: float, _text: str) -> pl.DataFrame:
    one, other = _column(frame, where), _column(frame, row)
    if one == other:
        return frame
    return frame.with_columns(pl.col(one).alias(other), pl.col(other).alias(one))


def _fill(frame: pl.DataFrame, where: float, _row: float, text: str) -> pl.DataFrame:
    return frame.with_columns(pl.lit(text).alias(_column(frame, where)))


def _cell(frame: pl.DataFrame, where: float, row: float, text: str) -> pl.DataFrame:
    name = _column(frame, where)
    here = pl.int_range(pl.len()) == _place(frame.height, row)
    cells = as_text(frame[name])
    return frame.with_columns(pl.when(here).then(pl.lit(text)).otherwise(cells).alias(name))


def _double(frame: pl.DataFrame, where: float, row: float, _text: str) -> pl.DataFrame:
    return pl.concat([frame, frame.slice(_place(frame.height, where), _place(frame.height, row))])


def _lose(frame: pl.DataFrame, where: float, row: float, _text: str) -> pl.DataFrame:
    return frame.slice(_place(frame.height, where), _place(frame.height, row))


def _turn(frame: pl.DataFrame, _where: float, _row: float, _text: str) -> pl.DataFrame:
    return frame.reverse()


def _number(frame: pl.DataFrame, where: float, row: float, _text: str) -> pl.DataFrame:
    return frame.with_columns(pl.lit(1e300 * (row - 0.5)).alias(_column(frame, where)))


TYPES: list[Any] = [
    pl.Float64, pl.Int8, pl.Boolean, pl.Date, pl.Datetime, pl.Binary, pl.Categorical,
]  # fmt: skip


def _retype(frame: pl.DataFrame, where: float, row: float, _text: str) -> pl.DataFrame:
    name = _column(frame, where)
    text = pl.lit(as_text(frame[name]))
    others = [
        text.cast(pl.Float64, strict=False),
        text.cast(pl.Int8, strict=False),
        text > "M",
        text.str.to_date("%Y-%m-%d", strict=False),
        text.str.to_datetime("%Y-%m-%dT%H:%M", strict=False),
        text.cast(pl.Binary),
        text.cast(pl.Categorical),
    ]
    return frame.with_columns(others[_place(len(others), row)].alias(name))


CHANGES: list[Change] = [
    _drop, _rename, _swap, _fill, _cell, _cell, _double, _lose, _turn, _number, _retype,
]  # fmt: skip


def _flip(data: bytes, where: float, what: float) -> bytes:
    place = _place(len(data), where)
    return (
        data[:place] + bytes([data[place] ^ (1 + _place(255, what))]) + data[place + 1 :]
        if data
        else data
    )


def _cut(data: bytes, where: float, _what: float) -> bytes:
    return data[: _place(len(data), where)]


def _zeros(data: bytes, where: float, what: float) -> bytes:
    place = _place(len(data), where)
    length = _place(min(4096, len(data) - place), what)
    return data[:place] + bytes(length) + data[place + length :]


def _repeat(data: bytes, where: float, what: float) -> bytes:
    place = _place(len(data), where)
    return data[:place] + data[place : place + _place(4096, what)] + data[place:]


DAMAGES = [_flip, _flip, _cut, _zeros, _repeat]


@dataclass(frozen=True)
class Plan:
    """What is made of a seed: see the module."""

    number: int
    seed: int
    others: list[float] | None  # places of the datasets beside DM that are there; None: all
    formats: list[str]
    changes: list[tuple[Change, float, float, float, str]]
    damages: list[tuple[Callable[[bytes, float, float], bytes], float, float, float]]
    as_zip: bool


def drawn(number: int) -> Plan:
    """The plan of a number: kinds take turns, so that few plans meet each; the rest is chance."""
    chance = random.Random(number)

    def share() -> float:
        """At either end more often."""
        return chance.choice((0.0, 0.999_999, *[chance.random()] * 4))

    def where() -> tuple[float, float, float]:
        return share(), share(), share()

    def text() -> str:
        if chance.random() < 0.5:
            return chance.choice(HOSTILE)
        characters = [chance.randrange(chance.choice(CHARACTERS)) for _ in range(12)]
        return "".join(map(chr, characters[: chance.randrange(13)]))

    formats, how_many = sorted(WRITERS), (chance.randrange(5), chance.randint(1, 3))
    changes = [CHANGES[number % len(CHANGES)], *chance.choices(CHANGES, k=3)][: how_many[0]]
    damages = [DAMAGES[number // 3 % len(DAMAGES)], *chance.choices(DAMAGES, k=2)][: how_many[1]]
    return Plan(
        number,
        # The smallest more often, and few datasets, as they cost least.
        seed={5: 1, 11: 2}.get(number % 12, 0),
        others=None if number % 13 == 7 else [share() for _ in range(chance.randint(1, 2))],
        formats=[formats[number % len(formats)], *chance.choices(formats, k=chance.randrange(3))],
        changes=[(change, *where(), text()) for change in changes],
        damages=[(damage, *where()) for damage in damages] if number % 3 == 0 else [],
        as_zip=chance.random() < 0.5,
    )


def plans(count: int) -> Iterator[Plan]:
    """Plans one after the other; in the long proof other ones each time."""
    first = random.SystemRandom().randrange(10**9) if PROVE else 0
    return map(drawn, range(first, first + count))


@contextmanager
def named(plan: Plan) -> Iterator[None]:
    """Whatever goes wrong says of which plan."""
    try:
        yield
    except BaseException as error:
        error.add_note(f"of {plan}")
        raise


def made(plan: Plan, folder: Path) -> tuple[Path, Trial]:
    """The extract of a plan, and its trial."""
    seed = seeds()[plan.seed]
    frames = dict(seed.frames)
    if plan.others is not None:
        names = sorted(set(frames) - {"dm"})
        kept = {"dm", *(names[_place(len(names), share)] for share in plan.others)}
        frames = {name: frame for name, frame in frames.items() if name in kept}
    for change, which, where, row, text in plan.changes:
        name = sorted(frames)[_place(len(frames), which)]
        if frames[name].width > 1:
            frames[name] = change(frames[name], where, row, text)
    extract = folder / "extract"
    extract.mkdir()
    for place, (name, frame) in enumerate(sorted(frames.items())):
        suffix = plan.formats[place % len(plan.formats)]
        try:
            written(frame, suffix, extract, name)
        except Exception:  # a format that does not take such a frame
            (extract / f"{name}{suffix}").unlink(missing_ok=True)
            (extract / "written.tmp").unlink(missing_ok=True)
            written(frame, ".parquet", extract, name)
    files = sorted(extract.iterdir())
    for damage, which, where, what in plan.damages:
        file = files[_place(len(files), which)]
        file.write_bytes(damage(file.read_bytes(), where, what))
    if not plan.as_zip:
        return extract, seed.trial
    packed = folder / "extract.zip"
    with zipfile.ZipFile(packed, "w") as archive:
        for file in files:
            archive.write(file, file.name)
    return packed, seed.trial


def assert_every_row_is_there(extract: Extract, assessment: Assessment) -> None:
    """Rows read are rows kept and rows counted, file by file."""
    read = _by_file(dataset.frame["_file"] for dataset in extract.datasets.values())
    relations = [assessment.complete_relations[domain.relation] for domain in DOMAINS.values()]
    kept = [frame["_file"] for frame in relations if "_file" in frame.columns]
    assert _by_file([*kept, assessment.unknown["file"]]) == read
    assert dict(assessment.totals.select("file", "rows_read").rows()) == read


def _by_file(columns: Iterable[pl.Series]) -> dict[str, int]:
    counted = pl.concat(column.rename("file") for column in columns).value_counts()
    return dict(counted.rows())


def test_a_report_or_a_refusal(tmp_path_factory: pytest.TempPathFactory) -> None:
    met: set[str] = set()
    for plan in plans(EXTRACTS):
        with named(plan):
            met |= {f"seed {plan.seed}", "zip" if plan.as_zip else "folder", *plan.formats}
            met |= {change.__name__ for change, *_ in plan.changes}
            met |= {damage.__name__ for damage, *_ in plan.damages}
            met.add("all" if plan.others is None else "few")
            met.add(end_of(*made(plan, tmp_path_factory.mktemp("fuzz"))))
    kinds = {how.__name__ for how in (*CHANGES, *DAMAGES)} | {"zip", "folder", "all", "few"}
    kinds |= {*WRITERS, *(f"seed {number}" for number in range(len(seeds())))}
    assert met == kinds | {"report", "refusal"}


def end_of(path: Path, trial: Trial) -> str:
    try:
        extract = read_extract(path, limits=LIMITS)
        with suppress(UnusableExtractError):
            stated_cutoff(extract, trial)
        assessment = assess(extract, trial)
    except REFUSALS as refused:
        assert str(refused)
        return "refusal"
    assert_every_row_is_there(extract, assessment)
    return "report"


def content(folder: Path) -> str:
    """A digest of all files of a store but the lock and the note of a refusal."""
    files = [
        (str(path.relative_to(folder)), hashlib.sha256(path.read_bytes()).hexdigest())
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not path.name.startswith((".load.", "refused.json"))
    ]
    return repr(files)


def test_a_snapshot_or_an_unchanged_store(
    tmp_path_factory: pytest.TempPathFactory, key_pair: KeyPair, workshop: Workshop
) -> None:
    for plan in plans(LOADED):
        with named(plan):
            folder = tmp_path_factory.mktemp("fuzz")
            path, trial = made(plan, folder)
            before = workshop.make(f"fuzz {trial.id}", partial(loaded_before, trial.id, key_pair))
            shutil.copytree(before, folder / "store")
            assert_loaded_or_unchanged(path, trial, key_pair.store(folder / "store"), key_pair)


def assert_loaded_or_unchanged(path: Path, trial: Trial, store: Store, keys: KeyPair) -> None:
    before = content(store.root)
    try:
        cutoff = CUTOFFS[trial.id]
        loaded = load(path, trial, store, keys.public, cutoff=cutoff, limits=LIMITS)
    except (*REFUSALS, RefusedError) as refused:
        assert str(refused)
        assert content(store.root) == before
        return
    if loaded.assessment is None:  # it is the extract that is there already
        assert content(store.root) == before
        return
    rows = sum(loaded.assessment.totals["rows_open"])
    stored = {total.relation: total.rows for total in loaded.snapshot.manifest.control_totals}
    open_relations = {domain.relation for domain in DOMAINS.values()} & set(stored)
    assert sum(stored[name] for name in open_relations) == rows


def loaded_before(trial: str, keys: KeyPair, folder: Path) -> Path:
    """A store that holds the seed of a trial already, to be copied."""
    seed = next(seed for seed in seeds() if seed.trial.id == trial)
    (folder / "extract").mkdir()
    for name, frame in seed.frames.items():
        written(frame, ".parquet", folder / "extract", name)
    store = keys.store(folder / "store")
    load(folder / "extract", seed.trial, store, keys.public, cutoff=CUTOFFS[trial])
    return store.root
