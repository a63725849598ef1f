"""The pace of one socket: what it sends waits in a short queue, and the queue ends with it."""

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, MutableMapping
from contextlib import suppress
from time import monotonic
from typing import Any

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]

# Somebody at a browser sends a few messages a second, and now and then a handful at once.
AT_ONCE, PER_SECOND = 30, 10.0
MOST_WAITING, MOST_WAITING_BYTES = 60, 8 * 1024**2


class TooMuchError(Exception):
    """A socket has sent more than may wait."""


class Pace:
    """Gives out what a socket sends, `AT_ONCE` messages and then `PER_SECOND`.

    It is read all the time, so that its end is seen at once, and then nothing waits any more.
    """

    def __init__(self, receive: Receive) -> None:
        """Pace what `receive` gives."""
        self._receive = receive
        self._waiting: deque[Message] = deque()
        self._bytes = 0
        self._end: Message | None = None
        self._too_much = False
        self._came = asyncio.Event()
        self._left, self._at = float(AT_ONCE), monotonic()
        self._reader = asyncio.create_task(self._read())

    async def receive(self) -> Message:
        """The next message, when it is due; the end of the socket as soon as it is there.

        Raises:
            TooMuchError: more came than may wait.
        """
        while True:
            if self._too_much:
                raise TooMuchError
            if self._end is not None:
                return self._end
            if self._waiting and (pause := self._pause()) == 0:
                self._left -= 1
                message = self._waiting.popleft()
                self._bytes -= _size(message)
                return message
            self._came.clear()
            with suppress(TimeoutError):
                # Without a pause there is nothing to be given out: only what comes ends the wait.
                await asyncio.wait_for(self._came.wait(), pause if self._waiting else None)

    async def stop(self) -> None:
        """Read no more."""
        self._reader.cancel()
        with suppress(asyncio.CancelledError):
            await self._reader

    def _pause(self) -> float:
        """Seconds until the next message is due."""
        now = monotonic()
        self._left = min(AT_ONCE, self._left + (now - self._at) * PER_SECOND)
        self._at = now
        return 0 if self._left >= 1 else (1 - self._left) / PER_SECOND

    async def _read(self) -> None:
        while self._end is None and not self._too_much:
            message = await self._receive()
            if message["type"] == "websocket.disconnect":
                self._end = message
            else:
                self._waiting.append(message)
                self._bytes += _size(message)
                self._too_much = (
                    len(self._waiting) > MOST_WAITING or self._bytes > MOST_WAITING_BYTES
                )
            if self._end is not None or self._too_much:
                self._waiting.clear()
            self._came.set()


def _size(message: Message) -> int:
    return len(message.get("bytes") or message.get("text") or "")
