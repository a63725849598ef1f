"""Body systems, specimens and categories open as values of lists, units in one spelling."""

import polars as pl
import pytest
from polars.testing import assert_frame_equal

from data_validation.listed_texts import lists_of, only_listed
from data_validation.sealing import Tables, split
from data_validation.values import NOT_SHOWN
from simulator import simulate
from trials import load_trial
from trials.models.blinding import AllowedText

TRIAL = load_trial("nct05689008")
Frames = dict[str, pl.DataFrame]


@pytest.fixture(scope="module")
def frames() -> Frames:
    made = simulate(TRIAL, participants=40, seed=3)
    return {
        name: made[name]
        .cast(pl.String)
        .with_columns(_file=pl.lit(name), _row=pl.int_range(pl.len()))
        for name in ("ae", "lb", "mh")
    }


def opened(frames: Frames) -> Tables:
    return split({name.upper(): frame for name, frame in frames.items()}, TRIAL)[0]


def marked(frames: Frames, dataset: str, column: str, mark: str) -> Frames:
    """The same, with a mark behind a text of every second participant."""
    treated = pl.col("USUBJID").str.contains(r"[02468]$") & pl.col(column).is_not_null()
    text = pl.when(treated).then(pl.col(column) + mark).otherwise(column).alias(column)
    return frames | {dataset: frames[dataset].with_columns(text)}


@pytest.mark.parametrize(
    ("dataset", "column", "mark"),
    [
        *(("ae", "AEBODSYS", mark) for mark in (".", "  !", "\u200b")),
        ("mh", "MHBODSYS", " -"),
        ("lb", "LBSPEC", "."),
    ],
)
def test_a_mark_in_how_a_text_is_written_does_not_open(
    frames: Frames, dataset: str, column: str, mark: str
) -> None:
    expected, none = only_listed(opened(frames), TRIAL)
    found, said = only_listed(opened(marked(frames, dataset, column, mark)), TRIAL)
    assert (none, said) == ([], [])
    name = dataset.upper()
    assert_frame_equal(
        found.frames[name].drop("record_key").sort(pl.all(), nulls_last=True),
        expected.frames[name].drop("record_key").sort(pl.all(), nulls_last=True),
    )


@pytest.mark.parametrize(
    ("dataset", "column", "mark"),
    [
        ("ae", "AEBODSYS", " A"),
        ("mh", "MHBODSYS", " (2)"),
        ("lb", "LBSPEC", " tube 2"),
    ],
)
def test_a_text_on_no_list_is_not_shown_and_counted(
    frames: Frames, dataset: str, column: str, mark: str
) -> None:
    changed = opened(marked(frames, dataset, column, mark))
    name = dataset.upper()
    count = int(changed.frames[name][column].str.ends_with(mark).sum())
    assert count > 3
    found, (said,) = only_listed(changed, TRIAL)
    texts = found.frames[name][column]
    assert int((texts == NOT_SHOWN).sum()) == count
    assert not texts.str.ends_with(mark).any()
    assert said.message == (
        f"{name}.{column}: the text of {count} records is on no list, and is not shown."
    )


def test_a_unit_has_one_spelling_and_one_that_nobody_knows_is_seen_by_who_asks(
    frames: Frames,
) -> None:
    expected = only_listed(opened(frames), TRIAL)[0].frames["LB"]["LBORRESU"]
    units = {"mm[Hg]": "mmHg", "mmhg ": "mmhg", "smoots": "smoots"}
    for written, shown in units.items():
        changed = frames["lb"].with_columns(pl.col("LBORRESU").replace("mmHg", written))
        found, said = only_listed(opened(frames | {"lb": changed}), TRIAL)
        assert said == []
        assert set(found.frames["LB"]["LBORRESU"]) - set(expected) <= {shown}


def test_the_definition_can_put_a_text_on_a_list(frames: Frames) -> None:
    item = AllowedText(column="AE.AEBODSYS", text="Cardiac disorders A", reason="A test of it.")
    trial = TRIAL.model_copy(update={"open": TRIAL.open.model_copy(update={"texts": (item,)})})
    assert "Cardiac disorders A" in lists_of(trial)["AE.AEBODSYS"]
    changed = opened(marked(frames, "ae", "AEBODSYS", " A"))
    shown = only_listed(changed, trial)[0].frames["AE"]["AEBODSYS"].unique().to_list()
    assert {text for text in shown if text.endswith(" A")} == {"Cardiac disorders A"}


def test_the_capitals_of_most_are_shown(frames: Frames) -> None:
    texts = [
        "CARDIAC DISORDERS",
        "CARDIAC DISORDERS",
        "Cardiac  disorders",
        "Eye disorders",
        "EYE DISORDERS",
    ]
    events = (
        frames["ae"]
        .filter(pl.col("AEDECOD").is_not_null())[:5]
        .with_columns(AEBODSYS=pl.Series(texts))
    )
    shown = only_listed(opened({"ae": events}), TRIAL)[0].frames["AE"]["AEBODSYS"].to_list()
    assert set(shown) == {"CARDIAC DISORDERS", "EYE DISORDERS"}
