"""The menu: every page, and which audiences it is for. The policy says which audiences a role is.

To add a page, add its line here and its file; a page that is not here has no address.
"""

from dataclasses import dataclass
from enum import StrEnum


class Audience(StrEnum):
    """A kind of reader that pages are for."""

    BOARD = "board"
    SPONSOR = "sponsor"
    CONDUCT = "conduct"
    DATA = "data"
    GOVERNANCE = "governance"


@dataclass(frozen=True)
class Page:
    """One page.

    Attributes:
        id: its address; `board-arm-balance` is the file `pages/board/arm_balance.py`.
        title: as the menu has it.
        icon: a name of Material Symbols.
        audiences: whom it is for.
    """

    id: str
    title: str
    icon: str
    audiences: frozenset[Audience]

    @property
    def group(self) -> str:
        """The group of the menu that it stands in."""
        return self.id.partition("-")[0].capitalize()

    @property
    def file(self) -> str:
        """Its file, from the root of the project."""
        group, _, name = self.id.partition("-")
        return f"pages/{group}/{name.replace('-', '_')}.py"


def _page(id: str, title: str, icon: str, *audiences: Audience) -> Page:
    return Page(id, title, f":material/{icon}:", frozenset(audiences))


# In the order of the menu.
MENU: dict[str, Page] = {
    page.id: page
    for page in (
        _page(
            "board-overview", "Overview", "dashboard",
            Audience.BOARD, Audience.SPONSOR, Audience.CONDUCT,
        ),
        _page("board-monitoring", "Monitoring", "gavel", Audience.BOARD),
        _page("board-enrollment", "Enrollment", "trending_up", Audience.BOARD, Audience.SPONSOR),
        _page(
            "board-conduct", "Conduct", "event_available",
            Audience.BOARD, Audience.SPONSOR, Audience.CONDUCT,
        ),
        _page("board-safety", "Safety", "health_and_safety", Audience.BOARD, Audience.SPONSOR),
        _page("board-special-interest", "Special interest", "star", Audience.BOARD),
        _page("board-laboratory", "Laboratory", "science", Audience.BOARD),
        _page("board-oxygenation", "Oxygenation", "air", Audience.BOARD),
        _page("board-immune", "Immune markers", "bloodtype", Audience.BOARD),
        _page("board-survival", "Survival", "show_chart", Audience.BOARD),
        _page("board-participant", "Participant", "person", Audience.BOARD),
        _page("board-arm-balance", "Arm balance", "balance", Audience.BOARD, Audience.SPONSOR),
        _page("data-findings", "Findings", "rule", Audience.DATA),
        _page("data-checks", "Checks", "checklist", Audience.DATA),
        _page("data-intake", "Intake", "database", Audience.DATA),
        _page("governance-audit", "Audit trail", "history", Audience.GOVERNANCE),
    )
}  # fmt: skip


def pages_for(*audiences: Audience) -> tuple[str, ...]:
    """The ids of the pages that are for any of these audiences, in the order of the menu."""
    return tuple(page.id for page in MENU.values() if not page.audiences.isdisjoint(audiences))
