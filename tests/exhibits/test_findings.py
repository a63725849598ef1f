"""What is said of findings adds up, also where those of sealed records are among them."""

import re

import pytest

from access import View
from exhibits import make
from tests.exhibits.conftest import BoardByName


@pytest.mark.parametrize("view", list(View))
def test_new_persisting_and_sealed_findings_add_up_to_those_that_stand(
    board: BoardByName, view: View
) -> None:
    opened = board("two arms", view)
    said = make("findings_overview", opened).answer
    stand = re.search(r"^([\d,]+) findings? stand", said)
    changes = re.search(r"the snapshot before: ([\d,]+) new, ([\d,]+) persisting", said)
    assert stand is not None
    assert changes is not None
    sealed = re.search(r"([\d,]+) more concern sealed records", said)
    assert (sealed is not None) == opened.has_sealed_records
    parts = [*changes.groups(), *(sealed.groups() if sealed else ())]
    assert sum(int(part.replace(",", "")) for part in parts) == int(stand[1].replace(",", ""))
    assert ("Of open records, against" in said) == opened.has_sealed_records
