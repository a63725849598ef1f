"""What keyboards, screen readers and weak eyes need, as far as axe-core can tell."""

from axe_playwright_python.sync_playwright import Axe  # type: ignore[import-untyped]
from playwright.sync_api import Page

AXE = Axe()
SERIOUS = ("serious", "critical")
# What Streamlit's own parts lack and nobody can give them: its menu has a div between its list and
# the items; a printed table that is too wide scrolls, and cannot be reached by the keyboard; a
# passing notice has no name.
NOT_OURS = ("list", "listitem", "scrollable-region-focusable")
ELSEWHERE = {"exclude": [[".stToast"]]}
OPTIONS = {
    "resultTypes": ["violations"],
    "rules": {rule: {"enabled": False} for rule in NOT_OURS},
}


def serious_barriers(page: Page) -> list[str]:
    """What axe-core calls serious or critical: the rule, where, and what it says of it."""
    found = AXE.run(page, ELSEWHERE, OPTIONS).response["violations"]
    return [
        f"{barrier['id']} at {node['target']}: {node['failureSummary']}"
        for barrier in found
        if barrier["impact"] in SERIOUS
        for node in barrier["nodes"]
    ]
