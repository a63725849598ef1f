"""What is checked?"""

import polars as pl
import streamlit as st

from data_validation.catalogue import catalogue
from display.page import header
from display.tables import listed
from display.text import plain
from exhibits.parts.words import counted

board = header("Checks", "What is checked?")
found = board.ask("findings/by_check").select("check", "standing")
rules = (
    pl.DataFrame(
        [
            {
                "check": rule.id,
                "domain": rule.domain,
                "kind": rule.kind.value,
                "severity": rule.severity.value,
                "sentence": rule.sentence,
                "why": rule.why,
                "sealed": "sealed" if rule.sealed else "open",
            }
            for rule in catalogue().values()
        ]
    )
    .join(found, on="check", how="left", maintain_order="left")
    # Where sealed findings are not seen, 0 would say that a sealed check found nothing.
    .with_columns(
        pl.when((pl.col("sealed") == "open") | board.has_sealed_records)
        .then(pl.col("standing").fill_null(0))
        .alias("standing")
    )
    .select("check", "domain", "kind", "severity", "standing", "sentence", "why", "sealed")
)
st.caption(
    plain(
        f"{rules.height} checks."
        + (
            ""
            if board.has_sealed_records
            else " What sealed checks find is for those who may see sealed data; here it is not "
            "counted."
        )
    )
)
with st.container(horizontal=True):
    words = st.text_input("Search", placeholder="a check, a field or a word", width=320)
    domains = st.multiselect(
        "Dataset", rules["domain"].unique(maintain_order=True).to_list(), width=240
    )
    kinds = st.multiselect("Kind", rules["kind"].unique().sort().to_list(), width=240)
shown = rules.filter(
    pl.any_horizontal(
        pl.col(name).str.to_lowercase().str.contains(words.lower(), literal=True)
        for name in ("check", "sentence", "why")
    ),
    pl.col("domain").is_in(domains) if domains else pl.lit(True),
    pl.col("kind").is_in(kinds) if kinds else pl.lit(True),
)
st.caption(plain(f"{counted(shown.height, 'check')} of {rules.height}"))
listed(
    shown,
    {},
    "The catalogue of checks",
    height=640,
    row_height=72,  # from here on the text is wrapped
    column_config={
        "check": st.column_config.TextColumn("Check", width="medium"),
        "domain": st.column_config.TextColumn("Dataset", width="small"),
        "kind": st.column_config.TextColumn("Kind", width="small"),
        "severity": st.column_config.TextColumn("Severity", width="small"),
        "sentence": st.column_config.TextColumn("A finding means", width="large"),
        "why": st.column_config.TextColumn("Why", width="large"),
        "sealed": st.column_config.TextColumn("Findings are", width="small"),
        "standing": st.column_config.NumberColumn(
            "Standing", width="small", format="localized", help="Findings that stand now"
        ),
    },
)
