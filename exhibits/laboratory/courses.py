"""How do laboratory results, vital signs and the electrocardiogram go over time?"""

from collections.abc import Iterable

from exhibits.exhibit import Exhibit, exhibit
from exhibits.laboratory.results import SEALED_VISITS
from exhibits.parts.medians_by_day import AT_A_LIMIT, LATER_DAYS, medians_by_day
from queries import Board


@exhibit(
    page="board-laboratory",
    tab="Over time",
    title="Liver and kidney tests over time",
    data=("LB",),
    filtered=True,
    method=(LATER_DAYS, AT_A_LIMIT, SEALED_VISITS),
)
def laboratory_trends(board: Board) -> Exhibit:
    """Medians and quartiles over time of what is graded when it is high, such as liver tests."""
    return _courses(board, (item.measure for item in board.trial.grades if item.rises))


@exhibit(
    page="board-laboratory",
    tab="Over time",
    title="Blood counts over time",
    data=("LB",),
    filtered=True,
    method=(LATER_DAYS, AT_A_LIMIT, SEALED_VISITS),
)
def blood_count_trends(board: Board) -> Exhibit:
    """Medians and quartiles over time of what is graded when it is low, such as blood cells."""
    return _courses(board, (item.measure for item in board.trial.grades if not item.rises))


@exhibit(
    page="board-laboratory",
    tab="Over time",
    title="Vital signs over time",
    data=("VS",),
    filtered=True,
    method=(LATER_DAYS, SEALED_VISITS),
)
def vital_sign_trends(board: Board) -> Exhibit:
    """Medians and quartiles of vital signs over time, by arm."""
    return _courses(board, (item.name for item in board.trial.measures if item.domain == "VS"))


@exhibit(
    page="board-laboratory",
    tab="Over time",
    title="Electrocardiogram over time",
    data=("EG",),
    filtered=True,
    method=(LATER_DAYS, SEALED_VISITS),
)
def ecg_trends(board: Board) -> Exhibit:
    """Medians and quartiles of the electrocardiogram's measures over time, by arm."""
    return _courses(board, (item.name for item in board.trial.measures if item.domain == "EG"))


def _courses(board: Board, measures: Iterable[str]) -> Exhibit:
    return medians_by_day(
        board,
        list(measures),
        missing="No measure has values at two or more visits of the schedule. Results need a unit "
        "that the trial definition knows.",
        with_normal=True,
        # What is measured at one visit only, such as height, has no course.
        least_days=2,
    )
