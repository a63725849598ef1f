"""What a server imports whole before it draws for anybody."""

import gc
from importlib import import_module
from threading import Lock

from display.web_server import call_nobody

_ONE_AT_A_TIME = Lock()


def warm_up() -> None:
    """Import pandas, then what draws; whoever comes meanwhile waits.

    Plotly looks for pandas among the modules and takes it as it is: a session that draws while
    another one is still importing it would end in an `AttributeError`.
    """
    call_nobody()
    with _ONE_AT_A_TIME:
        for module in ("pandas", "plotly.basedatatypes", "polars"):
            import_module(module)


def keep_program() -> None:
    """Import what pages are drawn with, and have it no longer looked through for garbage.

    Streamlit has everything looked through after each run; nobody else is drawn for meanwhile.
    """
    warm_up()
    for module in ("display.closed_session", "display.page", "display.sign_in", "exhibits"):
        import_module(module)
    gc.collect()
    gc.freeze()
