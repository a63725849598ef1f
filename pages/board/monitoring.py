"""Has a pre-specified rule been met?"""

from exhibits.on_page import header, show

header("Monitoring", "Has a pre-specified rule been met?", domains=("AE", "DM", "LB"))
show("stopping_positions")
show("stopping_positions_after_dose")
show("sequential_positions")
show("monitoring_rules")
show("stopping_characteristics")
