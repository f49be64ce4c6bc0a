"""CSV logs of a run, `metrics.csv` and `weights.csv`: write, truncate on resume, and read."""

import csv
import os
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple, Self

from ddpg.config.fields import shorten
from ddpg.config.types import LARGEST_INTEGER
from ddpg.errors import ConfigError
from ddpg.runs.files import flush_folder, names_path, read_regular

_KEYS = ("step", "member")
_LARGEST_VALUE = 1e100
"""Largest absolute value of a curve that is drawn; sums and squares of such values are finite."""


class LoggedRow(NamedTuple):
    """One line of a CSV log."""

    line: int
    """Line number; the header is line 1."""
    step: int
    member: int
    values: dict[str, str]
    """Column -> text, without empty columns."""


class CsvLog:
    """CSV file with the columns `step`, `member` and others; a missing value is empty.

    Its content depends on config and seed only, so equal runs have equal files. The file is
    not changed before `open`.

    Args:
        path: the file; it is created if it does not exist.
        columns: the columns after `step` and `member`.
        resumed_at: environment step of the loaded checkpoint, or None. Later rows are removed,
            since the run writes them again.
        rows: number of rows up to there, which the checkpoint holds; None: unknown.

    Raises:
        ConfigError: a resumed run did not write this file, or rows are missing.
    """

    def __init__(
        self, path: Path, columns: list[str], resumed_at: int | None, rows: int | None = None
    ):
        self._path = path
        self._columns = [*_KEYS, *columns]
        self._size = 0
        """Bytes to keep, header included."""
        self.rows = 0
        """Number of rows."""
        if os.path.lexists(path) and not path.is_file():
            raise ConfigError(f"cannot continue {path}: it is not a regular file")
        if resumed_at is not None and path.is_file():
            self._size, self.rows = _size_up_to(resumed_at, path, self._columns)
        if rows is not None and self.rows != rows:
            raise ConfigError(
                f"cannot continue {path}: it has {self.rows:,} rows up to environment step "
                f"{resumed_at:,}; allowed: {rows:,}, the number in the checkpoint"
            )

    def open(self) -> Self:
        """Remove the rows after the checkpoint and open the file for writing."""
        if self._size:
            os.truncate(self._path, self._size)
        self._file = self._path.open("a" if self._size else "w", newline="", encoding="utf-8")
        self._writer = csv.DictWriter(self._file, self._columns)
        if not self._size:
            self._writer.writeheader()
            self._file.flush()
            flush_folder(self._path.parent)
        return self

    def write(self, step: int, member: int, values: Mapping[str, float | str]) -> None:
        """Add one row and pass it to the operating system."""
        with names_path(self._path):
            self._writer.writerow({"step": step, "member": member, **values})
            self._file.flush()
        self.rows += 1

    def sync(self) -> None:
        """Flush every row to disk."""
        with names_path(self._path):
            self._file.flush()
            os.fsync(self._file.fileno())

    def close(self) -> None:
        """Close the file."""
        with names_path(self._path):
            self._file.close()


def read_rows(
    path: Path, columns: tuple[str, ...], members: int
) -> tuple[list[str], list[LoggedRow]]:
    """Read a CSV log: its columns other than `step` and `member`, and its rows.

    Args:
        path: the file.
        columns: columns that it must have besides `step` and `member`.
        members: members of the run.

    Raises:
        ConfigError: no run with this many members wrote the file.
    """
    try:
        text = read_regular(path).decode("utf-8")
        # Raises for a NUL byte and for a field longer than the csv module allows.
        lines = list(csv.reader(text.splitlines()))
    except OSError as error:
        raise ConfigError(f"cannot read {path}: {error.strerror}") from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise ConfigError(f"cannot read {path}: {error}") from error
    if not lines:
        raise ConfigError(f"cannot read {path}: it is empty")
    header, *rows = lines
    missing = [column for column in (*_KEYS, *columns) if column not in header]
    if missing:
        raise ConfigError(f"cannot read {path}: it has no column {', '.join(missing)}")
    if not text.endswith("\n"):
        raise ConfigError(f"cannot read {path}: line {len(lines)} is incomplete")
    read = [_parse_row(path, line, header, row, members) for line, row in enumerate(rows, start=2)]
    return [column for column in header if column not in _KEYS], read


def parse_number(path: Path, row: LoggedRow, column: str) -> float:
    """Return the number in a column of a row that is not empty.

    Raises:
        ConfigError: the text is not a number.
    """
    try:
        return float(row.values[column])
    except ValueError as error:
        raise _not_a_number(path, row.line, error) from error


def parse_value(path: Path, row: LoggedRow, column: str) -> float:
    """Return the number in a column that is not empty, if a curve of it can be drawn.

    Raises:
        ConfigError: the text is not a number, or the number is too large.
    """
    number = parse_number(path, row, column)
    if not abs(number) <= _LARGEST_VALUE:
        raise ConfigError(
            f"cannot read {path}: line {row.line} has {column} {shorten(row.values[column])}; "
            f"allowed: numbers from -{_LARGEST_VALUE:g} to {_LARGEST_VALUE:g}"
        )
    return number


def _parse_row(
    path: Path, line: int, header: list[str], fields: list[str], members: int
) -> LoggedRow:
    if len(fields) != len(header):
        raise ConfigError(
            f"cannot read {path}: line {line} has {len(fields)} fields; allowed: {len(header)}"
        )
    values = {column: field for column, field in zip(header, fields, strict=True) if field}
    try:
        step, member = (int(values.pop(key, "")) for key in _KEYS)
    except ValueError as error:
        raise _not_a_number(path, line, error) from error
    for name, value, largest in (
        ("step", step, LARGEST_INTEGER),
        ("member", member, members - 1),
    ):
        if not 0 <= value <= largest:
            raise ConfigError(
                f"cannot read {path}: line {line} has {name} {value}; allowed: 0 to {largest:,}"
            )
    return LoggedRow(line, step, member, values)


def _not_a_number(path: Path, line: int, error: ValueError) -> ConfigError:
    return ConfigError(f"cannot read {path}: line {line} has an invalid number: {error}")


def _size_up_to(last: int, path: Path, columns: list[str]) -> tuple[int, int]:
    """Return the size in bytes of the header and the rows up to step `last`, and their number.

    Without a header both are 0.

    Raises:
        ConfigError: a run with these columns did not write the file.
    """
    header, *rows = path.read_bytes().splitlines(keepends=True) or [b""]
    if not header.endswith(b"\n"):
        return 0, 0
    if header.strip() != ",".join(columns).encode():
        raise ConfigError(
            f"cannot continue {path}: its columns are not the ones of this version of ddpg"
        )
    size, count = len(header), 0
    for line, row in enumerate(rows, start=2):
        # A killed run may leave an incomplete last row.
        if not row.endswith(b"\n"):
            break
        step = row.partition(b",")[0]
        if (
            not step.isdigit()
            or len(step) > len(str(LARGEST_INTEGER))
            or row.count(b",") != len(columns) - 1
        ):
            raise ConfigError(
                f"cannot continue {path}: line {line} is not a valid row; allowed: a step and "
                f"{len(columns) - 1} other columns"
            )
        if int(step) > last:
            break
        size, count = size + len(row), count + 1
    return size, count
