"""The menu in the sidebar: the pages that a role has."""

import streamlit as st
from streamlit.navigation.page import Page

from access import Identity, pages_of
from access.menu import MENU


def menu(identity: Identity | None) -> Page:
    """The role's pages; before sign-in all addresses are known, and none is run."""
    # The default page has no address of its own; so it is none of these, and theirs can be linked.
    root = st.Page(lambda: None, title="Start", url_path="start", default=True, visibility="hidden")
    groups: dict[str, list[Page]] = {"": [root]}
    for page in map(MENU.__getitem__, pages_of(identity.role) if identity else MENU):
        groups.setdefault(page.group, []).append(
            st.Page(page.file, title=page.title, icon=page.icon, url_path=page.id)
        )
    return st.navigation(groups, position="sidebar" if identity else "hidden", expanded=True)
