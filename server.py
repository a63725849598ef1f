"""What the web server runs: the dashboard, behind its guard (`streamlit run server.py`)."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import cache

import streamlit as st
from starlette.middleware import Middleware

from access.guard import Guard
from access.takeover import WINDOWS
from display.warm_up import keep_program
from display.web_server import (
    call_nobody,
    end_in_time,
    end_sign_in,
    public_origin,
    say_no_session,
)
from settings import SettingsError, read_settings


@cache
def public() -> str | None:
    """The origin under which people reach the dashboard; None where only this machine may."""
    try:
        return public_origin(read_settings().identity)
    except SettingsError:
        # The page says what is wrong with them.
        return None


@asynccontextmanager
async def serving(_: st.App) -> AsyncIterator[None]:
    """From the start of the web server to its end."""
    end_in_time()
    keep_program()
    yield


call_nobody()
say_no_session()
app = st.App(
    "dashboard.py",
    lifespan=serving,
    middleware=[
        Middleware(
            Guard, public=public, end_sign_in=end_sign_in, may_take_over=WINDOWS.may_take_over
        )
    ],
)
