"""Every loaded trial by name, and its Boards, opened once for the tests of exhibits."""

from collections.abc import Callable, Iterator

import pytest

from access import View
from queries import Board
from tests.conftest import LoadedTrial, Workshop, board_of, kept_open

STORES = {
    "two arms": "demonstration_store",
    "three arms": "pilot_store",
    "one arm": "single_arm_store",
    "nobody randomized": "nobody_store",
}

LoadedByName = Callable[[str], LoadedTrial]
BoardByName = Callable[[str, View], Board]


@pytest.fixture(scope="module", autouse=True)
def connections_kept_open(workshop: Workshop) -> Iterator[None]:
    """What an exhibit says does not depend on who asked first."""
    with kept_open(workshop):
        yield


@pytest.fixture(scope="session")
def loaded(request: pytest.FixtureRequest) -> LoadedByName:
    """The loaded trial of one of `STORES`."""

    def by_name(name: str) -> LoadedTrial:
        found: LoadedTrial = request.getfixturevalue(STORES[name])
        return found

    return by_name


@pytest.fixture(scope="session")
def board(loaded: LoadedByName) -> Iterator[BoardByName]:
    """The Board of one of `STORES` in a view."""
    opened: dict[tuple[str, View], Board] = {}

    def by_name(name: str, view: View) -> Board:
        if (name, view) not in opened:
            opened[name, view] = board_of(loaded(name), view)
        return opened[name, view]

    yield by_name
    for one in opened.values():
        one.close()
