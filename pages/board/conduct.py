"""Is it run as planned?"""

import streamlit as st

from exhibits.on_page import header, show

header("Conduct", "Is it run as planned?", domains=("DM", "DS", "SV", "LB", "VS"))
show("disposition")
show("follow_up_maturity")
show("reasons_for_leaving")
show("doses_given")
show("doses_changed")
show("treatment_stops")
show("cross_over")
show("lots")
show("visits_received")
left, right = st.columns(2)
with left:
    show("results_received")
with right:
    show("visits_by_site")
    show("data_lag")
    show("latest_records")
