"""Where does the trial stand, and what needs attention?"""

from access import pages_of
from display.changes import compare_with
from display.emergencies import tell_emergencies
from display.exhibit import show
from display.page import header, link_to, tabs, warn_of
from exhibits.overview import lines

board = header("Overview", "Where does the trial stand, and what needs attention?")
tell_emergencies(board)
pages = pages_of(board.grant.role)
sees_results = "board-safety" in pages
if sees_results:
    show("trial_at_a_glance")
    if not board.is_limited:
        warn_of("changes_overview")
for line in lines(board, pages):
    link_to(line)
if not board.is_limited and compare_with(board):
    if sees_results:
        show("changes_overview")
    names = ("Records", "Datasets", "Values", "Findings", "Estimates")
    shown = (
        "changes_listed", "changed_records", "changed_values", "changed_findings",
        "changed_conclusions",
    )  # fmt: skip
    offered = list(zip(names, shown, strict=True))
    if not sees_results:
        offered = offered[1:4]
    for (_, exhibit), tab in zip(offered, tabs(*(name for name, _ in offered)), strict=True):
        if tab.open:
            with tab:
                show(exhibit)
