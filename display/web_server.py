"""What Streamlit's web server is told, and what only it can tell: the guard does not know it."""

import json
import logging
import os
import signal
import threading
from collections.abc import Mapping
from types import FrameType

import streamlit as st
from streamlit import net_util
from streamlit.auth_util import get_origin_from_redirect_uri
from streamlit.runtime.scriptrunner import get_script_run_ctx
from streamlit.web.server.starlette.starlette_server_config import USER_COOKIE_NAME
from streamlit.web.server.starlette.starlette_websocket import _get_signed_cookie_with_chunks

from access.guard import LOOPBACK, Guard, browser_of, refusal
from access.sign_in import end_sign_in as end_claims

# Seconds from the signal to end until the process does, whatever still runs in it.
END_WITHIN = 8.0
# It names sessions, of windows that are taken up again.
_NAMES_SESSIONS = "streamlit.runtime.websocket_session_manager"


def call_nobody() -> None:
    """Have Streamlit ask no other machine under which address this one is seen.

    It asks when a page of an unknown origin wants a socket, and answers nobody for two seconds.
    """
    net_util._internal_ip = net_util._external_ip = "127.0.0.1"


def say_no_session() -> None:
    """Keep the names of sessions out of the log, and what the web server says when all is well."""
    manager = logging.getLogger(_NAMES_SESSIONS)
    manager.addFilter(lambda record: record.levelno > logging.WARNING)
    logging.getLogger("uvicorn.error").setLevel(logging.WARNING)


def public_origin(identity: str) -> str | None:
    """The origin under which people reach the dashboard; None where only this machine may.

    Args:
        identity: how people sign in, see `settings.Settings`.
    """
    return get_origin_from_redirect_uri() if identity == "oidc" else None


def end_sign_in(cookies: Mapping[str, str]) -> None:
    """End the sign-in that a browser's cookies hold, if they hold one."""
    claims = _get_signed_cookie_with_chunks(dict(cookies), USER_COOKIE_NAME)
    if claims is not None:
        end_claims(json.loads(claims))


def end_in_time() -> None:
    """On SIGTERM, end within `END_WITHIN` seconds, though somebody's page is still being drawn.

    To be called in the main thread when the web server listens to signals already.
    """
    before = signal.getsignal(signal.SIGTERM)

    def end(number: int, frame: FrameType | None) -> None:
        last = threading.Timer(END_WITHIN, os._exit, (0,))
        last.daemon = True
        last.start()
        if callable(before):
            before(number, frame)

    signal.signal(signal.SIGTERM, end)


def this_window() -> str:
    """What the web server calls this window; empty where there is no server."""
    context = get_script_run_ctx()
    return context.session_id if context else ""


def this_browser() -> str:
    """The name that the guard gave the browser of this window; empty without one."""
    return browser_of(st.context.cookies) if _headers() else ""


def _headers() -> dict[str, str]:
    """Those of this window's handshake, by lower-case name; none where nobody is there.

    So the server asks itself whether it is ready.
    """
    return {name.lower(): value for name, value in st.context.headers.items()}


def not_answered(identity: str) -> str:
    """Why this window is shown nothing, whatever stands before the web server; empty if it is.

    Args:
        identity: how people sign in, see `settings.Settings`.
    """
    if identity == "demonstration" and st.get_option("server.address") not in LOOPBACK:
        return "The demonstration sign-in works on this machine's loopback address only."
    if not (headers := _headers()):
        return ""
    if not Guard.stands and identity != "demonstration":
        return (
            "Only the demonstration is shown without the guard before the web server. "
            "Start it with: streamlit run server.py"
        )
    scheme = "https" if st.get_option("server.sslCertFile") else "http"
    return refusal(headers, scheme, public_origin(identity))
