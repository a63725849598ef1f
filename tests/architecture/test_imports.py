"""The arrows between the rooms, and what must stand in one room only.

The contract of the rooms is in `pyproject.toml` ([tool.importlinter]); it is run here, and shown to
break. Pages are run and not imported, so they are read here.
"""

import ast
import copy
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from urllib.parse import urlsplit

import pytest

ROOT = Path(__file__).parents[2]
ROOMS = (
    "access",
    "data_validation",
    "display",
    "estimators",
    "exhibits",
    "queries",
    "simulator",
    "snapshots",
    "trials",
)

PRODUCT = sorted(
    [path for room in (*ROOMS, "pages") for path in (ROOT / room).rglob("*.py")]
    + list(ROOT.glob("*.py"))
)
PAGES = sorted((ROOT / "pages").rglob("*.py"))
TESTS = sorted((ROOT / "tests").rglob("*.py"))


def named(path: Path) -> str:
    return str(path.relative_to(ROOT))


every_page = pytest.mark.parametrize("path", PAGES, ids=named)


@cache
def tree_of(path: Path) -> ast.Module:
    """What a file says; nobody changes it, for each test reads the same."""
    return ast.parse(path.read_text("utf-8"), str(path))


@cache
def nodes_of(path: Path) -> tuple[ast.AST, ...]:
    return tuple(ast.walk(tree_of(path)))


def imported(path: Path) -> Iterator[str]:
    """Dotted names of the modules that a file imports, wherever in the file."""
    for node in nodes_of(path):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path} imports relatively"
            yield node.module or ""


# The contract


def lint(folder: Path) -> subprocess.CompletedProcess[str]:
    """Run import-linter on the rooms in `folder`."""
    command = "from importlinter.cli import lint_imports_command; lint_imports_command()"
    return subprocess.run(
        [sys.executable, "-c", command, "--no-cache", "--no-logo"],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(folder), "COLUMNS": "200"},
        capture_output=True,
        text=True,
        check=False,
    )


def verdicts(output: str) -> dict[str, str]:
    """The verdict on each contract by its name."""
    return dict(re.findall(r"^(\S.*?) (KEPT|BROKEN)\b", output, re.MULTILINE))


def test_every_room_imports_what_it_may() -> None:
    done = lint(ROOT)
    found = verdicts(done.stdout)
    assert done.returncode == 0, done.stdout + done.stderr
    assert len(found) == len(ROOMS) + 3
    assert set(found.values()) == {"KEPT"}


def test_an_import_that_a_room_may_not_have_breaks_its_contract(tmp_path: Path) -> None:
    for room in ROOMS:
        shutil.copytree(ROOT / room, tmp_path / room, ignore=shutil.ignore_patterns("*.pyc"))
    for name in ("settings.py", "pyproject.toml"):
        shutil.copy(ROOT / name, tmp_path)
    for module, line in {
        "access/view.py": "import queries",
        "data_validation/values.py": "import exhibits",
        "display/text.py": "import snapshots",
        "display/trail.py": "import access.guard",
        "estimators/accrual.py": "import polars",
        "exhibits/findings.py": "from access import decide",
        "exhibits/intake.py": "import exhibits.survival",
        "queries/board.py": "from access.policy import decide",
        "snapshots/digest.py": "import trials",
        "simulator/draws.py": "import queries",
        "trials/consistency.py": "import settings",
        "data_validation/load.py": "import simulator",
    }.items():
        with (tmp_path / module).open("a", encoding="utf-8") as file:
            file.write(f"\n\n{line}\n")
    done = lint(tmp_path)
    assert done.returncode == 1
    found = verdicts(done.stdout)
    assert len(found) == len(ROOMS) + 3
    assert set(found.values()) == {"BROKEN"}, done.stdout


@every_page
def test_a_page_imports_what_it_may(path: Path) -> None:
    """Display, exhibits, queries and access; on the data pages also the write side's account."""
    allowed = {"access", "display", "exhibits", "queries", "polars", "streamlit", "collections"}
    if path.parent.name == "data":
        allowed.add("data_validation")
    assert {name.partition(".")[0] for name in imported(path)} <= allowed


def test_estimators_need_numbers_only() -> None:
    allowed = {"numpy", "scipy", "statsmodels", "gsdesign", "estimators", *sys.stdlib_module_names}
    for path in (ROOT / "estimators").rglob("*.py"):
        assert {name.partition(".")[0] for name in imported(path)} <= allowed, path


def test_exhibits_start_without_what_is_slow_to_import() -> None:
    """Ruff sees the imports of our own modules; this, whatever they bring with them."""
    command = [sys.executable, "-c", "import sys, exhibits; print(*sys.modules)"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    slow = {
        "pandas", "plotly.basedatatypes", "scipy.optimize", "scipy.signal", "scipy.special",
        "scipy.stats", "statsmodels", "streamlit",
    }  # fmt: skip
    assert slow.isdisjoint(done.stdout.split())


def test_nothing_imports_a_page_or_the_dashboard() -> None:
    for path in [*PRODUCT, *TESTS]:
        tops = {name.partition(".")[0] for name in imported(path)}
        assert tops.isdisjoint({"pages", "dashboard"}), path


# What stands in one place only


@cache
def calls(path: Path) -> list[tuple[str, ast.Call]]:
    return [(ast.unparse(node.func), node) for node in nodes_of(path) if isinstance(node, ast.Call)]


def test_one_factory_opens_every_connection() -> None:
    opening = {
        named(path) for path in PRODUCT for name, _ in calls(path) if name == "duckdb.connect"
    }
    # The second is a process of its own, in which nothing else is to be imported.
    assert opening == {"snapshots/connection.py", "snapshots/open_file_process.py"}


def test_one_file_holds_what_a_window_remembers() -> None:
    reading = {
        named(path)
        for path in PRODUCT
        for node in nodes_of(path)
        if isinstance(node, ast.Attribute) and node.attr == "session_state"
    }
    assert reading == {"display/state.py"}


def is_made_of_parts(value: ast.expr) -> bool:
    """Whether a text is put together where it stands: f-string, %, +, format, join."""
    if isinstance(value, ast.JoinedStr):
        return any(isinstance(part, ast.FormattedValue) for part in value.values)
    if isinstance(value, ast.BinOp):
        return not (isinstance(value.left, ast.Constant) and isinstance(value.right, ast.Constant))
    return (
        isinstance(value, ast.Call)
        and isinstance(value.func, ast.Attribute)
        and value.func.attr in {"format", "format_map", "join", "replace"}
    )


SQL_CALLS = {"execute", "executemany", "sql", "query", "from_query"}


def formatted_sql(path: Path) -> list[str]:
    return [
        f"{named(path)}:{node.lineno}"
        for name, node in calls(path)
        if name.rpartition(".")[2] in SQL_CALLS and node.args and is_made_of_parts(node.args[0])
    ]


def test_no_sql_is_put_together_outside_snapshots() -> None:
    """Values are bound. Only snapshots quotes names and paths, with its one function."""
    found = [
        place
        for path in PRODUCT
        if path.relative_to(ROOT).parts[0] != "snapshots"
        for place in formatted_sql(path)
    ]
    assert found == []


@pytest.mark.parametrize(
    "line",
    [
        'connection.execute(f"select {name}")',
        'connection.execute("select " + name)',
        'connection.sql("select %s" % name)',
        'cursor.execute("select {}".format(name))',
        'cursor.execute(" ".join(parts))',
    ],
)
def test_sql_that_is_put_together_is_seen(line: str) -> None:
    (call,) = [node for node in ast.walk(ast.parse(line)) if isinstance(node, ast.Call)][:1]
    assert is_made_of_parts(call.args[0])


def test_no_page_and_no_exhibit_holds_sql() -> None:
    for path in [*PAGES, *(ROOT / "display").glob("*.py"), *(ROOT / "exhibits").rglob("*.py")]:
        assert not [name for name, _ in calls(path) if name.rpartition(".")[2] == "execute"], path


def test_no_exhibit_asks_for_its_view() -> None:
    """What an arm is, the Board says: an `if` on the view in an exhibit belongs in a query."""
    about_views = {"exhibit.py", "__main__.py"}
    for path in (ROOT / "exhibits").rglob("*.py"):
        if path.name in about_views:
            continue
        bodies = copy.deepcopy(tree_of(path))
        for node in ast.walk(bodies):
            if isinstance(node, ast.FunctionDef):
                # The least view in which it is offered is declared there.
                node.decorator_list = []
        names = {node.attr for node in ast.walk(bodies) if isinstance(node, ast.Attribute)}
        assert names.isdisjoint({"view", "grant", "POOLED", "CODED", "UNBLINDED"}), path


def test_one_file_knows_streamlits_web_server() -> None:
    """And another the protocol below it, for the guard stands before that."""
    below = {"starlette", "uvicorn", "websockets"}
    speaking, knowing = set(), set()
    for path in PRODUCT:
        for name in imported(path):
            if name.startswith(("streamlit.web", "streamlit.net_util", "streamlit.auth_util")):
                knowing.add(named(path))
            if name.partition(".")[0] in below:
                speaking.add(named(path))
    assert knowing == {"display/web_server.py"}
    assert speaking == {"access/guard.py", "server.py"}


def test_no_markup_is_passed_through() -> None:
    """Neither by the keyword nor by a function that is made for it; but for what stands there."""
    passing = {"st.iframe", "st.components.v1.html", "st.components.v2.component"}
    for path in PRODUCT:
        for name, node in calls(path):
            assert "unsafe_allow_html" not in {keyword.arg for keyword in node.keywords}, path
            assert name not in passing, path
            if name == "st.html":
                (markup,) = node.args
                assert isinstance(markup, ast.Constant), path


# Sizes


def lines_of(path: Path) -> int:
    return len(path.read_text("utf-8").splitlines())


def test_the_dashboard_stays_an_entry_point() -> None:
    assert lines_of(ROOT / "dashboard.py") <= 150


@every_page
def test_a_page_stays_a_table_of_contents(path: Path) -> None:
    assert lines_of(path) <= 120


# The network


# These name XML vocabularies; nobody goes there.
VOCABULARIES = {"schemas.openxmlformats.org", "www.w3.org"}


def hosts_in(path: Path) -> Iterator[tuple[int, str]]:
    """Line and host of every address in a text; sources cited in documentation are not used."""
    nodes = nodes_of(path)
    documentation = {
        id(node.value)
        for node in nodes
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)
    }
    for node in nodes:
        if id(node) in documentation:
            continue
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            for address in re.findall(r"\b[a-z]+://[^\s\"'<>)\\]+", node.value):
                try:
                    host = urlsplit(address).hostname
                except ValueError:
                    continue
                if host:
                    yield node.lineno, host


def is_elsewhere(host: str) -> bool:
    """Whether a host is another machine. Names that no machine has may stand as sample text."""
    reserved = host.rpartition(".")[2] in {"invalid", "test", "example", "localhost"}
    return not reserved and host not in {"127.0.0.1", "::1"} | VOCABULARIES and "." in host


def test_no_other_machine_is_named() -> None:
    found = [
        f"{named(path)}:{line} {host}"
        for path in [*PRODUCT, *TESTS]
        for line, host in hosts_in(path)
        if is_elsewhere(host)
    ]
    assert found == []


def test_another_machine_would_be_seen(tmp_path: Path) -> None:
    file = tmp_path / "some.py"
    scheme = "https"
    file.write_text(f'A = "{scheme}://data.trial-sponsor.com/x"\nB = "{scheme}://127.0.0.1:8501"\n')
    assert [place for place in hosts_in(file) if is_elsewhere(place[1])] == [
        (1, "data.trial-sponsor.com")
    ]


# Every room is one of the rooms


def test_there_are_no_other_rooms() -> None:
    """A new folder of code gets its row in the contract first."""
    packages = {path.parent.name for path in ROOT.glob("*/__init__.py")}
    assert packages == set(ROOMS)
