"""SAS transport files (XPORT), versions 5 and 8.

The layout is that of SAS technical notes TS-140 and TS-140.2: records of 80 bytes; header records
that describe one dataset; then its observations, one after the other, the last record padded with
blanks. Version 8 states the number of observations, version 5 does not: a version 5 file that was
cut exactly where an observation and a record end together, or within blanks at the begin of an
observation, looks whole. Every other cut is refused here.

pyreadstat decodes the values. By itself it takes a second dataset or the rest of a cut file for
rows or for padding, drops blank observations, and ends a text at a NUL byte; so the layout is read
here first, and pyreadstat is given whole observations only.
"""

import io
import struct
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl
import pyreadstat

from data_validation.readers.limits import Limits
from data_validation.readers.problems import Refusal
from data_validation.readers.sas import (
    CELLS_AT_A_TIME,
    SasColumn,
    decoded,
    sas_table,
    special_missing,
)
from data_validation.readers.text import Table

_RECORD = 80
_PROMISE = 48  # Where a header record holds its numbers, after its 48 bytes of name.
_FIRST_NAMESTR = 8 * _RECORD
_NAMESTR_BYTES = 140
_NAMESTR = struct.Struct(">hhHh8s40s8shhh2s8shhi32s")
_NUMERIC, _CHARACTER = 1, 2
_BLANK = ord(" ")


@dataclass(frozen=True)
class _Variable(SasColumn):
    offset: int
    length: int


@dataclass(frozen=True)
class _Layout:
    """Where things are: ``data_start`` is the first byte of the first observation."""

    variables: tuple[_Variable, ...]
    data_start: int
    observation_bytes: int
    observations: int


def read_xport(data: bytes, limits: Limits) -> Table:
    """Read one transport file with one dataset; raises Refusal, or the error of the library."""
    layout = _layout(data)
    notes = _check_values(data, layout)
    frame, encoding_notes = decoded(
        lambda encoding: _decode_as(encoding, data, layout), layout.variables, "UTF-8", limits
    )
    return sas_table(layout.variables, frame, (*encoding_notes, *notes))


def _layout(data: bytes) -> _Layout:
    if not data:
        raise Refusal("is empty; send the file again.")
    if data.startswith(b"**COMPRESSED**"):
        raise Refusal("was made by PROC CPORT; make it with the XPORT engine or as CSV instead.")
    is_v8 = data.startswith(b"HEADER RECORD*******LIBV8 ")
    if not is_v8 and not data.startswith(b"HEADER RECORD*******LIBRARY "):
        raise Refusal("is not a SAS transport file; make it with the XPORT engine or as CSV.")
    if len(data) % _RECORD:
        raise _truncated("its size is not a whole number of 80-byte records")
    namestr_bytes = _number(_header(data, 3, "MEMBV8" if is_v8 else "MEMBER")[26:30])
    count = _number(_header(data, 7, "NAMSTV8" if is_v8 else "NAMESTR")[:10])
    if namestr_bytes != _NAMESTR_BYTES or not count:
        raise _unusual()
    described = _FIRST_NAMESTR + -(-count * _NAMESTR_BYTES // _RECORD) * _RECORD
    if len(data) < described:
        raise _truncated("it ends within the description of its variables")
    variables = _variables(data, count)
    start = _data_start(data, described, is_v8=is_v8)
    _refuse_second_member(data, start)
    observation_bytes = variables[-1].offset + variables[-1].length
    promised = _promised_observations(data, start) if is_v8 else None
    if promised is None:
        observations = _observations_found(data, start, observation_bytes)
    else:
        observations = promised
        _check_promise(data, start, observation_bytes, promised)
    return _Layout(variables, start, observation_bytes, observations)


def _header(data: bytes, record: int, name: str) -> bytes:
    """Return the numbers of a header record, refusing a file that has another one there."""
    header = data[record * _RECORD : (record + 1) * _RECORD]
    if not header:
        raise _truncated("it ends within its header")
    if not header.startswith(
        b"HEADER RECORD*******" + name.ljust(8).encode() + b"HEADER RECORD!!!"
    ):
        raise _unusual()
    return header[_PROMISE:]


def _number(digits: bytes) -> int:
    if not digits.isdigit():
        raise _unusual()
    return int(digits)


def _variables(data: bytes, count: int) -> tuple[_Variable, ...]:
    variables: list[_Variable] = []
    names: set[str] = set()
    end = 0
    for index in range(count):
        fields = _NAMESTR.unpack_from(data, _FIRST_NAMESTR + index * _NAMESTR_BYTES)
        kind, length, offset = fields[0], fields[2], fields[14]
        longest = 8 if kind == _NUMERIC else 32_767
        if kind not in {_NUMERIC, _CHARACTER} or not 1 <= length <= longest or offset != end:
            raise _unusual()
        end = offset + length
        # Version 8 repeats the name where version 5 has zeros, with room for 32 characters.
        name = (fields[15].strip(b"\0 ") or fields[4].strip(b"\0 ")).decode("utf-8", "replace")
        if not name or name in names:
            raise _unusual()
        names.add(name)
        sas_format = fields[6].strip(b"\0 ").decode("ascii", "replace").upper()
        variables.append(_Variable(name, kind == _CHARACTER, sas_format, offset, length))
    return tuple(variables)


def _data_start(data: bytes, described: int, *, is_v8: bool) -> int:
    name = b"OBSV8" if is_v8 else b"OBS"
    header = b"HEADER RECORD*******" + name.ljust(8) + b"HEADER RECORD!!!!!!!"
    at = data.find(header, described)
    while at >= 0 and at % _RECORD:
        at = data.find(header, at + 1)
    if at < 0:
        raise _truncated("it ends before its first observation")
    # Only version 8 has anything, long labels, between the variables and the observations.
    if at != described and not is_v8:
        raise _unusual()
    return at + _RECORD


def _refuse_second_member(data: bytes, start: int) -> None:
    for name in (b"MEMBER", b"MEMBV8"):
        header = b"HEADER RECORD*******" + name.ljust(8) + b"HEADER RECORD!!!!!!!"
        at = data.find(header, start)
        while at >= 0:
            if at % _RECORD == 0:
                raise Refusal("holds more than one dataset; send one dataset per file.")
            at = data.find(header, at + 1)


def _promised_observations(data: bytes, start: int) -> int | None:
    """Return the number of observations that a version 8 header states, None if it states none."""
    at = start - _RECORD + _PROMISE
    promise = data[at : at + 15]
    # All zeros is the filling of a writer that did not know; SAS writes an empty dataset as "0".
    if promise == b"0" * 15 or not promise.strip():
        return None
    if not promise.strip().isdigit():
        raise _unusual()
    return int(promise)


def _check_promise(data: bytes, start: int, observation_bytes: int, promised: int) -> None:
    end = start + promised * observation_bytes
    if end > len(data):
        raise _truncated("it ends before the last observation that its header promises")
    if data[end:].strip(b" "):
        raise Refusal(
            "holds more than the observations that its header promises; make the file again."
        )


def _observations_found(data: bytes, start: int, observation_bytes: int) -> int:
    available = len(data) - start
    observations = available // observation_bytes
    rest = data[start + observations * observation_bytes :]
    if len(rest) >= _RECORD or rest.strip(b" "):
        raise _truncated("it ends within an observation")
    # Where an observation is shorter than a record, the padding has room for blank ones.
    while observations:
        last = start + (observations - 1) * observation_bytes
        if len(data) - last >= _RECORD or data[last:].strip(b" "):
            break
        observations -= 1
    return observations


def _check_values(data: bytes, layout: _Layout) -> list[str]:
    """Refuse texts that would be cut at a NUL byte; return notes on special missing values."""
    size = layout.observations * layout.observation_bytes
    cells = np.frombuffer(data, dtype=np.uint8, count=size, offset=layout.data_start)
    cells = cells.reshape(layout.observations, layout.observation_bytes)
    notes = []
    for variable in layout.variables:
        part = cells[:, variable.offset : variable.offset + variable.length]
        if variable.is_text:
            _refuse_hidden_text(part, variable)
        elif _has_special_missing(part):
            notes.append(special_missing(variable.name))
    return notes


def _refuse_hidden_text(cells: npt.NDArray[np.uint8], variable: _Variable) -> None:
    rows = np.flatnonzero((cells == 0).any(axis=1))
    after_nul = np.logical_or.accumulate(cells[rows] == 0, axis=1)
    hidden = (after_nul & (cells[rows] != 0) & (cells[rows] != _BLANK)).any(axis=1)
    if hidden.any():
        raise Refusal(
            f"has a NUL byte within the text of data row {rows[hidden.argmax()] + 1}, column "
            f"{variable.name}, so it is damaged; make the file again."
        )


def _has_special_missing(cells: npt.NDArray[np.uint8]) -> bool:
    first = cells[:, 0]
    letter = ((first >= ord("A")) & (first <= ord("Z"))) | (first == ord("_"))
    return bool((letter & ~cells[:, 1:].any(axis=1)).any())


def _decode_as(encoding: str | None, data: bytes, layout: _Layout) -> pl.DataFrame:
    """Return all observations; numbers as floats, or as text where a slice has none."""
    step = max(1, CELLS_AT_A_TIME // len(layout.variables))
    slices = [
        _decode_slice(encoding, data, layout, first, min(step, layout.observations - first))
        for first in range(0, layout.observations, step)
    ]
    if not slices:
        slices = [_decode_slice(encoding, data, layout, 0, 0)]
    return pl.concat(slices)


def _decode_slice(
    encoding: str | None, data: bytes, layout: _Layout, first: int, count: int
) -> pl.DataFrame:
    """Return ``count`` observations from ``first`` on, by a file that holds nothing else."""
    begin = layout.data_start + first * layout.observation_bytes
    body = data[begin : begin + count * layout.observation_bytes]
    header = data[: layout.data_start - _RECORD + _PROMISE]
    numbers = (b"%15d" % count if b"OBSV8" in header[-_PROMISE:] else b"0" * 30).ljust(32)
    padding = b" " * (-len(body) % _RECORD)
    frame, _ = pyreadstat.read_xport(
        io.BytesIO(header + numbers + body + padding),
        output_format="polars",
        encoding=encoding,
        disable_datetime_conversion=True,
    )
    frame = frame.select(
        pl.Series(str(position), column, dtype=pl.String if variable.is_text else pl.Float64)
        for position, (variable, column) in enumerate(
            zip(layout.variables, frame.get_columns(), strict=True)
        )
    )
    # pyreadstat leaves out blank observations at the end, but they are rows like any other.
    missing = count - frame.height
    if missing and body[frame.height * layout.observation_bytes :].strip(b" "):
        raise _unusual()
    return frame.vstack(frame.clear(missing)) if missing else frame


def _truncated(how: str) -> Refusal:
    return Refusal(f"is cut off: {how}; send the file again.")


def _unusual() -> Refusal:
    return Refusal(
        "is not laid out as a SAS transport file; make it with the XPORT engine or as CSV."
    )
