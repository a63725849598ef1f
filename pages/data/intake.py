"""What was loaded?"""

import polars as pl
import streamlit as st

from display.page import header
from display.tables import listed
from display.text import plain
from exhibits.intake import CHANGES, FACTS, TOTALS, control_totals, facts
from exhibits.parts.words import counted
from queries import differences, history, last_refusal

board = header("Intake", "What was loaded?")
refused = last_refusal(board)
if refused is not None:
    st.error(
        plain(
            f"The last load was refused on {refused.at} (UTC): "
            f"{counted(refused.findings.get('critical', 0), 'open critical finding')}. "
            "The snapshot shown is the one before. Mend the extract and load it again."
        ),
        icon=":material/block:",
    )
    if refused.critical:
        listed(
            pl.DataFrame(refused.critical, infer_schema_length=None),
            {"message": "Finding"},
            "Critical findings of the load that was refused",
            widths={"message": "large"},
        )

st.subheader("Snapshots", anchor=False)
snapshots = history(board)
listed(
    snapshots,
    {"data_cutoff": "Data cut-off", "loaded_at": "Loaded (UTC)"},
    "Every snapshot of this trial, the latest first",
)

others = snapshots.filter(pl.col("snapshot") != str(board.snapshot.id))["snapshot"].to_list()
# Comparing reads all of both, so it is done when it is asked for.
if others and st.toggle("Compare with another snapshot"):
    st.subheader("What changed", anchor=False)
    # The one behind it in the list was loaded before it; from the first one, look forward.
    place = snapshots["snapshot"].index_of(str(board.snapshot.id)) or 0
    before = st.selectbox("Against snapshot", others, index=min(place, len(others) - 1), width=240)
    changed = differences(board, before)
    st.caption(
        plain(
            f"{counted(changed.height, 'kind')} of open records differ. A record is changed where "
            "a value differs; what became of findings is on their own page."
            if changed.height
            else "The open records of the two are the same."
        )
    )
    if changed.height:
        listed(
            changed.with_columns(pl.col("relation").str.replace_all("_", " ", literal=True)),
            CHANGES,
            "How the open records of the two snapshots differ",
            widths={"values": "large"},
        )

facts_of_trial = facts(board)
if facts_of_trial.height:
    st.subheader("What the pages stand on", anchor=False)
    st.caption(
        "Decided once when the extract was loaded, from one source for the whole trial. What the "
        "extract does not record is said on every page that would count it."
    )
    listed(
        facts_of_trial,
        FACTS,
        "The facts that pages stand on",
        widths={"source": "large"},
        height="content",
    )

st.subheader(f"Control totals of {board.snapshot.id}", anchor=False)
st.caption(
    "Rows of the open part, counted when read and again in the stored file; a load in which the "
    "two differ fails. The totals of sealed rows lie in the sealed file."
)
listed(control_totals(board), TOTALS, "Control totals of this snapshot", height="content")

if board.has_sealed_records:
    st.subheader("Sealed part", anchor=False)
    totals = board.ask("intake/control_totals")
    st.caption("Rows of every file, read and stored; a load in which the two differ fails.")
    labels = {"rows_open": "Open", "rows_sealed": "Sealed"}
    listed(totals, labels, "Rows of every file")
    unexpected = board.ask("intake/sealed_unexpectedly")
    if unexpected.height:
        st.caption("Sealed because no fact names it. Should the trial's definition know of it?")
        listed(unexpected, {}, "Sealed unexpectedly")
    remarks = board.ask("intake/reading_remarks")
    if remarks.height:
        st.caption("How files were read, and what was left aside.")
        listed(remarks, {}, "Remarks on how files were read")

with st.expander("Versions"):
    manifest = board.snapshot.manifest
    st.caption(plain(", ".join(f"{name} {number}" for name, number in manifest.versions.items())))
    st.caption(plain(f"Canonical digest of the open store: {manifest.digest}"))
