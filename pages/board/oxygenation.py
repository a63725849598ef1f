"""Are patients' lungs getting better?"""

from exhibits.on_page import header, show, tabs

header(
    "Oxygenation",
    "Are patients' lungs getting better?",
    domains=("LB", "RE", "PR", "RS", "VS", "HO"),
    filtered=True,
)
course, states, measured = tabs("Composite and PaO2/FiO2", "Support and scale", "Measured values")
if course.open:
    with course:
        show("oxygenation_composite")
        show("oxygenation_ratio")
        show("oxygenation_bands")
if states.open:
    with states:
        show("respiratory_support")
        show("who_scale")
        show("invasive_ventilation")
if measured.open:
    with measured:
        show("saturation_ratio")
        show("oxygenation_change")
        show("oxygenation_around_doses")
