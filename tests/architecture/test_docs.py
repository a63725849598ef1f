"""The documentation is what the generator makes of the code as it is; its links lead somewhere."""

import re
from functools import cache
from pathlib import Path

import pytest

from data_validation.catalogue import catalogue
from data_validation.domains import DOMAINS
from docs.generate import anchor, generated
from exhibits import EXHIBITS

ROOT = Path(__file__).parents[2]
WRITTEN = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")])
_LINK = re.compile(r"\[[^\[\]]*\]\(([^()\s]+)\)")


@pytest.fixture(scope="module")
def made() -> dict[str, str]:
    return {path.name: content for path, content in generated().items()}


@pytest.mark.parametrize("name", ["checks.md", "datasets.md", "definition.md", "methods.md"])
def test_a_generated_file_is_what_the_generator_makes_now(made: dict[str, str], name: str) -> None:
    found = (ROOT / "docs" / name).read_text("utf-8")
    assert found == made[name], f"docs/{name} is not of this code: run make docs"


def test_every_dataset_check_and_exhibit_is_documented(made: dict[str, str]) -> None:
    fields = {field.name for domain in DOMAINS.values() for field in domain.received_fields}
    for name, known in {
        "datasets.md": {*fields, *(f"{item.name}: {item.label}" for item in DOMAINS.values())},
        "checks.md": set(catalogue()),
        "methods.md": set(EXHIBITS),
    }.items():
        assert not [item for item in known if item not in made[name]]


def without_code(text: str) -> str:
    return re.sub(r"^```.*?^```", "", text, flags=re.DOTALL | re.MULTILINE)


@cache
def headings_of(path: Path) -> list[str]:
    text = without_code(path.read_text("utf-8"))
    return [anchor(heading) for heading in re.findall(r"^#+ (.+)$", text, re.MULTILINE)]


@pytest.mark.parametrize("path", WRITTEN, ids=[path.name for path in WRITTEN])
def test_every_link_leads_somewhere(path: Path) -> None:
    for address in _LINK.findall(without_code(path.read_text("utf-8"))):
        if "://" in address:
            continue
        file, _, place = address.partition("#")
        target = (path.parent / file).resolve() if file else path
        assert target.exists(), f"{path.name} links to {address}"
        if place:
            assert headings_of(target).count(place) == 1, f"{path.name} links to {address}"


@pytest.mark.parametrize("path", WRITTEN, ids=[path.name for path in WRITTEN])
def test_every_row_of_a_table_has_as_many_cells_as_its_head(path: Path) -> None:
    text = without_code(path.read_text("utf-8"))
    for rows in re.findall(r"(?:^\|.*\|$\n)+", text, re.MULTILINE):
        cells = {len(re.findall(r"(?<!\\)\|", row)) for row in rows.splitlines()}
        assert len(cells) == 1, rows[:200]
