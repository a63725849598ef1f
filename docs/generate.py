"""`python -m docs.generate`: write what is generated of the documentation.

What stands above the mark of a file is written by hand and stays. Nothing is loaded for the rest:
what is checked stands in the facts and in the catalogue, what is shown in the registry of
exhibits, how it is estimated in docstrings.
"""

import ast
import dis
import inspect
import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import fields, is_dataclass
from pathlib import Path
from types import CodeType, FunctionType

from access.menu import MENU
from access.view import View
from data_validation.catalogue import catalogue
from data_validation.domains import DOMAINS, SEALED_DATASETS
from data_validation.facts import Domain, Exposure, Field, Kind, every_row
from data_validation.released import released_randomization
from data_validation.rules import CHECKS, Rule
from docs.definition_reference import definition
from exhibits.exhibit import Registered, offered

ROOT = Path(__file__).parents[1]
DOCS = ROOT / "docs"
# A module and a name in it.
Place = tuple[str, str]
MARK = "<!-- From here on written by `make docs`: do not edit below. -->"


def main() -> None:
    """Write every generated file anew."""
    for path, content in generated().items():
        path.write_text(content, encoding="utf-8")


def generated() -> dict[Path, str]:
    """Every generated file with all that it should hold."""
    made: dict[str, Callable[[], Iterable[str]]] = {
        "checks.md": checks,
        "datasets.md": datasets,
        "definition.md": definition,
        "methods.md": methods,
    }
    return {DOCS / name: _whole(DOCS / name, lines()) for name, lines in made.items()}


def _whole(path: Path, lines: Iterable[str]) -> str:
    by_hand, mark, _ = path.read_text("utf-8").partition(MARK)
    if not mark:
        raise ValueError(f"{path.name} lacks the line {MARK}")
    return f"{by_hand}{MARK}\n\n" + "\n".join(lines).rstrip() + "\n"


# Markdown


def plain(text: str) -> str:
    """Text that Markdown shows as it is; what stands between backticks stays code."""
    parts = re.split(r"(`[^`]+`)", text)
    escaped = [re.sub(r"([\\*_\[\]<>~$|])", r"\\\1", part) for part in parts[::2]]
    parts[::2] = escaped
    return "".join(parts)


def code(text: str) -> str:
    """Text as code."""
    return f"`{text}`"


def listed(items: Iterable[str], none: str = "–") -> str:
    """Items one after the other, or what stands for none."""
    return ", ".join(items) or none


def table(headings: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """A table, and a blank line behind it; a bar within code would end a cell."""

    def line(cells: Sequence[str]) -> str:
        safe = (re.sub(r"(?<!\\)\|", r"\\|", cell).replace("\n", " ") for cell in cells)
        return f"| {' | '.join(safe)} |"

    return [line(headings), "|" + "---|" * len(headings), *map(line, rows), ""]


def anchor(heading: str) -> str:
    """What GitHub calls the place of a heading."""
    return re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")


def link(text: str, heading: str, file: str = "") -> str:
    """A link to a heading, of this file if no other is named."""
    return f"[{text}]({file}#{anchor(heading)})"


def first_line(documented: object) -> str:
    """What something is, in the first line of its docstring."""
    return (inspect.getdoc(documented) or "").partition("\n")[0]


# Datasets


def datasets() -> Iterator[str]:
    """Each dataset with its fields, as the facts have them."""
    yield from table(
        ["Dataset", "What is open"],
        (
            [link(_heading(domain), _heading(domain)), plain(_opened_records(domain))]
            for domain in DOMAINS.values()
        ),
    )
    for domain in DOMAINS.values():
        yield from (f"## {_heading(domain)}", "")
        yield f"- Open: {plain(_opened_records(domain))}"
        yield from (f"- {plain(sentence)}" for sentence in _about(domain))
        yield from (f"- {link('Checks', _heading(domain), 'checks.md')}", "")
        yield from table(
            ["Variable", "Meaning", "Kind", "Allowed", "If missing", "If unusable", "Blinded"],
            (_field_row(domain, field) for field in domain.received_fields),
        )
    yield from ("## Other datasets", "")
    yield (
        "Every other dataset is kept as it came, sealed whole. Of these nothing is remarked, as "
        f"they are sealed by design: {listed(map(code, sorted(SEALED_DATASETS)))}. Any other one "
        "is listed for the unblinded data manager."
    )


def _heading(domain: Domain) -> str:
    return f"{domain.name}: {domain.label}"


def _opened_records(domain: Domain) -> str:
    """Which records are open, in the words of the rule that opens them."""
    if domain.name == "RANDOMIZATION":
        return first_line(released_randomization)
    if not domain.opens:
        return "Nothing. Every record is sealed."
    if domain.open_rows is every_row:
        return "Every record."
    if domain.classes is not None and domain.open_rows == domain.classes.opens:
        return "Records that have a class, as the class alone."
    outer = domain.open_rows.__qualname__.partition(".")[0]
    return first_line(inspect.getmodule(domain.open_rows).__dict__[outer])


def _about(domain: Domain) -> Iterator[str]:
    if domain.classes is not None:
        made = domain.by_name[domain.classes.field]
        said = " or else ".join(map(code, domain.classes.columns))
        meaning = made.description.partition(";")[0]
        yield f"The class `{made.name}` stands in place of {said}: {meaning}."
    keys = listed(map(code, domain.keys))
    if domain.duplicate is None:
        yield f"Key: {keys}. Several records may have the same."
    else:
        yield f"Key: {keys}. Two records with the same are a {domain.duplicate.value} finding."
    if domain.planned:
        yield "`VISIT` as the schedule of the trial names it."
    if domain.measured:
        yield "Tests, units, specimens and plausible values as `[[measures]]` of the trial says."


def _field_row(domain: Domain, field: Field) -> list[str]:
    is_checked = field.invalid is not None and (field.typed or _range(field))
    shown = field.exposure if domain.opens else Exposure.SEALED
    return [
        code(field.name),
        plain(field.description),
        field.kind.value,
        plain(_allowed(field)),
        field.missing.value if field.missing else "may be empty",
        field.invalid.value if field.invalid and is_checked else "–",
        {Exposure.OPEN: "sees it", Exposure.DAY: "sees the day"}.get(shown, "sealed"),
    ]


def _allowed(field: Field) -> str:
    if field.kind is Kind.DATE:
        return "ISO 8601"
    return listed(field.codes) if field.codes else _range(field) or "–"


def _range(field: Field) -> str:
    unit = f" {field.unit}" if field.unit else ""
    match (field.lower, field.upper):
        case (None, None):
            return ""
        case (None, upper):
            return f"at most {upper:g}{unit}"
        case (lower, None):
            return f"at least {lower:g}{unit}"
        case (lower, upper):
            return f"{lower:g} to {upper:g}{unit}"
    return ""


# Checks


def checks() -> Iterator[str]:
    """Every rule of the catalogue, by dataset."""
    rules = list(catalogue().values())
    names = list(dict.fromkeys(rule.domain for rule in rules))
    headings = {
        name: _heading(DOMAINS[name]) if name in DOMAINS else f"{name}: what is open, as a whole"
        for name in names
    }
    yield f"{len(rules)} checks, {sum(map(_is_written, rules))} of them written one by one."
    yield ""
    counts = {
        name: Counter(rule.severity.value for rule in rules if rule.domain == name)
        for name in names
    }
    severities = ("critical", "major", "minor", "note")
    yield from table(
        ["Dataset", *severities],
        (
            [
                link(headings[name], headings[name]),
                *(str(counts[name][one] or "–") for one in severities),
            ]
            for name in names
        ),
    )
    yield from _made_from_facts(rules)
    for name in names:
        yield from (f"## {headings[name]}", "")
        yield from _of_dataset([rule for rule in rules if rule.domain == name])


def _is_written(rule: Rule) -> bool:
    return re.fullmatch(r"[A-Z]+-\d+", rule.id) is not None


def _ending(rule: Rule) -> str:
    return rule.id.rpartition("-")[2]


def _query(rule: Rule) -> str:
    """The text for the site; what is filled in stands in braces."""
    parts = re.split(r"\{_?(\w+)\}", rule.query)
    return "".join(code(f"{{{part}}}") if at % 2 else plain(part) for at, part in enumerate(parts))


def _made_from_facts(rules: Sequence[Rule]) -> Iterator[str]:
    """The reason and the text for the site of each kind of made rules, by an example."""
    yield from ("## Checks made from facts", "")
    yield (
        "These are the same for every field that has the fact, so their reason and their text for "
        "the site stand here, with one field as the example. How an id ends says which it is."
    )
    yield ""
    made = sorted((rule for rule in rules if not _is_written(rule)), key=lambda r: r.domain != "AE")
    examples: dict[str, Rule] = {}
    for rule in made:
        kept = examples.setdefault(_ending(rule), rule)
        if kept.field == "USUBJID" and rule.domain == kept.domain:
            examples[_ending(rule)] = rule
    yield from table(
        ["Ending", "Kind", "Example", "A finding means", "Why", "Text for the site"],
        (
            [
                code(ending),
                rule.kind.value,
                code(rule.id),
                plain(rule.sentence),
                plain(rule.why),
                _query(rule),
            ]
            for ending, rule in examples.items()
        ),
    )


def _of_dataset(rules: Sequence[Rule]) -> Iterator[str]:
    written = [rule for rule in rules if _is_written(rule)]
    if written:
        yield from table(
            ["Check", "Severity", "About", "A finding means", "Why", "Text for the site"],
            (
                [
                    code(rule.id),
                    rule.severity.value,
                    _circumstances(rule),
                    plain(rule.sentence),
                    plain(rule.why),
                    _query(rule),
                ]
                for rule in written
            ),
        )
    of_a_field = [rule for rule in rules if not _is_written(rule) and rule.field]
    if of_a_field:
        yield from table(
            ["Check", "Severity", "Findings", "A finding means"],
            (
                [code(rule.id), rule.severity.value, _side(rule), plain(rule.sentence)]
                for rule in of_a_field
            ),
        )
    if of_any := [rule for rule in rules if not _is_written(rule) and not rule.field]:
        said = {f"{rule.severity.value}s, {_side(rule)}" for rule in of_any}
        yield f"Of any field ({listed(sorted(said))}): {listed(code(r.id) for r in of_any)}."
        yield ""


def _side(rule: Rule) -> str:
    never_opens = rule.domain in DOMAINS and not DOMAINS[rule.domain].opens
    return "sealed" if rule.sealed or never_opens else "open"


def _circumstances(rule: Rule) -> str:
    others = CHECKS[rule.id].needs[1:] if rule.id in CHECKS else ()
    needs = f"; only with {listed(map(code, others))}" if others else ""
    return f"{rule.kind.value}; {_side(rule)}{needs}"


# Methods

_ON_METHODS = (
    "What is said of each here stands below it on the page. Further footnotes depend on the view "
    "and the data, and stand on the page only."
)
_QUESTIONS = frozenset(
    f"{path.parent.name}/{path.stem}"
    for path in (ROOT / "queries").glob("*/*.sql")
    # From a list of participants no number comes.
    if path.parent.name != "people"
)


def methods() -> Iterator[str]:
    """Every exhibit and every estimator."""
    shown = offered(View.UNBLINDED)
    uses = {item.name: _uses(item) for item in shown}
    yield from ("## Exhibits", "", _ON_METHODS, "")
    by_page = {
        page: items
        for page in MENU.values()
        if (items := [item for item in shown if item.page == page.id])
    }
    yield from table(
        ["Page", "Exhibits"],
        (
            [
                link(page.title, page.title),
                listed(link(code(item.name), item.name) for item in items),
            ]
            for page, items in by_page.items()
        ),
    )
    for page, items in by_page.items():
        question = ast.get_docstring(ast.parse((ROOT / page.file).read_text("utf-8"))) or ""
        yield from (f"### {page.title}", "", plain(question), "")
        for item in items:
            yield from _exhibit(item, *uses[item.name])
    yield from _estimators({name: used for name, (_, used) in uses.items()})


def _uses(item: Registered) -> tuple[list[str], list[Place]]:
    """The questions that an exhibit asks, and the estimators that it calls, by what it loads."""
    # What a decorator asks for every exhibit that it wraps, too.
    reached: list[object] = []
    inner: object = item.make
    while (inner := getattr(inner, "__wrapped__", None)) is not None:
        reached.insert(0, inner)
    for one in reached:
        reached += [other for other in _loaded(one) if not any(other is had for had in reached)]
    estimators = [
        (one.__module__, one.__name__)
        for one in reached
        if inspect.isfunction(one) and one.__module__.startswith("estimators.")
    ]
    texts = (text for one in reached for text in _texts(one))
    return [name for name in dict.fromkeys(texts) if name in _QUESTIONS], estimators


def _loaded(one: object) -> Iterator[object]:
    """What the code of a function, or of the methods of a class, loads of its module."""
    for function in _functions(one):
        for part in _codes(function.__code__):
            for step in dis.get_instructions(part):
                if step.opname == "LOAD_GLOBAL" and step.argval in function.__globals__:
                    yield inspect.unwrap(function.__globals__[step.argval])


def _functions(one: object) -> list[FunctionType]:
    """The functions of exhibits that an object has; the registry makes no exhibit."""
    members = vars(one).values() if inspect.isclass(one) else [one]
    return [
        member
        for member in (getattr(each, "fget", each) for each in members)
        if inspect.isfunction(member)
        and member.__module__.startswith("exhibits.")
        and member.__module__ != "exhibits.exhibit"
    ]


def _codes(part: CodeType) -> Iterator[CodeType]:
    yield part
    for inner in part.co_consts:
        if isinstance(inner, CodeType):
            yield from _codes(inner)


def _texts(one: object) -> Iterator[str]:
    """The texts of the code of an object, or of the values that it holds."""
    match one:
        case str():
            yield one
        case tuple() | list():
            for value in one:
                yield from _texts(value)
        case dict():
            yield from _texts(list(one.values()))
        case _ if is_dataclass(one) and not inspect.isclass(one):
            yield from _texts([getattr(one, each.name) for each in fields(one)])
        case _:
            for function in _functions(one):
                for part in _codes(function.__code__):
                    yield from _texts(part.co_consts)


def _exhibit(item: Registered, questions: list[str], estimators: list[Place]) -> Iterator[str]:
    yield from (f"#### {code(item.name)}", "", plain(item.summary), "")
    followed = "follows the filters" if item.filtered else "does not follow filters"
    about = [f"From the {item.least_view.word} view on; {followed}."]
    if questions:
        about.append(f"Asks {listed(f'[{name}](../queries/{name}.sql)' for name in questions)}.")
    if estimators:
        used = (
            link(code(f"{module.rpartition('.')[2]}.{name}"), f"{module}.{name}")
            for module, name in dict.fromkeys(estimators)
        )
        about.append(f"Estimates by {listed(used)}.")
    yield from (" ".join(about), "", *(f"- {plain(note)}" for note in item.method), "")


def _estimators(uses: dict[str, list[Place]]) -> Iterator[str]:
    modules = {
        path.stem: ast.parse(path.read_text("utf-8"))
        for path in sorted((ROOT / "estimators").glob("*.py"))
        if path.stem != "__init__"
    }
    yield from ("## Estimators", "")
    yield from table(
        ["Module", "Functions"],
        (
            [
                link(code(name), f"estimators.{name}"),
                listed(
                    link(code(one.name), f"estimators.{name}.{one.name}") for one in _public(tree)
                ),
            ]
            for name, tree in modules.items()
        ),
    )
    for name, tree in modules.items():
        yield from (f"### `estimators.{name}`", "")
        yield from _documented(ast.get_docstring(tree) or "")
        tests = ROOT / "tests" / "estimators" / f"test_{name}.py"
        tested = ast.parse(tests.read_text("utf-8"))
        said = plain((ast.get_docstring(tested) or "").partition("\n")[0])
        yield from (f"Tests: [{tests.name}](../tests/estimators/{tests.name}). {said}", "")
        held = _held_against(tested)
        for function in _public(tree):
            yield from (f"#### `estimators.{name}.{function.name}`", "")
            yield from _documented(ast.get_docstring(function) or "", question=True)
            users = [
                link(code(exhibit), exhibit)
                for exhibit, used in uses.items()
                if (f"estimators.{name}", function.name) in used
            ]
            if users:
                yield from (f"Used by {listed(users)}.", "")
            if checked := held.get(function.name):
                yield from (f"Independent tests: {plain('; '.join(checked))}.", "")


def _public(tree: ast.Module) -> list[ast.FunctionDef]:
    return [
        node
        for node in tree.body
        if isinstance(node, ast.FunctionDef) and not node.name.startswith("_")
    ]


# What a caller needs, and no reader of a number.
_FOR_CALLERS = ("Parameters", "Raises", "Args:", "Returns:")
# The line with which a source begins: its first author.
_AUTHOR = re.compile(r"(?=^\S+ [A-Z]{1,3}[,.] )", re.MULTILINE)


def _documented(docstring: str, *, question: bool = False) -> Iterator[str]:
    """The paragraphs of a docstring that say what, how, and when it misleads; its sources."""
    for place, paragraph in enumerate(docstring.split("\n\n")):
        title, _, rest = paragraph.partition("\n")
        if paragraph.startswith(_FOR_CALLERS):
            continue
        if title in ("Source", "Sources"):
            sources = _AUTHOR.split(rest.partition("\n")[2])
            yield from (f"- {plain(' '.join(one.split()))}" for one in sources if one)
        elif paragraph.startswith("    "):
            yield from ("```text", *(line[4:] for line in paragraph.splitlines()), "```")
        else:
            text = plain(" ".join(paragraph.split()))
            yield f"**{text}**" if question and not place else text
        yield ""


# What the name of a test says where it holds a function against numbers of others.
_INDEPENDENT = re.compile(
    r"_as_(?!a_|whole_)|_by_hand|_of_r\b|_(19|20)[0-9]{2}|scipy|numpys|is_that_of|newcombes|simulation|"
    r"_cover|printed_formula|every_allocation|by_newcombe"
)


def _held_against(tests: ast.Module) -> dict[str, list[str]]:
    """By function, the tests that reach it and hold it against numbers that are not ours."""
    defined = {node.name: node for node in tests.body if isinstance(node, ast.FunctionDef)}
    found: dict[str, list[str]] = {}
    for name in defined:
        if not name.startswith("test_") or not _INDEPENDENT.search(name):
            continue
        reached = [name]
        for one in reached:
            nodes = ast.walk(defined[one]) if one in defined else iter(())
            names = [node.id for node in nodes if isinstance(node, ast.Name)]
            reached += [other for other in dict.fromkeys(names) if other not in reached]
        for one in reached:
            found.setdefault(one, []).append(name.removeprefix("test_").replace("_", " "))
    return found


if __name__ == "__main__":
    main()
