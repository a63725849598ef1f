"""Has a Python process write down every name that it looks up and every address it connects to.

Python imports it by itself where this folder is in PYTHONPATH; RECORD_FILE says where it goes.
"""

import os
import sys

_PLACE_OF_ADDRESS = {
    "socket.getaddrinfo": 0, "socket.gethostbyname": 0, "socket.connect": 1, "socket.sendto": 1,
}  # fmt: skip
_RECORD = os.open(os.environ["RECORD_FILE"], os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)


def _record(event: str, arguments: tuple[object, ...]) -> None:
    place = _PLACE_OF_ADDRESS.get(event)
    if place is not None:
        os.write(_RECORD, f"{event} {arguments[place]}\n".encode())


sys.addaudithook(_record)
