"""Messages to the browser, without what differs from run to run though the data is the same."""

from collections.abc import Iterable
from typing import Any

from google.protobuf.message import Message  # type: ignore[import-untyped]
from streamlit.proto.ForwardMsg_pb2 import ForwardMsg

# Drawn at random for a callable, how long things took, and a hash over all of it.
RANDOM_FIELDS = {
    ("DownloadButton", "deferred_file_id"),
    ("ForwardMsg", "page_profile"),
    ("ForwardMsg", "hash"),
}


def comparable(messages: Iterable[ForwardMsg]) -> list[ForwardMsg]:
    """Copies without exactly `RANDOM_FIELDS`; what holds nothing else is left out."""
    kept = []
    for message in messages:
        if message.WhichOneof("type") == "page_profile":
            continue
        copy = ForwardMsg()
        copy.CopyFrom(message)
        _clear(copy)
        kept.append(copy)
    return kept


def _clear(message: Message) -> None:
    for field, value in message.ListFields():
        if (message.DESCRIPTOR.name, field.name) in RANDOM_FIELDS:
            message.ClearField(field.name)
        elif field.message_type is not None:
            for part in _parts(value):
                _clear(part)


def _parts(value: Any) -> list[Message]:
    if isinstance(value, Message):
        return [value]
    values = value.values() if hasattr(value, "values") else value
    return [part for part in values if isinstance(part, Message)]
