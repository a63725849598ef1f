"""Allergic reactions, pulmonary embolism, and others?"""

from display.exhibit import show
from display.page import header

header(
    "Special interest",
    "Allergic reactions, pulmonary embolism, and others?",
    domains=("AE", "DM", "DS", "LB", "VS"),
    filtered=True,
)
show("special_interest_overview")
show("special_interest_incidence")
show("special_interest_cases")
show("worsening_near_instillation")
show("hours_from_instillation")
