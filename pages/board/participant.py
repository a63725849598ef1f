"""What happened to this person?"""

from exhibits.on_page import changes_of_chosen_person, header, show
from exhibits.people import choose_participant

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
