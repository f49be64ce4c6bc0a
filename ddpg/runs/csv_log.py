"""`metrics.csv` and `weights.csv`: a row a step and member, written, cut off, and read back."""

import csv
import os
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple, Self

from ddpg.errors import ConfigError
from ddpg.runs.files import names_path
from ddpg.config.types import LARGEST_INTEGER

_KEYS = ("step", "member")


class Row(NamedTuple):
    """One line of the file."""

    line: int
    """Counted from the header, 1."""
    step: int
    member: int
    values: dict[str, str]
    """Column -> what it holds; columns that are empty are left out."""


class RowsFile:
    """A CSV file with the columns `step` and `member`, then others; empty where there is no value.

    Only what config and seed determine goes here, so two equal runs have equal files. It is not
    touched before `open`.

    Args:
        path: the file; it is made if need be.
        columns: the columns after `step` and `member`.
        resumed_at: environment step of the checkpoint that the run goes on from, or None; later
            rows are cut off, since they will be written again.

    Raises:
        ConfigError: the file of a resumed run is not one that it wrote.
    """

    def __init__(self, path: Path, columns: list[str], resumed_at: int | None):
        columns = [*_KEYS, *columns]
        self._path = path
        self._kept = 0
        if resumed_at is not None and path.is_file():
            self._kept = _kept(path, columns, resumed_at)
        self._columns = columns

    def open(self) -> Self:
        """Cut off what is behind the checkpoint, and begin to write."""
        if self._kept:
            os.truncate(self._path, self._kept)
        mode = "a" if self._kept else "w"
        self._file = self._path.open(mode, newline="", encoding="utf-8")
        self._writer = csv.DictWriter(self._file, self._columns)
        if not self._kept:
            self._writer.writeheader()
        return self

    def write(self, step: int, member: int, values: Mapping[str, float | str]) -> None:
        """Add one row and hand it to the system."""
        with names_path(self._path):
            self._writer.writerow({"step": step, "member": member, **values})
            self._file.flush()

    def sync(self) -> None:
        """Wait until every row is on the disk."""
        with names_path(self._path):
            self._file.flush()
            os.fsync(self._file.fileno())

    def close(self) -> None:
        with names_path(self._path):
            self._file.close()


def read_rows(path: Path, columns: tuple[str, ...], members: int) -> tuple[list[str], list[Row]]:
    """The file's columns but `step` and `member`, and its rows.

    Args:
        path: the file.
        columns: those that it must have beside `step` and `member`.
        members: of the run.

    Raises:
        ConfigError: it is not a file that a run of so many members wrote.
    """
    try:
        text = path.read_text(encoding="utf-8")
        # A field that is larger than any of ours, or a NUL byte, is no CSV.
        lines = list(csv.reader(text.splitlines()))
    except OSError as error:
        raise ConfigError(f"{path} cannot be read: {error.strerror}") from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise ConfigError(f"{path} cannot be read: {error}") from error
    if not lines:
        raise ConfigError(f"{path} is empty")
    header, *rows = lines
    lacking = [column for column in (*_KEYS, *columns) if column not in header]
    if lacking:
        raise ConfigError(f"{path} has no column {', '.join(lacking)}")
    if not text.endswith("\n"):
        raise ConfigError(f"{path} breaks off in line {len(lines)}")
    read = [_row(path, number, header, row, members) for number, row in enumerate(rows, start=2)]
    return [column for column in header if column not in _KEYS], read


def _row(path: Path, number: int, header: list[str], fields: list[str], members: int) -> Row:
    if len(fields) != len(header):
        raise ConfigError(
            f"{path} has {len(fields)} fields in line {number}, and {len(header)} columns"
        )
    values = {column: field for column, field in zip(header, fields, strict=True) if field}
    try:
        step, member = (int(values.pop(key, "")) for key in _KEYS)
    except ValueError as error:
        raise ConfigError(f"{path} has no number in line {number}: {error}") from error
    if not 0 <= step <= LARGEST_INTEGER:
        raise ConfigError(f"{path} has step {step} in line {number}, which no run has")
    if not 0 <= member < members:
        raise ConfigError(f"{path} has member {member} in line {number}, and config.yaml {members}")
    return Row(number, step, member, values)


def number(path: Path, row: Row, column: str) -> float:
    """What a row holds in a column that is not empty.

    Raises:
        ConfigError: it is no number.
    """
    try:
        return float(row.values[column])
    except ValueError as error:
        raise ConfigError(f"{path} has no number in line {row.line}: {error}") from error


def _kept(path: Path, columns: list[str], last: int) -> int:
    """The bytes of `path` up to the rows of step `last`."""
    header, *rows = path.read_bytes().splitlines(keepends=True) or [b""]
    if not header.endswith(b"\n"):
        return 0
    if header.strip() != ",".join(columns).encode():
        raise ConfigError(f"{path} has other columns than this version of ddpg writes")
    kept = len(header)
    for line, row in enumerate(rows, start=2):
        # The last row of a run that was killed may lack its end.
        if not row.endswith(b"\n"):
            break
        step = row.partition(b",")[0]
        if (
            not step.isdigit()
            or len(step) > len(str(LARGEST_INTEGER))
            or row.count(b",") != len(columns) - 1
        ):
            raise ConfigError(
                f"{path} has in line {line} no row of a run; allowed: a step, and "
                f"{len(columns) - 1} other columns"
            )
        if int(step) > last:
            break
        kept += len(row)
    return kept
