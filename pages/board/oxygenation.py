"""Are patients' lungs getting better?"""

from display.exhibit import show
from display.page import header, tabs

header(
    "Oxygenation",
    "Are patients' lungs getting better?",
    domains=("LB", "RE", "PR", "RS", "VS", "HO"),
    filtered=True,
)
course, states, ventilators, measured = tabs(
    "Composite and PaO2/FiO2", "Support and scale", "Ventilator-free days", "Measured values"
)
if course.open:
    with course:
        show("oxygenation_composite")
        show("oxygenation_ratio")
        show("oxygenation_bands")
if states.open:
    with states:
        show("respiratory_support")
        show("who_scale")
if ventilators.open:
    with ventilators:
        show("ventilator_free")
        show("invasive_ventilation")
        show("higher_support_free")
if measured.open:
    with measured:
        show("oxygenation_change")
        show("oxygenation_adjusted")
        show("oxygenation_delta")
        show("saturation_ratio")
        show("oxygenation_around_doses")
