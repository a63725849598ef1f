"""Do labs or vital signs show organ harm?"""

import streamlit as st

from display.exhibit import show
from display.page import header, tabs

header(
    "Laboratory",
    "Do labs or vital signs show organ harm?",
    domains=("LB", "VS", "EG"),
    filtered=True,
)
grades, liver, course = tabs("Grades", "Liver", "Over time")
if grades.open:
    with grades:
        show("emergent_grades")
        show("shifts_from_baseline")
if liver.open:
    with liver:
        show("liver_injury_signs")
        show("liver")
if course.open:
    with course:
        left, right = st.columns(2)
        with left:
            show("laboratory_trends")
            show("ecg_trends")
        with right:
            show("vital_sign_trends")
            show("blood_count_trends")
