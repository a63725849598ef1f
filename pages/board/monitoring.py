"""Has a pre-specified rule been met?"""

from display.exhibit import show
from display.page import header

header("Monitoring", "Has a pre-specified rule been met?", domains=("AE", "DM", "LB"))
show("stopping_positions")
show("stopping_positions_after_dose")
show("sequential_positions")
show("monitoring_rules")
show("stopping_characteristics")
