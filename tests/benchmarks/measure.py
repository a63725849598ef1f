"""`make bench`: how long people wait, how much memory it takes; written to docs/benchmarks.md.

Every number is the median of five, each beside the least and the most. What is compared is measured
in turns, so that a machine that is busy for a while is busy for both.
"""

import argparse
import json
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from threading import Thread
from time import perf_counter
from typing import NamedTuple

import polars as pl
import psutil
from playwright.sync_api import Browser, Page

from access import Action, Grant, Role, View, command_line_identity, decide, pages_of
from access.audit_key import manifest_key, new_audit_key
from access.entries import command_line_actor
from access.policy import issue_closed_session
from access.trail import open_trail
from queries import open_board
from snapshots import Store
from tests.benchmarks.large_extract import events_again, large_frames, write_large
from tests.browser.chromium import launched
from tests.browser.dashboard_server import CHECKOUT, Server, running
from tests.browser.visitor import DRAWN_CHART, MENU_LINK, NAMES, PAGES, PATIENCE
from tests.browser.whole_page import question_of
from trials import load_trial

REPORT = CHECKOUT / "docs" / "benchmarks.md"
BARE_APP = Path(__file__).parent / "bare_app.py"
REPETITIONS = 5
TRIAL = "nct05689008"
PARTICIPANTS = 60
MEGABYTE = 1024**2


@dataclass(frozen=True)
class Target:
    """What is measured, and what it may come to at most.

    Attributes:
        why_missed: what is known about it, said if the target is missed.
    """

    name: str
    unit: str
    most: float | None = None
    why_missed: str = ""

    def line(self, values: list[float]) -> str:
        """One row of the report: the target, the median, the least and the most."""
        middle = statistics.median(values)
        digits = 0 if self.unit == "MB" else 2
        limit, verdict = "", ""
        if self.most is not None:
            limit = f"≤ {self.most:g} {self.unit}"
            verdict = "met" if middle <= self.most else "**missed**"
        return (
            f"| {self.name} | {middle:.{digits}f} {self.unit} "
            f"| {min(values):.{digits}f}–{max(values):.{digits}f} | {limit} | {verdict} |"
        )

    def is_missed(self, values: list[float]) -> bool:
        """Whether the median is above what the target allows."""
        return self.most is not None and statistics.median(values) > self.most


FIRST_PAGE = Target(
    "Process start to the first page, all of the overview, signed in by one click as board member",
    "s",
    6.0,
    "most of it is Streamlit's own start and the browser's loading of its program, which the bare "
    "app has too",
)
BARE_CHART = Target("Process start to the first chart of a bare Streamlit app", "s")
BEYOND = Target(
    "The difference between the two, turn by turn",
    "s",
    1.2,
    "the first visit imports what the dashboard works with, most of it scipy.special, polars and "
    "numpy, and the overview asks what every page has to say",
)
SWITCH = Target(
    "Page switch: click in the menu to the last chart of the new page",
    "s",
    0.9,
    "Streamlit draws a page's elements one after the other",
)
LOAD = Target(
    f"Load of an extract of {PARTICIPANTS} participants into a new store, whole process",
    "s",
    4.0,
    "half of it is the start of Python and its libraries",
)
IMPORT = Target("Processor time of `import exhibits`, whole process", "CPU s", 0.8)
SHOW = Target("Processor time of `python -m exhibits show` of one number", "CPU s", 1.6)
MEMORY = Target(
    "Memory of the server (RSS) with one session that has visited every page",
    "MB",
    300,
    "the libraries that the data needs (polars, DuckDB, pyarrow, scipy) come on top of Streamlit's",
)
AUDIT = Target(
    "Audit write on SQLite",
    "ms",
    5.0,
    "every row waits for the disk",
)
DECIDE = Target("A decision of the policy", "ms", 5.0)
VIEW = Target(
    "Opening a comparative view that somebody else has open: decision, Board, first question",
    "ms",
    5.0,
    "the view's SQL is bound again for every Board",
)
SIGN_IN = Target(
    "Sign-in to the first page, on a server that has been used: one click to the first exhibit",
    "s",
    2.0,
    "the browser has to draw the whole page first",
)
CHECK_LARGE = Target(
    "Check of LB, 1,000,000 rows × 24 columns, from Parquet, whole process",
    "s",
    2.0,
    "all is checked twice, once on open records only and once on all records, and each of the two "
    "makes the relations that a check by baseline needs; what depends on a text alone is worked "
    "out once for each distinct text, but rows are still joined, sorted and counted by subject",
)
CHECK_MEMORY = Target(
    "Memory of that check at its peak (RSS)",
    "MB",
    1200,
    "the extract as received, the open records and all records are in memory side by side",
)
CHECK_TENTH = Target("Check of LB, 100,000 rows, the same way", "s")
LOAD_LARGE = Target(
    "Load of that LB and of AE, 100,000 rows, from CSV, whole process",
    "s",
    12.0,
    "all is assessed twice, on open records and on all, and every value becomes text once more for "
    "the digest",
)
LOAD_CPU = Target(
    "Processor time of that load",
    "CPU s",
    15.0,
    "all is assessed twice, on open records and on all, and every value becomes text once more for "
    "the digest",
)
LOAD_MEMORY = Target(
    "Memory of that load at its peak (RSS)",
    "MB",
    2500,
    "the extract as received, the open records and all records are in memory side by side, and "
    "DuckDB's own while it writes",
)
FINDINGS = Target(
    "The findings page with 100,000 findings: click in the menu to its last chart and table",
    "s",
    1.0,
    "Streamlit draws a page's elements one after the other",
)
RERUN = Target(
    "Page rerun: a filter chosen, to the last of the four charts of the laboratory's course",
    "s",
    0.9,
    "Streamlit draws a page's elements one after the other",
)
FRAGMENT = Target("Rerun of a fragment: a table behind a chart unfolded, to the table", "s", 0.45)
PROFILE = Target("The exhibits of one participant, all together", "s", 0.2)
SIMULATE = Target(
    "Simulation of 100,000 participants at 500 sites, to Parquet, whole process", "s", 180
)
SIMULATE_MEMORY = Target("Memory of that simulation at its peak (RSS)", "MB", 4096)
EVENTS_LARGE = Target(
    "The slowest exhibit of those events",
    "s",
    0.6,
    "the listings bring every row out of the database, though a page shows the first thousand, and "
    "what supports each case of special interest is looked up for all of them",
)
EVENTS_TERMS = Target(
    "Body systems and terms of those events, with the differences of the arms",
    "s",
    0.6,
    "every person is counted once in each of their terms and body systems, and the two groupings "
    "of a million events are most of it",
)
EVENTS_OVERVIEW = Target(
    "Overview of adverse events, coded view, 100,000 participants with 1,000,000 events",
    "s",
    0.6,
    "a million events are grouped by kind, arm and person, on two processors",
)
EVENTS_MEMORY = Target(
    "Memory of a process that has made all exhibits of those events, at its peak (RSS)",
    "MB",
    600,
    "the events as questions begin with them are kept in memory, and the listings hold every row",
)
OPENED_FIRST = Target(
    "First opening of that snapshot in a process, coded view, files held against digests",
    "s",
    2,
)
OPENED_AGAIN = Target("Opening it again", "ms", 5)
PROFILE_LARGE = Target("The exhibits of one of those participants, all together", "s", 0.2)
EVIDENCE = Target(
    "The slowest exhibit of balance, oxygenation, immune markers and survival, coded view",
    "s",
    0.05,
    "a question is planned and bound for the first time, which takes longer than to answer it",
)
EVIDENCE_MODELS = Target("The slowest of these that fits a model or tests ranks", "s", 0.3)
EVIDENCE_LARGE = Target(
    "The slowest of both for 100,000 screened participants with 3.6 million laboratory rows",
    "s",
    1.0,
    "what became of everybody on each planned day is asked of the database first, which takes "
    "longer than the mixed model of it, on two processors",
)
EVIDENCE_MEMORY = Target(
    "Memory of a process that has made all of them, at its peak (RSS)",
    "MB",
    1000,
    "the results as questions begin with them, and a row a participant and day for the models",
)
FACTS = Target(
    "The facts of these participants, open and sealed, within their check",
    "s",
    2.0,
    "every dated record is looked through for the last contact, on two processors",
)
OVERVIEW = Target("The overview: click in the menu to the last of what it shows", "s", 1.0)
COMPARED = Target(
    "What changed between two snapshots of 100,000 participants with a million events: everything "
    "that the overview says of it",
    "s",
    10.0,
    "every value of every record of both snapshots is compared, and the estimates are made twice",
)
TARGETS = (
    FIRST_PAGE, BARE_CHART, BEYOND, SIGN_IN, SWITCH, OVERVIEW, RERUN, FRAGMENT, PROFILE, LOAD,
    IMPORT, SHOW, MEMORY, DECIDE, VIEW, AUDIT, CHECK_LARGE, CHECK_MEMORY, CHECK_TENTH, LOAD_LARGE,
    LOAD_CPU, LOAD_MEMORY, FINDINGS, SIMULATE, SIMULATE_MEMORY, EVENTS_OVERVIEW, EVENTS_TERMS,
    EVENTS_LARGE, EVENTS_MEMORY, OPENED_FIRST, OPENED_AGAIN, PROFILE_LARGE, COMPARED, EVIDENCE,
    EVIDENCE_MODELS, EVIDENCE_LARGE, EVIDENCE_MEMORY, FACTS,
)  # fmt: skip
EVENT_EXHIBITS = (
    "adverse_event_overview", "adverse_event_dots", "adverse_events_by_term",
    "event_incidence", "mean_event_count", "adverse_event_onset", "deaths", "serious_events",
    "all_events",
    "special_interest_overview", "special_interest_incidence", "special_interest_cases",
)  # fmt: skip
# Of one participant, who is chosen on the page.
PROFILE_EXHIBITS = (
    "participant_summary", "participant_course", "participant_events", "participant_findings",
)  # fmt: skip
CHANGE_EXHIBITS = (
    "changes_overview", "changes_listed", "changed_records", "changed_values", "changed_findings",
    "changed_conclusions",
)  # fmt: skip
EVIDENCE_EXHIBITS = (
    "baseline_characteristics", "love_plot", "eligibility_measures", "allocation_by_place",
    "running_imbalance", "oxygenation_ratio", "oxygenation_bands", "respiratory_support",
    "invasive_ventilation", "saturation_ratio", "oxygenation_change", "immune_markers",
    "immune_fold_change", "reported_symptoms", "mortality", "survival_curve", "discharge",
    "vital_status",
)  # fmt: skip
MODEL_EXHIBITS = (
    "oxygenation_composite", "who_scale", "ventilator_free", "oxygenation_adjusted",
    "oxygenation_delta", "immune_and_oxygenation",
)  # fmt: skip
# Of the laboratory, what these exhibits show; all of it takes more memory than a small machine has.
EVIDENCE_TESTS = ("PO2", "FIO2", "CRP", "INTLK6", "FERRITIN", "LYM")
SHOWN = "mortality"
DATA = ("-m", "data_validation")
# Of the large extracts, of which a part is loaded.
CUTOFF = "2023-08-31"
# Of events that come again after some days, and so after the data cut-off that was simulated.
LATER_CUTOFF = "2024-12-31"
LARGE_REPETITIONS = 3
TIMES = 200  # how often in a row what takes milliseconds is done


class Measured:
    """The values of each target, as they come."""

    def __init__(self) -> None:
        self.values: dict[Target, list[float]] = {target: [] for target in TARGETS}

    def add(self, target: Target, value: float) -> None:
        """Take a value, and say it."""
        self.values[target].append(value)
        print(f"{target.name}: {value:.2f} {target.unit}", flush=True)


def measure(repetitions: int) -> Measured:
    """Measure everything so many times."""
    measured = Measured()
    with tempfile.TemporaryDirectory() as name, launched() as browser:
        folder = Path(name)
        settings = demonstration(folder)
        extract = simulated_extract(folder)
        large_extracts(measured, settings, folder)
        for seconds in many_findings(browser, settings, folder, repetitions):
            measured.add(FINDINGS, seconds)
        many_participants(measured, settings, folder, repetitions)
        # Once without counting: byte code, the disk's cache and the browser's first page.
        first_page_of_dashboard(browser, settings, folder)
        first_chart_of_bare_app(browser, folder)
        for turn in range(repetitions):
            own = first_page_of_dashboard(browser, settings, folder)
            bare = first_chart_of_bare_app(browser, folder)
            measured.add(FIRST_PAGE, own)
            measured.add(BARE_CHART, bare)
            measured.add(BEYOND, own - bare)
            measured.add(LOAD, load(extract, settings, folder / f"store-{turn}"))
            measured.add(IMPORT, watched("-c", "import exhibits", settings={}).processor)
            shown = watched("-m", "exhibits", "show", SHOWN, "--trial", TRIAL, settings=settings)
            measured.add(SHOW, shown.processor)
            sign_in_time, switch, overview, memory = a_session(browser, settings, folder)
            measured.add(SIGN_IN, sign_in_time)
            measured.add(SWITCH, switch)
            measured.add(OVERVIEW, overview)
            measured.add(MEMORY, memory)
            rerun, fragment = a_review(browser, settings, folder)
            measured.add(RERUN, rerun)
            measured.add(FRAGMENT, fragment)
            profile = timed_exhibits(PROFILE_EXHIBITS, settings).seconds
            measured.add(PROFILE, sum(profile.values()))
            for target, names in ((EVIDENCE, EVIDENCE_EXHIBITS), (EVIDENCE_MODELS, MODEL_EXHIBITS)):
                taken = timed_exhibits(names, settings).seconds
                measured.add(target, max(taken.values()))
            decision, view = a_view(settings)
            measured.add(DECIDE, decision)
            measured.add(VIEW, view)
            measured.add(AUDIT, audit_write(folder / f"trail-{turn}"))
    return measured


def demonstration(folder: Path) -> dict[str, str]:
    """A store as `make run` has it; returns the settings of a server that shows it."""
    settings = {
        "DSMB_STORE": str(folder / "store"),
        "DSMB_RECORDS_URL": f"sqlite:///{folder}/records.db",
        "DSMB_IDENTITY": "demonstration",
    }
    command("data_validation", "demonstration", settings=settings)
    keys = folder / "demonstration-keys"
    settings["DSMB_BOARD_PUBLIC_KEY_FILE"] = str(keys / "board_public.key")
    settings["DSMB_BOARD_PRIVATE_KEY_FILE"] = str(keys / "board_private.key")
    settings["DSMB_AUDIT_KEY_FILE"] = str(keys / "audit.key")
    return settings


def simulated_extract(folder: Path) -> Path:
    """The whole trial, all participants, as CSV."""
    extract = folder / "extract"
    command(
        *("data_validation", "simulate", "--trial", TRIAL, "--out", str(extract)),
        *("--participants", str(PARTICIPANTS)),
        settings={},
    )
    return extract


def command(module: str, *arguments: str, settings: dict[str, str]) -> float:
    """Run `python -m module`; returns the seconds from start to end of the process."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("DSMB_")}
    start = perf_counter()
    done = subprocess.run(
        [sys.executable, "-m", module, *arguments],
        cwd=CHECKOUT,
        env=inherited | settings,
        capture_output=True,
        text=True,
        check=False,
    )
    seconds = perf_counter() - start
    if done.returncode != 0:
        raise SystemExit(f"python -m {module} {arguments[0]} failed: {done.stdout}{done.stderr}")
    return seconds


def load(extract: Path, settings: dict[str, str], store: Path) -> float:
    """Seconds to load the extract into a store that is not there yet."""
    new = settings | {"DSMB_STORE": str(store)}
    return command("data_validation", "load", str(extract), "--trial", TRIAL, settings=new)


def load_with_later(extract: Path, settings: dict[str, str]) -> None:
    """Load an extract whose events come again after the data cut-off that was simulated."""
    arguments = ("load", str(extract), "--trial", TRIAL, "--cutoff", LATER_CUTOFF)
    command("data_validation", *arguments, settings=settings)


def large_extracts(measured: Measured, settings: dict[str, str], folder: Path) -> None:
    """Check and load many rows: seconds and the peak of memory of each process."""
    frames = large_frames(TRIAL, 1_000_000, event_rows=100_000)
    laboratory = {name: frame for name, frame in frames.items() if name != "ae"}
    tenth = laboratory | {"lb": laboratory["lb"].head(100_000)}
    parquet = write_large(laboratory, folder / "large", "parquet")
    small = write_large(tenth, folder / "tenth", "parquet")
    csv = write_large(frames, folder / "large-csv", "csv")
    del frames, laboratory, tenth
    for turn in range(LARGE_REPETITIONS):
        for extract, target in ((parquet, CHECK_LARGE), (small, CHECK_TENTH)):
            check = watched(*DATA, "check", str(extract), "--trial", TRIAL, settings=settings)
            measured.add(target, check.seconds)
            if extract is parquet:
                measured.add(CHECK_MEMORY, check.peak)
        new = settings | {"DSMB_STORE": str(folder / f"large-store-{turn}")}
        at_cutoff = ("--trial", TRIAL, "--cutoff", CUTOFF)
        load_large = watched(*DATA, "load", str(csv), *at_cutoff, settings=new)
        measured.add(LOAD_LARGE, load_large.seconds)
        measured.add(LOAD_CPU, load_large.processor)
        measured.add(LOAD_MEMORY, load_large.peak)
        shutil.rmtree(folder / f"large-store-{turn}")


def many_participants(
    measured: Measured, settings: dict[str, str], folder: Path, repetitions: int
) -> None:
    """Simulate 100,000 participants, and look at a million adverse events of theirs."""
    extract = folder / "many"
    simulation = watched(
        *(*DATA, "simulate", "--trial", TRIAL, "--out", str(extract), "--format", "parquet"),
        *("--participants", "100000", "--sites", "500"),
        settings={},
    )
    measured.add(SIMULATE, simulation.seconds)
    measured.add(SIMULATE_MEMORY, simulation.peak)
    evidence_of_many(measured, settings, extract, folder / "evidence-store", repetitions)
    for file in extract.glob("*.parquet"):
        if file.stem not in ("dm", "ds", "ae", "randomization", "simulation"):
            file.unlink()
    file = extract / "ae.parquet"
    events = events_again(pl.read_parquet(file), 1_000_000)
    new = settings | {"DSMB_STORE": str(folder / "many-store")}
    for rows in (950_000, 1_000_000):
        events.head(rows).write_parquet(file)
        load_with_later(extract, new)
    del events
    shutil.rmtree(extract)
    for _ in range(repetitions):
        taken, peak, openings = timed_exhibits(EVENT_EXHIBITS, new)
        measured.add(OPENED_FIRST, openings[0])
        measured.add(OPENED_AGAIN, openings[1] * 1000)
        slowest = max(taken, key=taken.__getitem__)
        print(f"The slowest was {slowest}.")
        measured.add(EVENTS_OVERVIEW, taken["adverse_event_overview"])
        measured.add(EVENTS_TERMS, taken["adverse_event_dots"])
        measured.add(EVENTS_LARGE, taken[slowest])
        measured.add(EVENTS_MEMORY, peak)
        profile = timed_exhibits(PROFILE_EXHIBITS, new).seconds
        measured.add(PROFILE_LARGE, sum(profile.values()))
        changes = timed_exhibits(CHANGE_EXHIBITS, new).seconds
        print(", ".join(f"{name} {seconds:.2f}" for name, seconds in changes.items()))
        measured.add(COMPARED, sum(changes.values()))


def evidence_of_many(
    measured: Measured, settings: dict[str, str], extract: Path, store: Path, repetitions: int
) -> None:
    """Load these participants with part of their laboratory, and look at them."""
    laboratory = extract / "lb.parquet"
    rows = pl.read_parquet(laboratory)
    rows.filter(pl.col("LBTESTCD").is_in(EVIDENCE_TESTS)).write_parquet(laboratory)
    del rows
    for _ in range(LARGE_REPETITIONS):
        facts = [sys.executable, "-m", "tests.benchmarks.timed_facts", str(extract), TRIAL]
        done = subprocess.run(facts, cwd=CHECKOUT, capture_output=True, text=True, check=True)
        measured.add(FACTS, float(done.stdout))
    new = settings | {"DSMB_STORE": str(store)}
    command("data_validation", "load", str(extract), "--trial", TRIAL, settings=new)
    for _ in range(repetitions):
        taken, peak, _ = timed_exhibits((*EVIDENCE_EXHIBITS, *MODEL_EXHIBITS), new)
        slowest = max(taken, key=taken.__getitem__)
        print(f"The slowest was {slowest}.")
        measured.add(EVIDENCE_LARGE, taken[slowest])
        measured.add(EVIDENCE_MEMORY, peak)
    shutil.rmtree(store)


class Timed(NamedTuple):
    """Seconds of each exhibit, MB of the process at its peak, seconds of the first two openings."""

    seconds: dict[str, float]
    peak: float
    openings: tuple[float, ...]


def timed_exhibits(names: Iterable[str], settings: dict[str, str]) -> Timed:
    """Exhibits in the coded view, each made once."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("DSMB_")}
    done = subprocess.run(
        [sys.executable, "-m", "tests.benchmarks.timed_exhibits", TRIAL, View.CODED.word, *names],
        cwd=CHECKOUT,
        env=inherited | settings,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise SystemExit(f"exhibits could not be timed: {done.stderr}")
    answer = json.loads(done.stdout)
    return Timed(answer["seconds"], answer["peak"], tuple(answer["openings"]))


@dataclass(frozen=True)
class Cost:
    """What a process took: seconds, seconds of processors (user and system), MB at its peak."""

    seconds: float
    processor: float
    peak: float


def watched(*arguments: str, settings: dict[str, str]) -> Cost:
    """Run Python with these arguments, and see what it takes.

    The command runs below a process of its own, as only that one's largest child is remembered.
    """
    program = (
        "import resource, subprocess, sys;"
        "code = subprocess.run(sys.argv[1:], stdout=subprocess.DEVNULL).returncode;"
        "used = resource.getrusage(resource.RUSAGE_CHILDREN);"
        "print(used.ru_utime + used.ru_stime, used.ru_maxrss); sys.exit(code)"
    )
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("DSMB_")}
    start = perf_counter()
    done = subprocess.run(
        [sys.executable, "-c", program, sys.executable, *arguments],
        cwd=CHECKOUT,
        env=inherited | settings,
        capture_output=True,
        text=True,
        check=False,
    )
    seconds = perf_counter() - start
    if done.returncode != 0:
        raise SystemExit(f"python {' '.join(arguments)} failed: {done.stderr}")
    processor, kilobytes = done.stdout.split()
    peak = int(kilobytes) / (1024 if sys.platform == "linux" else MEGABYTE)
    return Cost(seconds, float(processor), peak)


def many_findings(
    browser: Browser, settings: dict[str, str], folder: Path, repetitions: int
) -> list[float]:
    """Seconds of so many switches to the findings page; the events of the extract are faulty."""
    frames = large_frames(TRIAL, 20_000, event_rows=100_000)
    frames["ae"] = frames["ae"].with_columns(pl.lit(None, pl.String).alias("AESER"))
    extract = write_large(frames, folder / "faulty", "parquet")
    new = settings | {"DSMB_STORE": str(folder / "faulty-store")}
    load_with_later(extract, new)
    with running(new, folder / "stderr") as server, a_page(browser) as page:
        page.goto(server.url)
        page.get_by_role("button", name=NAMES[Role.DATA_MANAGER]).click()
        taken = []
        for _ in range(repetitions + 1):
            switch_to(page, "data-checks")
            start = perf_counter()
            switch_to(page, "data-findings")
            page.locator("[data-testid='stDataFrame'] canvas").first.wait_for()
            taken.append(perf_counter() - start)
        return taken[1:]  # the first one asks what nobody has asked before


def audit_write(folder: Path) -> float:
    """Milliseconds to append a row to an audit trail of its own: the median of many."""
    new_audit_key(folder / "audit.key")
    trail = open_trail(f"sqlite:///{folder}/records.db", folder / "audit.key", new=True)
    return milliseconds(
        lambda: trail.write("view opened", command_line_actor(), trial=TRIAL, view="coded")
    )


def a_view(settings: dict[str, str]) -> tuple[float, float]:
    """Milliseconds to decide, and to open a view that is open already."""
    trial = load_trial(TRIAL)
    store = Store(Path(settings["DSMB_STORE"]), manifest_key(Path(settings["DSMB_AUDIT_KEY_FILE"])))
    snapshot = store.trial(TRIAL).current()
    assert snapshot is not None
    key = Path(settings["DSMB_BOARD_PRIVATE_KEY_FILE"])
    person = command_line_identity()
    of = {"trial": TRIAL, "snapshot": str(snapshot.id)}
    closed = issue_closed_session(person, **of, view=View.CODED, reason="a measurement")

    def decided() -> Grant:
        grant = decide(person, Action.OPEN_VIEW, **of, view=View.CODED, closed=closed)  # type: ignore[arg-type]
        assert grant is not None
        return grant

    def opened() -> None:
        board = open_board(trial, snapshot, decided(), key)
        board.ask("arm_balance/allocation")
        board.close()

    held = open_board(trial, snapshot, decided(), key)
    measured = milliseconds(decided), milliseconds(opened)
    held.close()
    return measured


def milliseconds(act: Callable[[], object]) -> float:
    """The median of many times."""
    taken = []
    for _ in range(TIMES):
        start = perf_counter()
        act()
        taken.append(perf_counter() - start)
    return 1000 * statistics.median(taken)


@contextmanager
def a_page(browser: Browser) -> Iterator[Page]:
    """A window of its own, with nothing in its cache."""
    context = browser.new_context(viewport={"width": 1600, "height": 1000})
    context.set_default_timeout(PATIENCE)
    yield context.new_page()
    context.close()


def first_page_of_dashboard(browser: Browser, settings: dict[str, str], folder: Path) -> float:
    """Seconds from the start of the server's process to the whole first page in the browser."""
    start = perf_counter()
    with running(settings, folder / "stderr") as server, a_page(browser) as page:
        # `make run` asks whether the server is ready while the browser opens the page.
        asking = Thread(target=server.get_ready)
        asking.start()
        sign_in(page, server)
        elapsed = perf_counter() - start
        asking.join()
        return elapsed


def first_chart_of_bare_app(browser: Browser, folder: Path) -> float:
    """The same of an app that is one chart."""
    start = perf_counter()
    with running({}, folder / "stderr", BARE_APP) as server, a_page(browser) as page:
        page.goto(server.url)
        page.locator(DRAWN_CHART).first.wait_for()
        return perf_counter() - start


def sign_in(page: Page, server: Server) -> None:
    """Open the dashboard, sign in by one click as board member, wait for the whole first page."""
    page.goto(server.url)
    page.get_by_role("button", name=NAMES[Role.BOARD]).click()
    whole(page, pages_of(Role.BOARD)[0])


def a_session(
    browser: Browser, settings: dict[str, str], folder: Path
) -> tuple[float, float, float, float]:
    """Seconds of a sign-in, the slowest page switch and the overview; the server's memory in MB."""
    with running(settings, folder / "stderr") as server, a_page(browser) as page:
        page.goto(server.url)
        page.get_by_role("button", name=NAMES[Role.STATISTICIAN]).click()
        addresses = pages_of(Role.STATISTICIAN)
        for address in addresses:
            switch_to(page, address)
        taken = {address: switch_to(page, address) for address in addresses}
        memory = psutil.Process(server.process_id).memory_info().rss / MEGABYTE
        with a_page(browser) as later:
            later.goto(server.url)
            button = later.get_by_role("button", name=NAMES[Role.BOARD])
            button.wait_for()
            start = perf_counter()
            button.click()
            later.locator(".st-key-exhibit-trial_at_a_glance").wait_for()
            seconds = perf_counter() - start
            return seconds, max(taken.values()), taken["board-overview"], memory


def a_review(browser: Browser, settings: dict[str, str], folder: Path) -> tuple[float, float]:
    """Seconds from a filter chosen to the last chart, and from unfolding a table to the table."""
    with running(settings, folder / "stderr") as server, a_page(browser) as page:
        sign_in(page, server)
        switch_to(page, "board-laboratory")
        page.get_by_role("tab", name="Over time").click()
        last = page.locator(".st-key-exhibit-blood_count_trends")
        last.locator(DRAWN_CHART).wait_for()
        filtered = last.get_by_text("only women")
        page.get_by_role("button", name="Filters").click()
        for _ in range(2):  # the first one asks what nobody has asked before
            page.get_by_label("Sex", exact=True).click()
            start = perf_counter()
            page.get_by_role("option", name="Women").click()
            filtered.wait_for()
            drawn(page)
            rerun = perf_counter() - start
            page.get_by_label("Sex", exact=True).press("Backspace")
            filtered.wait_for(state="detached")
            drawn(page)
        page.keyboard.press("Escape")
        table = last.locator("[data-testid='stDataFrame'] canvas").first
        for _ in range(2):
            start = perf_counter()
            last.get_by_text("Numbers as a table").click()
            table.wait_for()
            fragment = perf_counter() - start
            last.get_by_text("Numbers as a table").click()
            table.wait_for(state="hidden")
            drawn(page)
        return rerun, fragment


def drawn(page: Page) -> None:
    """Wait until the server has finished and every chart is drawn."""
    page.locator("[data-testid='stApp'][data-test-script-state='notRunning']").wait_for()
    page.wait_for_function(
        "selector => [...document.querySelectorAll(selector)]"
        ".every(chart => chart.querySelector('.main-svg'))",
        arg="[data-testid='stPlotlyChart']",
    )


def switch_to(page: Page, address: str) -> float:
    """Seconds from the click on a page in the menu until its last chart is drawn."""
    link = page.locator(MENU_LINK).filter(has_text=PAGES[address].menu_title)
    start = perf_counter()
    link.click()
    page.locator(f"{MENU_LINK}[aria-current='page']").filter(
        has_text=PAGES[address].menu_title
    ).wait_for()
    whole(page, address)
    return perf_counter() - start


def whole(page: Page, address: str) -> None:
    """Wait until the server has begun a page, and everything on it is there and drawn."""
    page.get_by_text(question_of(address), exact=True).wait_for()
    drawn(page)


def machine() -> str:
    """What was measured on, in words."""
    names = [
        line.partition(":")[2].strip()
        for line in _lines(Path("/proc/cpuinfo"))
        if line.startswith("model name")
    ]
    memory = psutil.virtual_memory().total / 1024**3
    return (
        f"{names[0] if names else platform.processor() or platform.machine()}, "
        f"{os.cpu_count()} cores, {memory:.0f} GB memory; {platform.system()} "
        f"{platform.release()}; Python {platform.python_version()}"
    )


def _lines(file: Path) -> list[str]:
    return file.read_text("utf-8").splitlines() if file.exists() else []


def report(measured: Measured, repetitions: int) -> str:
    """The page for docs/."""
    rows = [target.line(values) for target, values in measured.values.items()]
    missed = [
        f"- {target.name}: missed, because {target.why_missed}."
        for target, values in measured.values.items()
        if target.is_missed(values)
    ]
    busy = os.getloadavg()[0]
    return "\n".join(
        [
            "# Benchmarks",
            "",
            "Written by `make bench`; do not edit.",
            "",
            f"- Date: {datetime.now(UTC).date().isoformat()}",
            f"- Machine: {machine()}",
            f"- Each number: median of {repetitions}, least–most beside it; "
            f"load average of the last minute {busy:.1f}",
            "",
            "| what | median | least–most | target | |",
            "|---|---|---|---|---|",
            *rows,
            "",
            *(missed or ["All targets are met."]),
            "",
            "The browser is running already when the time starts; its window is new, with an empty "
            "cache. Page switch is the slowest of all pages in a session, each visited before. The "
            "load reads CSV and writes a new store. Large extracts are measured "
            f"{LARGE_REPETITIONS} times; ten million rows are left out, as they take more memory "
            "than a small machine has. An audit write is itself the median of "
            f"{TIMES}, and so are the other milliseconds; each waits until the disk has it.",
            "",
        ]
    )


def main() -> None:
    """Measure, and write the report."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repetitions", type=int, default=REPETITIONS)
    parser.add_argument("--out", type=Path, default=REPORT)
    asked = parser.parse_args()
    text = report(measure(asked.repetitions), asked.repetitions)
    asked.out.parent.mkdir(exist_ok=True)
    asked.out.write_text(text, "utf-8")
    print(text)


if __name__ == "__main__":
    main()
