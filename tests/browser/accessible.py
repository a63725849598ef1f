"""What keyboards, screen readers and weak eyes need, as far as axe-core can tell."""

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

AXE = Axe()
SERIOUS = ("serious", "critical")
# Streamlit's menu has a div between its list and the items; other lists come from Markdown only.
OPTIONS = {
    "resultTypes": ["violations"],
    "rules": {name: {"enabled": False} for name in ("list", "listitem")},
}


def serious_barriers(page: Page) -> list[str]:
    """What axe-core calls serious or critical: the rule, where, and what it says of it."""
    found = AXE.run(page, options=OPTIONS).response["violations"]
    return [
        f"{barrier['id']} at {node['target']}: {node['failureSummary']}"
        for barrier in found
        if barrier["impact"] in SERIOUS
        for node in barrier["nodes"]
    ]
