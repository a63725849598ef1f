"""Allergic reactions, pulmonary embolism, and others?"""

from exhibits.on_page import header, show

header(
    "Special interest",
    "Allergic reactions, pulmonary embolism, and others?",
    domains=("AE", "DM", "DS"),
)
show("special_interest_overview")
show("special_interest_incidence")
