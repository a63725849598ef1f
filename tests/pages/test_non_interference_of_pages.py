"""Blinding, first property, on the pages: what is sent does not depend on what is sealed.

Two extracts that differ in all that is sealed, and in nothing else, are loaded. Every message that
the browsers of pooled sessions get from the one is the same as from the other.
"""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg

import data_validation.load
from access import Role, pages_of, views_of
from tests.conftest import BLINDED, PROVE, KeyPair, LoadedTrial, clock_of, load_frames
from tests.data_validation.test_non_interference import TRIAL, permuted, simulated, write_files
from tests.pages.conftest import Visitor
from tests.pages.messages import comparable

AtDashboard = Callable[[LoadedTrial], Visitor]
RECEIVED = ("harm", 2, True)
# The statistician's pooled pages are the board's and the data manager's: in the long proof.
LOOKED_AT = [
    role for role in BLINDED if views_of(role) and (role is not Role.STATISTICIAN or PROVE)
]


@pytest.fixture(scope="module")
def twins(
    tmp_path_factory: pytest.TempPathFactory, key_pair: KeyPair
) -> tuple[LoadedTrial, LoadedTrial]:
    """An extract as it is, and one in which everything sealed is another."""
    folders = [tmp_path_factory.mktemp(name) for name in ("received", "permuted")]
    frames = simulated(*RECEIVED)
    rng = np.random.default_rng(11)
    other = folders[1] / "other"
    write_files(permuted(frames, TRIAL, rng), other, rng)
    with pytest.MonkeyPatch.context() as patch:
        # At the same moment, which a page shows.
        clock_of(patch, data_validation.load)(datetime(2024, 7, 1, tzinfo=UTC))
        received = load_frames(frames, TRIAL, key_pair, folders[0], checked=True)
        return received, load_extract(other, key_pair, folders[1])


def load_extract(extract: Path, keys: KeyPair, folder: Path) -> LoadedTrial:
    store = keys.store(folder / "store")
    data_validation.load.load(extract, TRIAL, store, keys.public)
    return LoadedTrial(TRIAL, store, extract, keys)


def sent_to(visitor: Visitor, role: Role) -> dict[str, list[ForwardMsg]]:
    """What a session gets, from the sign-in on, by page."""
    visitor.sign_in(role.value)
    sent = {"": comparable(visitor.sent)}
    for address in pages_of(role):
        sent[address] = comparable(visitor.open(address).sent)
    return sent


@pytest.mark.parametrize("role", LOOKED_AT)
def test_no_message_of_a_pooled_session_depends_on_what_is_sealed(
    at_dashboard: AtDashboard, twins: tuple[LoadedTrial, LoadedTrial], role: Role
) -> None:
    received, sealed_differs = (sent_to(at_dashboard(twin), role) for twin in twins)
    for address, messages in received.items():
        assert len(messages) > 10, address
        others = sealed_differs[address]
        assert len(messages) == len(others), address
        for message, other in zip(messages, others, strict=True):
            assert message == other, address


def test_a_comparative_session_does_depend_on_it(
    at_dashboard: AtDashboard, twins: tuple[LoadedTrial, LoadedTrial]
) -> None:
    """Without this, twins that do not differ would pass."""
    from access import View

    first, second = (
        comparable(
            at_dashboard(twin).sign_in("board").look(View.UNBLINDED).open("board-arm-balance").sent
        )
        for twin in twins
    )
    assert first != second


def test_what_is_removed_before_comparing_is_a_file_id_and_timings_only(
    at_dashboard: AtDashboard, twins: tuple[LoadedTrial, LoadedTrial]
) -> None:
    visitor = at_dashboard(twins[0]).sign_in("data_manager").open("data-findings")
    kinds = {message.WhichOneof("type") for message in visitor.sent}
    kept = comparable(visitor.sent)
    assert {message.WhichOneof("type") for message in kept} == kinds - {"page_profile"}
    before = [message for message in visitor.sent if message.WhichOneof("type") != "page_profile"]
    offered = 0
    for one, two in zip(before, kept, strict=True):
        restored = ForwardMsg()
        restored.CopyFrom(two)
        restored.hash = one.hash
        button = one.delta.new_element.download_button
        if button.deferred_file_id:
            offered += 1
            restored.delta.new_element.download_button.deferred_file_id = button.deferred_file_id
        assert restored == one
    assert offered, "no download was offered, so this shows nothing"
