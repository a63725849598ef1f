"""What an exhibit says and uses, read out of its source: nothing is loaded, and nothing is made.

A footnote is put together where its exhibit is made, in part from numbers of the data. Here it is
followed back to the texts that it is made of; what is filled in later stands as `‹name›`.
"""

import ast
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache
from itertools import product
from pathlib import Path

ROOT = Path(__file__).parents[1]
SLOT = "‹{}›"
_ANY_SLOT = re.compile(SLOT.format("[^›]*"))

# A text in every wording that it can have.
Wordings = tuple[str, ...]
# A module and a name in it.
Place = tuple[str, str]

# What only writes a value down; the value is what counts.
_WRITTEN_BY = {"number", "day", "decimal", "share", "percent", "p_value", "len"}


@dataclass(frozen=True)
class Source:
    """What the source of an exhibit tells.

    Attributes:
        footnotes: each in every wording that it can have, whether or not it stands in every view.
        estimators: module and function of the statistics.
        questions: names of the files in `queries/` that it asks.
    """

    footnotes: tuple[Wordings, ...]
    estimators: tuple[Place, ...]
    questions: tuple[str, ...]


@dataclass(frozen=True)
class _Module:
    """What the top level of a module defines, and what it imports from where."""

    defined: dict[str, ast.AST]
    imported: dict[str, Place]


@dataclass(frozen=True)
class _Scope:
    """Where a name means something: a module and, within a function, that function."""

    module: str
    function: ast.FunctionDef | None = None


def is_among(footnote: str, footnotes: tuple[Wordings, ...]) -> bool:
    """Whether a footnote as it was made is one of those that were read."""
    patterns = (
        ".*".join(re.escape(part) for part in _ANY_SLOT.split(wording))
        for wordings in footnotes
        for wording in wordings
    )
    return any(re.fullmatch(pattern, footnote, re.DOTALL) for pattern in patterns)


@cache
def source_of(name: str, topic: str) -> Source:
    """What the source of the exhibit `name` of the module `topic` tells."""
    return _Reading((f"exhibits.{topic}", name)).source()


@cache
def _questions_there() -> frozenset[object]:
    """Every question but those for lists of participants, from which no number comes."""
    folder = ROOT / "queries"
    files = (path.relative_to(folder).with_suffix("") for path in folder.glob("*/*.sql"))
    return frozenset(str(file) for file in files if file.parts[0] != "people")


@cache
def _modules() -> dict[str, _Module]:
    return {
        ".".join(path.relative_to(ROOT).with_suffix("").parts): _module(
            ast.parse(path.read_text("utf-8"))
        )
        for path in sorted((ROOT / "exhibits").rglob("*.py"))
        # The registry makes no exhibit, and words only write values down.
        if path.stem not in ("__init__", "__main__", "exhibit", "words")
    }


def _module(tree: ast.Module) -> _Module:
    made = _Module({}, {})
    for node in tree.body:
        match node:
            case ast.FunctionDef(name=name) | ast.ClassDef(name=name):
                made.defined[name] = node
            case ast.Assign(targets=[ast.Name(id=name)], value=value):
                made.defined[name] = value
            case ast.Assign(targets=[ast.Tuple(elts=names)], value=ast.Tuple(elts=values)):
                for one, value in zip(names, values, strict=False):
                    if isinstance(one, ast.Name):
                        made.defined[one.id] = value
            case ast.AnnAssign(target=ast.Name(id=name), value=ast.expr() as value):
                made.defined[name] = value
            case ast.ImportFrom(module=str() as module, names=aliases):
                for alias in aliases:
                    made.imported[alias.asname or alias.name] = (module, alias.name)
    return made


def _place(module: str, name: str) -> Place | None:
    """Where a name of a module is defined; None where that is elsewhere or nowhere."""
    if name in _modules()[module].defined:
        return module, name
    found = _modules()[module].imported.get(name)
    is_ours = found is not None and (found[0] in _modules() or found[0].startswith("estimators."))
    return found if is_ours else None


def _node(place: Place) -> ast.AST | None:
    module = _modules().get(place[0])
    return module.defined.get(place[1]) if module else None


@cache
def _used_by(place: Place) -> tuple[Place, ...]:
    """The places that the definition of a place names, in their order."""
    node = _node(place)
    if node is None:
        return ()
    names = [one.id for one in _in_order(node) if isinstance(one, ast.Name)]
    found = (_place(place[0], name) for name in names)
    return tuple(dict.fromkeys(one for one in found if one is not None))


@dataclass
class _Reading:
    """The reading of one exhibit, from the function that makes it on."""

    start: Place
    reached: list[Place] = field(default_factory=list)
    _under_way: set[tuple[_Scope, str]] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.reached.append(self.start)
        for place in self.reached:
            self.reached += [one for one in _used_by(place) if one not in self.reached]

    def source(self) -> Source:
        found: list[Wordings] = []
        for scope in self._functions():
            if scope.function is not _node(self.start) and _is_registered(scope.function):
                continue  # another exhibit, whose numbers are used
            for node in _in_order(scope.function):
                if isinstance(node, ast.keyword) and node.arg == "footnotes":
                    found += self._said(node.value, scope)
        estimators = [one for one in self.reached if one[0].startswith("estimators.")]
        return Source(
            tuple(dict.fromkeys(found)),
            tuple(one for one in estimators if one[1].islower()),
            tuple(dict.fromkeys(self._questions())),
        )

    def _functions(self) -> Iterator[_Scope]:
        for place in self.reached:
            node = _node(place)
            if isinstance(node, ast.FunctionDef):
                yield _Scope(place[0], node)

    def _questions(self) -> Iterator[str]:
        """Texts that are the name of a question."""
        for place in self.reached:
            for node in _in_order(_node(place)):
                if isinstance(node, ast.Constant) and node.value in _questions_there():
                    yield str(node.value)

    def _said(self, node: ast.AST | None, scope: _Scope) -> list[Wordings]:
        """The texts that an expression can come to, each in its wordings."""
        match node:
            case ast.Constant(value=str() as text):
                return [(text,)]
            case ast.JoinedStr(values=parts):
                return [self._joined([self._part(part, scope) for part in parts])]
            case ast.Tuple(elts=items) | ast.List(elts=items):
                return [said for item in items for said in self._said(item, scope)]
            case ast.Starred(value=inner) | ast.GeneratorExp(elt=inner) | ast.ListComp(elt=inner):
                return self._said(inner, scope)
            case ast.BinOp(op=ast.Mult(), left=inner):
                return self._said(inner, scope)
            case ast.BinOp(op=ast.Add(), left=left, right=right) if not _is_many(node):
                return [self._joined([self._wordings(left, scope), self._wordings(right, scope)])]
            case ast.BinOp(op=ast.Add(), left=left, right=right):
                return self._said(left, scope) + self._said(right, scope)
            case ast.IfExp(body=body, orelse=orelse):
                said = self._said(body, scope) + self._said(orelse, scope)
                return said if _is_many(node) else _as_one(said)
            case ast.Call(func=ast.Name(id="tuple" | "list"), args=[inner]):
                return self._said(inner, scope)
            case ast.Call(func=ast.Name(id=name)):
                return self._returned(_place(scope.module, name))
            case ast.Call(
                func=ast.Attribute(value=inner, attr="replace"),
                args=[ast.Constant(value=str() as old), ast.Constant(value=str() as new)],
            ):
                said = self._said(inner, scope)
                return [tuple(wording.replace(old, new) for wording in one) for one in said]
            case ast.Name(id=name):
                return self._named(name, scope)
            case ast.Attribute(attr="footnote"):
                return self._property("footnote")
        return []

    def _wordings(self, node: ast.AST, scope: _Scope) -> Wordings:
        """The wordings of one text, or what stands for it."""
        said = tuple(wording for one in self._said(node, scope) for wording in one)
        return said or (self._slot(node, scope),)

    def _part(self, node: ast.expr, scope: _Scope) -> Wordings:
        """A part of an f-string."""
        match node:
            case ast.FormattedValue(value=ast.Name(id=name), format_spec=written) if (
                number := self._constant(name, scope)
            ) is not None:
                match written:
                    case ast.JoinedStr(values=[ast.Constant(value=str() as form)]):
                        return (format(number, form),)
                return (str(number),)
            case ast.FormattedValue(value=ast.Name() | ast.IfExp() as value):
                return self._wordings(value, scope)
            case ast.FormattedValue(value=value):
                return (self._slot(value, scope),)
        return self._wordings(node, scope)

    def _constant(self, name: str, scope: _Scope) -> float | None:
        """The number that a name of the module stands for."""
        place = None if _assigned(name, scope.function) else _place(scope.module, name)
        match _node(place) if place else None:
            case ast.Constant(value=int() | float() as number):
                return number
        return None

    def _joined(self, parts: list[Wordings]) -> Wordings:
        return tuple(dict.fromkeys("".join(one) for one in product(*parts)))

    def _slot(self, node: ast.AST, scope: _Scope) -> str:
        """What stands for a value that is filled in later: its name, as far as it has one."""
        match node:
            case ast.Call(func=ast.Name(id="counted"), args=[_, ast.Constant(value=one)]):
                return SLOT.format(f"number of {one!s}s")
            case ast.Call(func=ast.Name(id=name), args=[first, *_]) if name in _WRITTEN_BY:
                return self._slot(first, scope)
            case ast.Call(func=ast.Name(id=name)):
                return SLOT.format(name.strip("_").replace("_", " "))
            case ast.BinOp(left=ast.Constant(), right=inner) | ast.Subscript(value=inner):
                return self._slot(inner, scope)
            case ast.Attribute(attr=name):
                return SLOT.format(name.replace("_", " "))
            case ast.Name(id=name):
                values = [value for value, _ in _assigned(name, scope.function)]
                if len(values) == 1 and isinstance(values[0], ast.Attribute):
                    return self._slot(values[0], scope)
                return SLOT.format(name.replace("_", " "))
        return SLOT.format("…")

    def _named(self, name: str, scope: _Scope) -> list[Wordings]:
        """What a name stands for: here, where the function is called, or in the module."""
        if (scope, name) in self._under_way:
            return []
        self._under_way.add((scope, name))
        try:
            if given := _assigned(name, scope.function):
                if any(_is_many(value) for value, _ in given):
                    return [one for value, _ in given for one in self._said(value, scope)]
                return self._grown(given, scope)
            if scope.function is not None and name in _parameters(scope.function):
                return [
                    said
                    for value, caller in self._passed(scope.function, name)
                    for said in self._said(value, caller)
                ]
            place = _place(scope.module, name)
            node = _node(place) if place else None
            return self._said(node, _Scope(place[0])) if place and node else []
        finally:
            self._under_way.discard((scope, name))

    def _grown(self, given: Sequence[tuple[ast.expr, bool]], scope: _Scope) -> list[Wordings]:
        """One text that is given, and to which something may be added."""
        wordings: Wordings = ()
        for value, is_added in given:
            said = tuple(wording for one in self._said(value, scope) for wording in one)
            if is_added:
                wordings = self._joined([wordings, said]) + wordings
            else:
                wordings += said
        return [wordings] if wordings else []

    def _passed(self, function: ast.FunctionDef, name: str) -> Iterator[tuple[ast.expr, _Scope]]:
        """What the functions of the exhibit pass for a parameter."""
        by_place = _places_of(function, name)
        for scope in self._functions():
            for node in _in_order(scope.function):
                match node:
                    case ast.Call(func=ast.Name(id=called), args=values, keywords=by_name):
                        place = _place(scope.module, called)
                        if place is not None and _node(place) is function:
                            passed = [
                                *values[by_place],
                                *(k.value for k in by_name if k.arg == name),
                            ]
                            yield from ((value, scope) for value in passed)

    def _returned(self, place: Place | None) -> list[Wordings]:
        function = _node(place) if place else None
        if place is None or not isinstance(function, ast.FunctionDef):
            return []
        return self._returns(function, _Scope(place[0], function))

    def _returns(self, function: ast.FunctionDef, scope: _Scope) -> list[Wordings]:
        if (scope, "") in self._under_way:
            return []
        self._under_way.add((scope, ""))
        # Of several, the last is what is returned where nothing stands in the way.
        returns = [one for one in reversed(_in_order(function)) if isinstance(one, ast.Return)]
        said = [one for node in returns for one in self._said(node.value, scope)]
        self._under_way.discard((scope, ""))
        is_text = function.returns is not None and ast.unparse(function.returns) == "str"
        return _as_one(said) if is_text else said

    def _property(self, name: str) -> list[Wordings]:
        """What a property of a class that the exhibit uses returns."""
        return [
            said
            for place in self.reached
            if isinstance(owner := _node(place), ast.ClassDef)
            for node in owner.body
            if isinstance(node, ast.FunctionDef) and node.name == name
            for said in self._returns(node, _Scope(place[0], node))
        ]


def _as_one(said: list[Wordings]) -> list[Wordings]:
    wordings = tuple(dict.fromkeys(wording for one in said for wording in one))
    return [wordings] if wordings else []


def _is_many(node: ast.AST) -> bool:
    """Whether an expression is a list of texts and not one text."""
    match node:
        case ast.Tuple() | ast.List() | ast.GeneratorExp() | ast.ListComp() | ast.Starred():
            return True
        case ast.Call(func=ast.Name(id="tuple" | "list")):
            return True
        case ast.IfExp(body=first, orelse=second) | ast.BinOp(left=first, right=second):
            return _is_many(first) or _is_many(second)
    return False


def _is_registered(function: ast.FunctionDef | None) -> bool:
    """Whether a function is an exhibit of its own."""
    names = (ast.unparse(one) for one in (function.decorator_list if function else ()))
    return any(name.partition("(")[0].endswith("exhibit") for name in names)


@cache
def _in_order(node: ast.AST | None) -> tuple[ast.AST, ...]:
    """A node and all below it, in the order of the source."""
    found: list[ast.AST] = []
    waiting = [] if node is None else [node]
    while waiting:
        found.append(one := waiting.pop())
        waiting += reversed(list(ast.iter_child_nodes(one)))
    return tuple(found)


def _parameters(function: ast.FunctionDef) -> list[str]:
    """The names of what a function takes, one for any further values among them."""
    given = function.args
    several = [given.vararg] if given.vararg else []
    return [one.arg for one in (*given.posonlyargs, *given.args, *several, *given.kwonlyargs)]


def _places_of(function: ast.FunctionDef, name: str) -> slice:
    """At which places the values of a parameter stand in a call."""
    given = function.args
    by_place = [one.arg for one in (*given.posonlyargs, *given.args)]
    if name in by_place:
        return slice(by_place.index(name), by_place.index(name) + 1)
    several = given.vararg is not None and given.vararg.arg == name
    return slice(len(by_place), None) if several else slice(0)


@cache
def _assigned(name: str, function: ast.FunctionDef | None) -> tuple[tuple[ast.expr, bool], ...]:
    """What a name of a function is given anywhere in it, and whether it is only added."""
    found: list[tuple[ast.expr, bool]] = []
    for node in _in_order(function):
        match node:
            case ast.Assign(targets=[ast.Name(id=to)], value=value) if to == name:
                found.append((value, False))
            case ast.AnnAssign(target=ast.Name(id=to), value=ast.expr() as value) if to == name:
                found.append((value, False))
            case ast.AugAssign(target=ast.Name(id=to), value=value) if to == name:
                found.append((value, True))
            case ast.Assign(targets=[ast.Tuple(elts=targets)], value=ast.Tuple(elts=values)):
                for one, value in zip(targets, values, strict=False):
                    if isinstance(one, ast.Name) and one.id == name:
                        found.append((value, False))
            case ast.Call(
                func=ast.Attribute(value=ast.Name(id=to), attr="append" | "extend" | "insert"),
                args=[*_, value],
            ) if to == name:
                found.append((value, True))
    return tuple(found)
