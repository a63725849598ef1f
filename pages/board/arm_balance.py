"""Who is in the trial, and are the arms alike?"""

from display.exhibit import show
from display.page import header, tabs

board = header("Baseline and arm balance", "Who is in the trial?", domains=("DM", "LB", "VS"))
if board.is_limited:
    show("allocation")
    show("baseline_characteristics")
else:
    baseline, allocated = tabs("Baseline", "Allocation")
    if baseline.open:
        with baseline:
            show("allocation")
            show("love_plot")
            show("baseline_characteristics")
            show("eligibility_measures")
    if allocated.open:
        with allocated:
            show("allocation_by_place")
            show("running_imbalance")
            show("cross_over")
