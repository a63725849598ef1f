"""What keyboards, screen readers and weak eyes need, as far as axe-core can tell."""

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

AXE = Axe()
SERIOUS = ("serious", "critical")


def serious_barriers(page: Page) -> list[str]:
    """What axe-core calls serious or critical: the rule, where, and what it says of it."""
    found = AXE.run(page, options={"resultTypes": ["violations"]}).response["violations"]
    return [
        f"{barrier['id']} at {node['target']}: {node['failureSummary']}"
        for barrier in found
        if barrier["impact"] in SERIOUS
        for node in barrier["nodes"]
    ]
