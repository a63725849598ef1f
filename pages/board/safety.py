"""Is anyone being harmed?"""

from display.exhibit import show
from display.page import header, tabs
from display.term_table import show_terms

board = header("Safety", "Is anyone being harmed?", domains=("AE", "DM", "DS"), filtered=True)
show("adverse_event_overview")
if not board.is_limited:
    terms, onset, listings = tabs("Terms", "Onset", "Listings")
    if terms.open:
        with terms:
            show("adverse_event_dots")
            show_terms()
            show("related_events")
            show("adverse_events_as_treated")
    if onset.open:
        with onset:
            show("event_incidence")
            show("mean_event_count")
            show("adverse_event_onset")
    if listings.open:
        with listings:
            show("since_the_cutoff")
            show("deaths")
            show("serious_events")
            show("all_events")
