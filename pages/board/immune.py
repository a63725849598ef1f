"""What do the immune markers do?"""

import streamlit as st

from display.exhibit import show
from display.page import header, tabs

header(
    "Immune markers",
    "What do the immune markers do?",
    domains=("LB", "CP", "QS", "CE"),
    filtered=True,
)
markers, relation, symptoms = tabs("Markers", "Relation to oxygenation", "Symptoms")
if markers.open:
    with markers:
        left, right = st.columns(2)
        with left:
            show("immune_markers")
        with right:
            show("immune_fold_change")
        show("lymphocyte_subsets")
if relation.open:
    with relation:
        show("immune_and_oxygenation")
if symptoms.open:
    with symptoms:
        show("reported_symptoms")
        show("symptoms_asked_for")
