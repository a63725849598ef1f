"""The reference of a trial's definition, `docs/definition.md`, made from its models."""

import re
from collections.abc import Iterator
from types import UnionType
from typing import Any, get_args

from pydantic import BaseModel
from pydantic_core import PydanticUndefined

from trials import Trial


def definition() -> Iterator[str]:
    """A section for each table of the file: what it is, and its keys."""
    for name, model in _tables(Trial, ""):
        heading = f"`{name}`" if name else "The trial"
        summary, meanings = _documented(model)
        yield from (f"## {heading}", "", summary, "")
        yield from ("| key | type | meaning | default |", "|---|---|---|---|")
        for key, field in model.model_fields.items():
            default = field.get_default(call_default_factory=True)
            cells = (
                f"`{key}`",
                _type(field.annotation),
                meanings.get(key, ""),
                "required" if default is PydanticUndefined else _value(default),
            )
            yield f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"
        yield ""


def _models(kind: Any) -> list[type[BaseModel]]:
    """The models that a type is made of, from outside in."""
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        return [kind]
    return [model for part in get_args(kind) for model in _models(part)]


def _tables(model: type[BaseModel], name: str) -> Iterator[tuple[str, type[BaseModel]]]:
    """A model and those within it, by the names that TOML gives their tables."""
    yield name, model
    for key, field in model.model_fields.items():
        for part in _models(field.annotation):
            path = f"{name[1:-1].strip('[]')}.{key}".lstrip(".")
            several = str(field.annotation).startswith("tuple")
            yield from _tables(part, f"[[{path}]]" if several else f"[{path}]")


def _documented(model: type[BaseModel]) -> tuple[str, dict[str, str]]:
    """The summary of a model, and the meanings of its keys, from its docstring."""
    text, _, attributes = (model.__doc__ or "").partition("Attributes:")
    meanings = {
        key: " ".join(meaning.split())
        for keys, meaning in re.findall(
            r"^ {8}([\w, ]+): (.*(?:\n {12}.*)*)", attributes, flags=re.MULTILINE
        )
        for key in keys.split(", ")
    }
    return " ".join(text.split()), meanings


def _type(kind: Any) -> str:
    """A type as TOML has it."""
    parts = [part for part in get_args(kind) if part not in (type(None), Ellipsis)]
    if isinstance(kind, UnionType) or str(kind).startswith("typing.Optional"):
        return _type(parts[0])
    if _models(kind):
        return "list of tables" if str(kind).startswith("tuple") else "table"
    if str(kind).startswith("typing.Literal"):
        return " or ".join(_value(part) for part in parts)
    if str(kind).startswith("dict"):
        return f"table of: {_type(parts[1])}"
    if str(kind).startswith("tuple"):
        return f"list of: {_type(parts[0])}"
    names = {str: "text", int: "whole number", float: "number", bool: "true or false"}
    return names.get(parts[0] if parts else kind, "date")


def _value(value: object) -> str:
    if value is None or value in ((), "", {}) or isinstance(value, BaseModel):
        return "–"
    if isinstance(value, bool):
        return str(value).lower()
    text = list(value) if isinstance(value, tuple) else value
    return f"`{text}`" if not isinstance(value, str) else f'`"{value}"`'
