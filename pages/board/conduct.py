"""Is it run as planned?"""

import streamlit as st

from display.exhibit import show
from display.page import header

header("Conduct", "Is it run as planned?", domains=("DM", "DS", "SV", "DV", "LB", "VS"))
show("disposition")
show("follow_up_maturity")
left, right = st.columns(2)
with left:
    show("reasons_for_leaving")
with right:
    show("deviations")
show("doses_given")
left, right = st.columns(2)
with left:
    show("doses_changed")
with right:
    show("cross_over")
    show("treatment_stops")
show("lots")
show("deviations_by_term")
show("visits_received")
left, right = st.columns(2)
with left:
    show("results_received")
with right:
    show("visits_by_site")
    show("data_lag")
    show("latest_records")
