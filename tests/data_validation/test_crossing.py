"""What passes between open and sealed from one cut to the next cannot be told in what is open."""

import shutil
from collections.abc import Callable
from contextlib import closing
from datetime import date
from pathlib import Path

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from access.view import View
from data_validation.crossing import IDENTITIES, Earlier, _passed, _Texts, kept_apart
from data_validation.domains import DOMAINS
from data_validation.sealing import split
from exhibits import make
from queries.history import differences
from simulator import simulate
from snapshots import IDENTITIES_FILE, Snapshot, StoreError, compare, open_stores_reader
from tests.conftest import KeyPair, LoadedTrial, board_of, load_frames
from trials import load_trial

TRIAL = load_trial("nct05689008")
CUTOFF, LATER = date(2023, 7, 31), date(2023, 8, 31)
SEALED_TERM = TRIAL.sealed.preferred_terms[0]
Frames = dict[str, pl.DataFrame]
Place = Callable[[str, Frames], LoadedTrial]


@pytest.fixture(scope="module")
def frames() -> Frames:
    """The same trial at both cuts; of everybody's events the first four are under a sealed term."""
    made = simulate(TRIAL, participants=30, seed=5, cutoff=CUTOFF)
    events = made["ae"].filter(pl.col("AETERM").is_not_null(), pl.col("AESTDTC").is_not_null())
    return dict(made) | {"ae": recoded(events, dict.fromkeys(range(4), SEALED_TERM))}


def recoded(events: pl.DataFrame, terms: dict[int, str]) -> pl.DataFrame:
    """Events of which those at these places are coded to another term."""
    codes = [terms.get(place, code) for place, code in enumerate(events["AEDECOD"])]
    return events.with_columns(pl.Series("AEDECOD", codes))


@pytest.fixture(scope="module")
def first(
    frames: Frames, key_pair: KeyPair, tmp_path_factory: pytest.TempPathFactory
) -> LoadedTrial:
    return load_frames(frames, TRIAL, key_pair, tmp_path_factory.mktemp("first"), CUTOFF)


@pytest.fixture(scope="module")
def second(
    first: LoadedTrial, key_pair: KeyPair, tmp_path_factory: pytest.TempPathFactory
) -> Place:
    """A second load after the same first one."""
    made: dict[str, LoadedTrial] = {}

    def load(name: str, frames: Frames) -> LoadedTrial:
        if name not in made:
            folder = tmp_path_factory.mktemp(name)
            shutil.copytree(first.store.root, folder / "store")
            made[name] = load_frames(frames, TRIAL, key_pair, folder, LATER)
        return made[name]

    return load


def opened(snapshot: Snapshot) -> dict[str, pl.DataFrame]:
    with closing(open_stores_reader({"o": snapshot.open_path})) as connection:
        names = sorted(snapshot.manifest.tables)
        return {
            name: connection.table(f'o."{name}"').pl().sort(pl.all(), nulls_last=True)
            for name in names
        }


def with_time_point(frames: Frames, place: int) -> pl.DataFrame:
    """A result that opened is now said to be two hours after a dose."""
    laboratory = frames["lb"].with_row_index("_place")
    of_schedule = pl.col("VISIT").is_in([visit.visit for visit in TRIAL.schedule])
    chosen = laboratory.filter(pl.col("LBTESTCD") == "CRP", of_schedule)["_place"][place]
    return laboratory.with_columns(
        LBTPT=pl.when(pl.col("_place") == chosen).then(pl.lit("2H POST"))
    ).drop("_place")


def test_two_second_extracts_that_differ_in_what_passed_open_the_same(
    frames: Frames, second: Place
) -> None:
    """Recoded into a sealed term or out of one, or placed at a time point: whose, nobody sees."""
    variants: dict[str, Frames] = {
        "nobody": frames,
        "one_sealed": frames | {"ae": recoded(frames["ae"], {7: SEALED_TERM})},
        "both": frames | {"ae": recoded(frames["ae"], {1: "Nausea", 9: SEALED_TERM})},
        "time_point": frames | {"lb": with_time_point(frames, 3)},
    }
    expected = second("nobody", variants["nobody"])
    tables = opened(expected.snapshot)
    for name, variant in variants.items():
        loaded = second(name, variant)
        for table, frame in opened(loaded.snapshot).items():
            # That a column is there at all is the extract's, not somebody's.
            if name != "time_point" or table not in {"recorded", "known_fact"}:
                assert_frame_equal(frame, tables[table], check_exact=True)
        before, after = loaded.snapshots
        earlier, last = expected.snapshots
        assert compare(before, after) == compare(earlier, last), name
        with (
            closing(board_of(loaded, View.POOLED)) as board,
            closing(board_of(expected, View.POOLED)) as other,
        ):
            for exhibit in ("changes_listed", "adverse_events_by_term"):
                assert make(exhibit, board).as_data() == make(exhibit, other).as_data(), name
            told = differences(board, str(before.id))
            assert_frame_equal(told, differences(other, str(before.id)))


def test_comparative_views_have_the_record_as_it_is_now(frames: Frames, second: Place) -> None:
    loaded = second("one_sealed", frames | {"ae": recoded(frames["ae"], {7: SEALED_TERM})})
    was = frames["ae"]["AEDECOD"][7]
    with closing(board_of(loaded, View.UNBLINDED)) as board:
        terms = board._connection.execute(
            "select preferred_term, count(*) from sealed_data.adverse_event group by 1"
        ).fetchall()
    now = recoded(frames["ae"], {7: SEALED_TERM})["AEDECOD"]
    assert dict(terms)[SEALED_TERM] == 5
    assert dict(terms).get(was, 0) == (now == was).sum()


def test_what_is_gone_from_the_extract_is_gone_in_both(
    frames: Frames, second: Place, key_pair: KeyPair, tmp_path: Path
) -> None:
    """A third load: it stays as it was, and without the record there is none."""
    sealed = frames | {"ae": recoded(frames["ae"], {7: SEALED_TERM})}
    again = second("one_sealed", sealed)
    shutil.copytree(again.store.root, tmp_path / "store")
    third = load_frames(sealed, TRIAL, key_pair, tmp_path, date(2023, 9, 15))
    assert_frame_equal(
        opened(third.snapshot)["adverse_event"], opened(again.snapshot)["adverse_event"]
    )
    gone = sealed | {"ae": sealed["ae"].with_row_index("_n").filter(pl.col("_n") != 7).drop("_n")}
    fourth = load_frames(gone, TRIAL, key_pair, tmp_path, date(2023, 9, 30))
    rows = opened(fourth.snapshot)["adverse_event"].height
    assert rows == opened(again.snapshot)["adverse_event"].height - 1


def test_the_number_of_sealed_events_moves_at_reviews_only(
    frames: Frames, first: LoadedTrial, key_pair: KeyPair, tmp_path: Path
) -> None:
    many = frames | {"ae": recoded(frames["ae"], dict.fromkeys(range(20), SEALED_TERM))}
    shutil.copytree(first.store.root, tmp_path / "store")
    before = opened(first.snapshot)["sealed_event"]
    monitoring = TRIAL.monitoring.model_copy(update={"reviews": (date(2023, 9, 1),)})
    trial = TRIAL.model_copy(update={"monitoring": monitoring})
    for cutoff, moves in ((date(2023, 8, 10), False), (date(2023, 9, 5), True)):
        loaded = load_frames(many, trial, key_pair, tmp_path, cutoff)
        now = opened(loaded.snapshot)["sealed_event"]
        assert (now["at_least"][0] > before["at_least"][0]) is moves


def numbered(events: pl.DataFrame, written: str) -> pl.DataFrame:
    """Events with the site's own number of each of a participant."""
    places = events.select(pl.int_range(1, pl.len() + 1).over("USUBJID")).to_series()
    return events.with_columns(pl.Series("AESPID", [written.format(place) for place in places]))


def written_again(events: pl.DataFrame) -> pl.DataFrame:
    return events.with_columns(
        pl.col("AETERM").str.to_uppercase(), pl.col("AESTDTC", "AEENDTC") + "T08:00"
    )


def twins(events: pl.DataFrame) -> pl.DataFrame:
    """Four events of one participant with the same words, code and day."""
    one = events.filter(pl.col("USUBJID") == events["USUBJID"][7])[:1]
    return pl.concat(
        [events, *(one.with_columns(AESEV=pl.lit(of)) for of in ("MILD", "MODERATE", "SEVERE"))]
    )


def passes(events: pl.DataFrame, place: int, **also: str) -> pl.DataFrame:
    """The event at a place is now under a sealed term, with other texts beside."""
    here = pl.int_range(pl.len()) == place % events.height
    return events.with_columns(
        pl.when(here).then(pl.lit(text)).otherwise(name).alias(name)
        for name, text in ({"AEDECOD": SEALED_TERM} | also).items()
    )


class Cuts:
    """Adverse events at one cut after another, each split and kept apart from the one before."""

    def __init__(self) -> None:
        self.earlier: Earlier | None = None

    def open_events(self, events: pl.DataFrame) -> pl.DataFrame:
        domain = DOMAINS["AE"]
        received = events.cast(pl.String).with_columns(
            _file=pl.lit("ae.csv"), _row=pl.int_range(pl.len())
        )
        kept = kept_apart(*split({"AE": received}, TRIAL), TRIAL, bytes(32), self.earlier)
        opened, complete = kept[0].frames["AE"], kept[1].frames["AE"]
        relation = opened.select(
            "record_key",
            *(
                pl.col(field.name).alias(f"{field.word}_text" if field.typed else field.word)
                for field in domain.open_fields
            ),
        )

        def rows(_relation: str, keys: list[str]) -> pl.DataFrame:
            return relation.filter(pl.col("record_key").is_in(keys))

        self.earlier = Earlier(kept[2], rows, CUTOFF, pl.DataFrame())
        assert opened["record_key"].is_unique().all()
        assert complete["record_key"].is_unique().all()
        return opened.drop("record_key")


@pytest.mark.parametrize(
    ("before", "after", "also"),
    [
        ("", "{}", {}),
        ("", "{}", {"AETERM": "corrected"}),
        ("", "{}", {"AESTDTC": "2023-06"}),
        ("{}", "{:03}", {}),
        ("P{:03}", "{}", {"AETERM": "corrected"}),
        ("{}", "", {}),
        ("1", "1", {}),
        ("", "", {"AETERM": "corrected"}),
        ("", "", {"AESTDTC": "2023-06"}),
        ("{}", "{}", {"AETERM": "corrected", "AESTDTC": "2023-06"}),
    ],
)
@pytest.mark.parametrize("others", ["as they were", "written otherwise"])
def test_a_record_that_passes_is_recognized_whatever_else_changes(
    frames: Frames, before: str, after: str, also: dict[str, str], others: str
) -> None:
    """Whichever it is, the same is open at this cut and the next as if none had passed.

    With numbers by the site that come, go and are given anew, and words and dates that change.
    """
    was = twins(frames["ae"])
    now = was if others == "as they were" else written_again(was)
    was = numbered(was, before) if before else was
    now = numbered(now, after) if after else now
    told: list[pl.DataFrame] = []
    for place in (None, 7, -3, -2, -1):
        cuts = Cuts()
        cuts.open_events(was)
        events = now if place is None else passes(now, place, **also)
        told += [cuts.open_events(events) for _ in range(2)]
        assert_frame_equal(told[-1], told[-2])
        # A row that passed is as it was: only the form of its dates tells it from the others.
        kept = [name for name in told[0].columns if "DTC" not in name and "date" not in name]
        kept = kept if others == "written otherwise" else told[0].columns
        if place is None:
            expected = told[0][kept].sort(kept, nulls_last=True)
        assert_frame_equal(told[-1][kept].sort(kept, nulls_last=True), expected)


def test_what_was_sealed_stays_sealed_whatever_else_changes(frames: Frames) -> None:
    was = numbered(twins(frames["ae"]), "{}")
    now = numbered(written_again(twins(frames["ae"])), "{:03}")
    for place in (7, -3, -2, -1):
        cuts, expected = Cuts(), Cuts()
        sealed_before = cuts.open_events(passes(was, place))
        assert sealed_before.height == expected.open_events(passes(was, place)).height
        assert_frame_equal(cuts.open_events(now), expected.open_events(passes(now, place)))


def test_of_records_described_alike_as_many_stay_as_have_passed() -> None:
    domain = DOMAINS["AE"]
    names = [field.name for field in domain.open_fields]

    schema = {name: kind for name, kind in IDENTITIES.items() if name != "domain"}

    def side(*keys: str | None) -> pl.DataFrame:
        rows = [{"described": 1, "tells": key is None, "record_key": key} for key in keys]
        return pl.DataFrame(rows, schema=schema)

    texts = _Texts(
        domain,
        lambda _relation, keys: pl.DataFrame({"record_key": keys}),
        pl.DataFrame(schema={"record_key": pl.String} | dict.fromkeys(names, pl.String)),
    )
    for before, now, sealed, opened_again in (
        (side("a", "b", None), side("a", None, None), set(), {"b"}),
        (side("a", None), side("a", "c"), {"c"}, set()),
        (side("a", None), side("c", None), set(), set()),  # corrected, not passed
        (side("a"), side(None, None), set(), {"a"}),
        (side(None), side("a", "b"), {"a"}, set()),
        (side("a"), side(), set(), set()),
    ):
        passed = _passed(before, now, texts)
        assert passed.stay_sealed == sealed
        assert set(passed.stay_open.values()) == opened_again


def test_what_a_load_remembers_is_read_by_a_load_alone(frames: Frames, second: Place) -> None:
    """It has the keys of open records, and which of them are sealed by now: whom that tells of."""
    loaded = second("one_sealed", frames | {"ae": recoded(frames["ae"], {7: SEALED_TERM})})
    remembered = (loaded.snapshot.folder / IDENTITIES_FILE).read_bytes()
    keys = opened(loaded.snapshot)["adverse_event"]["record_key"]
    assert not [key for key in keys if key.encode() in remembered]
    assert b"PAR1" not in remembered


@pytest.mark.parametrize("attack", ["no identities", "other identities", "another key"])
def test_a_load_that_cannot_recognize_records_is_refused(
    frames: Frames, first: LoadedTrial, key_pair: KeyPair, tmp_path: Path, attack: str
) -> None:
    """Or whoever can write to the store would have a record pass, and everybody see whose."""
    shutil.copytree(first.store.root, tmp_path / "store")
    store = key_pair.store(tmp_path / "store")
    path = store.trial(TRIAL.id).snapshots()[-1].folder / IDENTITIES_FILE
    if attack == "another key":
        (tmp_path / "store" / ".store-key").write_bytes(bytes(32))
        words = "is not the one that the last load had"
    else:
        path.parent.chmod(0o700)
        path.unlink()
        words = "cannot be read"
        if attack == "other identities":
            pl.DataFrame(schema=IDENTITIES).write_parquet(path)
            words = "is damaged, or was changed"
    with pytest.raises(StoreError, match=words):
        load_frames(frames, TRIAL, key_pair, tmp_path, LATER)
    assert len(store.trial(TRIAL.id).ids()) == 1
