"""Are we on track?"""

import streamlit as st

from display.exhibit import show
from display.page import header

header("Enrollment", "Are we on track?", domains=("DM", "DS", "IE"))
show("enrollment_progress")
show("cumulative_enrollment")
left, right = st.columns(2)
with left:
    show("enrollment_by_month")
    show("enrollment_by_site")
with right:
    show("screening_flow")
    show("time_to_randomization")
show("randomized_though_ineligible")
