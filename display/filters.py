"""The filters: chosen in one place, kept from page to page, and in the address of the page."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import polars as pl
import streamlit as st

from display.state import filter_key, forget_control, start_control, window
from queries import Board, Filters
from trials import Trial

# The names in an address.
_NAMES = {
    "sites": "site",
    "sexes": "sex",
    "ages": "age",
    "severities": "severity",
    "first_day": "from",
    "last_day": "to",
}
_OF_PEOPLE = ("sites", "sexes", "ages", "severities")
_LAST_DAY = 9_999


@dataclass(frozen=True)
class _Choice:
    """One control: of which field, its label, and what there is to choose."""

    field: str
    label: str
    options: list[str]
    words: Callable[[str], str] = str


def filter_controls(board: Board, *, shown: bool, page: str) -> None:
    """Have the Board ask under what was chosen; where `shown`, let it be chosen.

    Args:
        page: the address of the page.
    """
    place = (page, board.trial.id, str(board.snapshot.id))
    if window().filters_of_page != place:
        # The controls of another page or trial are others, and begin with what was chosen.
        _forget_controls()
        window().filters_of_page = place
    choices = _choices(board)
    kept = _offered(window().filters, choices)
    if shown:
        kept = _drawn(_from_address(kept, choices), choices)
        _into_address(kept)
    window().filters = kept
    board.choose(kept)


def _choices(board: Board) -> list[_Choice]:
    there = board.ask("safety/choices")
    trial: Trial = board.trial

    def of(name: str) -> list[str]:
        return there.filter(pl.col("name") == name)["value"].to_list()

    sexes = {"F": "Women", "M": "Men"}
    made = [
        _Choice("sites", "Site", of("site")),
        _Choice("sexes", "Sex", of("sex"), lambda sex: sexes.get(sex, sex)),
        _Choice("ages", "Age", [band.name for band in trial.subgroups.ages]),
        _Choice("severities", "Severity at baseline", [b.name for b in trial.subgroups.severity]),
    ]
    return [choice for choice in made if len(choice.options) > 1]


def _offered(kept: Filters, choices: list[_Choice]) -> Filters:
    """What was chosen, without what another trial or snapshot offered and this one does not."""
    options = {choice.field: choice.options for choice in choices}

    def still(field: str) -> tuple[str, ...]:
        return tuple(name for name in getattr(kept, field) if name in options.get(field, ()))

    values: dict[str, Any] = {field: still(field) for field in _OF_PEOPLE}
    return replace(kept, **values)


def _from_address(kept: Filters, choices: list[_Choice]) -> Filters:
    """What the address asks for, where it has changed and asks for anything."""
    asked = {name: st.query_params.get_all(name) for name in _NAMES.values()}
    if not any(asked.values()) or window().filters_of_address == asked:
        return kept
    window().filters_of_address = asked
    values: dict[str, Any] = {
        choice.field: tuple(
            option for option in choice.options if option in asked[_NAMES[choice.field]]
        )
        for choice in choices
    }
    for field in ("first_day", "last_day"):
        day = (asked[_NAMES[field]] or [""])[-1]
        is_day = day.isdecimal() and len(day) <= len(str(_LAST_DAY)) and int(day) > 0
        values[field] = int(day) if is_day else None
    _forget_controls()
    return Filters(**values)


def _forget_controls() -> None:
    for field in _NAMES:
        forget_control(filter_key(field))


def _into_address(chosen: Filters) -> None:
    asked: dict[str, list[str]] = {}
    for field, name in _NAMES.items():
        value = getattr(chosen, field)
        texts = list(value) if isinstance(value, tuple) else [] if value is None else [str(value)]
        asked[name] = texts
        if texts:
            st.query_params[name] = texts
        elif name in st.query_params:
            del st.query_params[name]
    window().filters_of_address = asked


def _drawn(chosen: Filters, choices: list[_Choice]) -> Filters:
    """The controls, as chosen so far; and what is chosen now."""
    words = chosen.in_words()
    with st.container(horizontal=True, vertical_alignment="center", key="filters"):
        with st.popover("Filters", icon=":material/filter_list:"):
            values = {
                choice.field: tuple(
                    st.multiselect(
                        choice.label,
                        choice.options,
                        format_func=choice.words,
                        key=start_control(
                            filter_key(choice.field), list(getattr(chosen, choice.field))
                        ),
                    )
                )
                for choice in choices
            }
            for field, label in (("first_day", "From study day"), ("last_day", "To study day")):
                values[field] = st.number_input(  # type: ignore[assignment]
                    label,
                    min_value=1,
                    max_value=_LAST_DAY,
                    value=None,
                    step=1,
                    key=start_control(filter_key(field), getattr(chosen, field)),
                )
        if words and st.button("Clear filters", type="tertiary", key="clear-filters"):
            _forget_controls()
            window().filters = Filters()
            _into_address(Filters())
            st.rerun()
    return Filters(**values)  # type: ignore[arg-type]
