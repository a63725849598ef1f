"""Who died, and when?"""

import streamlit as st

from display.exhibit import show
from display.page import header

header("Survival", "Who died, and when?", domains=("DM", "DS", "HO", "SS", "DD"), filtered=True)
show("mortality")
show("survival_curve")
show("deaths_compared")
show("subgroups")
left, right = st.columns(2)
with left:
    show("discharge")
with right:
    show("vital_status")
show("deaths")
