"""Emergency unblinding on the page: asked for, confirmed, shown, and told to the board."""

from collections.abc import Callable

from access.trail import Trail
from tests.conftest import LoadedTrial
from tests.pages.conftest import Visitor

AtDashboard = Callable[[LoadedTrial], Visitor]
REASON = "Anaphylaxis; the ward has to know what was given."


def click(visitor: Visitor, label: str) -> Visitor:
    """A click alone; with a dialog open, the button that opened it is clicked with it."""
    next(button for button in visitor.app.button if button.label == label).click()
    return visitor


def ask(visitor: Visitor, participant: str, reason: str = REASON, told: str | None = None) -> None:
    """Fill in the dialog; AppTest draws it in a whole run, in which it has to be opened again."""
    click(visitor, "Emergency unblinding").run()
    fields = {field.label: field for field in visitor.app.text_input}
    fields["Participant"].set_value(participant)
    fields["Why is it necessary?"].set_value(reason)
    if told is not None:
        visitor.app.selectbox[-1].set_value(told)
    click(visitor, "Emergency unblinding")
    click(visitor, "Unblind this participant").run()


def texts(visitor: Visitor) -> list[str]:
    return [element.value for element in visitor.app.text]


def test_the_board_is_told_and_confirms_what_is_more_than_a_day_has(
    at_dashboard: AtDashboard, demonstration_store: LoadedTrial, trail: Trail
) -> None:
    allocation = demonstration_store.dataset("randomization").sort("USUBJID")
    people = allocation["USUBJID"].to_list()[:4]
    names = {arm.code: arm.name for arm in demonstration_store.trial.arms.list}
    arms = dict(zip(people, map(names.__getitem__, allocation["ARMCD"]), strict=False))
    board = at_dashboard(demonstration_store).sign_in("board")
    assert "Emergency unblinding" not in board.words
    visitor = at_dashboard(demonstration_store).sign_in("statistician").open("board-enrollment")
    ask(visitor, people[0], reason="x")
    assert "say in a sentence" in visitor.sentences[0]
    assert texts(visitor) == []
    ask(visitor, people[0])
    assert texts(visitor) == [f"{people[0]}\n{arms[people[0]]}"]
    ask(visitor, people[1])
    assert "name the member of the board" in visitor.sentences[0]
    for person in people[1:3]:
        ask(visitor, person, told="Dr. Ada Board (board member) (demonstration/board)")
        assert texts(visitor) == [f"{person}\n{arms[person]}"]
    ask(visitor, people[3], told="Dr. Ada Board (board member) (demonstration/board)")
    assert "A second person has until" in visitor.run().words
    assert texts(visitor) == [people[3]]
    # Told to the board, and to nobody else.
    said = board.run().words
    assert "the arms of 3 participants were seen one by one, of 3 within the last 24 hours" in said
    assert f"{people[3]}" in texts(board)[0]
    sponsor = at_dashboard(demonstration_store).sign_in("sponsor")
    assert "Emergency unblinding" not in sponsor.words
    click(board, "Confirm").run()
    assert "A second person has confirmed" in visitor.run().words
    click(visitor, "Show the arm").run()
    assert f"{people[3]}\n{arms[people[3]]}" in texts(visitor)
    assert "the arms of 4 participants" in board.run().words
    assert visitor.board is not None
    assert visitor.board.view.word == "pooled"
