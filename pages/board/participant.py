"""What happened to this person?"""

from display.changes import changes_of_chosen_person
from display.exhibit import show
from display.page import header
from display.people import choose_participant

board = header(
    "Participant", "What happened to this person?", domains=("DM", "AE", "LB", "PR"), filtered=True
)
if choose_participant(board):
    show("participant_summary")
    changes_of_chosen_person(board)
    show("participant_doses")
    show("participant_events_since_dose")
    show("participant_course")
    show("participant_events")
    show("participant_findings")
