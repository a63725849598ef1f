"""Who is in the trial, and are the arms alike?"""

from exhibits.on_page import header, show

header("Baseline and arm balance", "Who is in the trial?", domains=("DM", "LB", "VS"))
show("allocation")
show("baseline_characteristics")
