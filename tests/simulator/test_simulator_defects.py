"""Defects are where the list says, and nowhere else."""

from datetime import date
from pathlib import Path

import polars as pl
import pytest

from simulator import defects_file, simulate, simulate_blocks, write_simulated
from simulator.defects import HOSTILE, TYPICAL, plant, planted_blocks
from trials import load_trial

Frames = dict[str, pl.DataFrame]
TRIAL = load_trial("nct05689008")
CUTOFF = date(2023, 9, 30)


def planted(cutoff: date = CUTOFF, seed: int = 7) -> tuple[Frames, pl.DataFrame]:
    return plant(simulate(TRIAL, seed=seed, cutoff=cutoff), TYPICAL, cutoff=cutoff, seed=seed)


def test_only_what_is_listed_is_changed() -> None:
    before = simulate(TRIAL, cutoff=CUTOFF)
    kinds = [kind for kind in (*TYPICAL, *HOSTILE) if kind.how == "change"]
    after, listed = plant(before, kinds, cutoff=CUTOFF, seed=7)
    fields = {kind.kind: kind.field for kind in kinds}
    expected = {
        (name, row, fields[kind]) for kind, name, row in listed["kind", "dataset", "row"].rows()
    }
    assert len(expected) == listed.height > 60
    differing = set()
    for name, frame in before.items():
        was, now = frame.select(pl.all().cast(pl.String)), after[name]
        assert was.columns == now.columns
        for column in was.columns:
            rows = was[column].ne_missing(now[column]).arg_true()
            differing |= {(name, row + 1, column) for row in rows}
    assert expected <= differing
    # The rest changes with it, in the same record.
    with_it = {(kind.kind, field) for kind in kinds for field, _ in kind.also}
    kind_at = {(name, row): kind for kind, name, row in listed["kind", "dataset", "row"].rows()}
    assert {(kind_at[name, row], field) for name, row, field in differing - expected} <= with_it


def test_the_list_says_what_stands_in_the_extract() -> None:
    frames, listed = planted()
    for kind, name, subject, row, field, value in listed[
        "kind", "dataset", "subject", "row", "field", "value"
    ].rows():
        record = frames[name].row(row - 1, named=True)
        assert record["USUBJID"] == subject
        planted_in = next(item for item in TYPICAL if item.kind == kind)
        if value is not None and planted_in.finding_at is None:
            assert record[field] == value, kind


@pytest.mark.parametrize("format", ["csv", "parquet", "xpt"])
def test_the_list_lies_beside_the_extract(tmp_path: Path, format: str) -> None:
    folder = tmp_path / "extract"
    rows = write_simulated(TRIAL, folder, cutoff=CUTOFF, defects="hostile", format=format)  # type: ignore[arg-type]
    assert set(folder.iterdir()) == set(rows)
    assert set(tmp_path.iterdir()) == {folder, defects_file(folder)}
    kinds = set(pl.read_csv(defects_file(folder))["kind"])
    assert ("unnamed index column" in kinds) == (format != "xpt")
    assert ("NUL character" in kinds) == (format != "csv")


def test_the_same_seed_plants_the_same_and_another_seed_others() -> None:
    one, again, other = (planted(seed=seed)[1] for seed in (1, 1, 2))
    assert one.equals(again)
    assert not one.equals(other)


def test_a_later_cut_has_most_of_the_earlier_defects_and_others() -> None:
    def keys(cutoff: date) -> set[tuple[object, ...]]:
        listed = planted(cutoff)[1].filter(~pl.col("kind").str.contains("cut-off"))
        return set(listed["kind", "subject", "field"].rows())

    early, late = keys(date(2023, 6, 30)), keys(date(2023, 8, 31))
    assert len(early & late) > 15
    assert len(early - late) > 3
    assert len(late - early) > 3


def test_rows_are_counted_through_all_blocks() -> None:
    listed: list[pl.DataFrame] = []
    blocks = list(
        planted_blocks(
            simulate_blocks(TRIAL, participants=90, sites=5, seed=3, cutoff=CUTOFF, block=60),
            level="typical",
            cutoff=CUTOFF,
            seed=3,
            format="parquet",
            listed=listed,
        )
    )
    assert len(blocks) > 1
    ae = pl.concat(block["ae"] for block in blocks)
    told = pl.concat(listed).filter(pl.col("kind") == "month in French")
    assert told.height > 1
    assert ae[(told["row"] - 1).to_list()]["AESTDTC"].to_list() == told["value"].to_list()
    assert ae.filter(pl.col("AESTDTC").str.contains("[a-z]")).height == told.height


def test_clean_is_what_it_was_and_an_unknown_level_is_refused(tmp_path: Path) -> None:
    rows = write_simulated(TRIAL, tmp_path / "e", cutoff=CUTOFF, format="parquet")
    frames = simulate(TRIAL, cutoff=CUTOFF)
    for path in rows:
        assert pl.read_parquet(path).equals(frames[path.stem])
    assert not defects_file(tmp_path / "e").exists()
    with pytest.raises(ValueError, match="'dirty' is no level of defects; choose one of clean"):
        write_simulated(TRIAL, tmp_path / "f", defects="dirty")  # type: ignore[arg-type]
    assert not (tmp_path / "f").exists()
