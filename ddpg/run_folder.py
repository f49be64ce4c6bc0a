"""The folder of one run: `config.yaml`, two CSV files, `checkpoints/` and `seed-<k>/`."""

import csv
import dataclasses
import itertools
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Self

from ddpg.config import Config, ConfigError
from ddpg.faults import writing
from ddpg.settings_file import read_settings

_MAY_CHANGE_ON_RESUME = {
    "steps",
    "evaluation_episodes",
    "checkpoint_every",
    "on_divergence",
    "environment_timeout",
    "device",
    "threads",
    "runs",
    "resume",
    "resume_from",
}


class RunFolder:
    """The files of one run. Nothing that exists is overwritten.

    Args:
        path: the folder.
    """

    def __init__(self, path: Path):
        self.path = path
        self.config_file = path / "config.yaml"
        self.metrics_file = path / "metrics.csv"
        self.weights_file = path / "weights.csv"
        self.checkpoints = path / "checkpoints"

    @classmethod
    def create(cls, config: Config) -> Self:
        """A new folder for `config`, named by it or as `<env>-<stop>-<seed>`.

        Raises:
            ConfigError: the name is taken, or the folder cannot be made.
        """
        runs = Path(config.runs)
        stem = f"{config.env}-{config.stop}-{config.seed}".replace("/", "_").replace(":", "_")
        names = [config.name] if config.name else _numbered(stem)
        for name in names:
            folder = cls(runs / name)
            if os.path.lexists(folder.path):
                if config.name is None:
                    continue
                raise ConfigError(
                    f"name is {config.name!r}, and {folder.path} exists; allowed: a new name, or "
                    "resume, which goes on with it"
                )
            # A run is a folder with settings in it from its first moment.
            unfinished = cls(runs / f".{name}.{os.getpid()}.unfinished")
            try:
                unfinished.path.mkdir(parents=True)
                unfinished._write_config(dataclasses.replace(config, name=name))
                # Fails if another run has taken the name meanwhile.
                unfinished.path.rename(folder.path)
            except OSError as error:
                raise ConfigError(
                    f"runs is {config.runs!r}, where no folder can be made: {error.strerror}"
                ) from error
            return folder
        raise AssertionError("unreachable: the names are endless")

    @classmethod
    def existing(cls, config: Config) -> Self:
        """The folder that `config` resumes.

        Raises:
            ConfigError: it does not exist, or its run had other settings.
        """
        folder = cls(Path(config.runs) / str(config.name))
        stored = folder.load_config(config.env)
        for field in dataclasses.fields(Config):
            old, new = getattr(stored, field.name), getattr(config, field.name)
            if old != new and field.name not in _MAY_CHANGE_ON_RESUME:
                raise ConfigError(
                    f"{field.name} is {new!r}, and the run {config.name!r} has {old!r}; allowed "
                    f"to change on resume: {', '.join(sorted(_MAY_CHANGE_ON_RESUME))}"
                )
        return folder

    def remember(self, config: Config) -> None:
        """Put what `config` changes on resume into `config.yaml`, for the next time."""
        lasting = dataclasses.replace(config, resume=False, resume_from="newest")
        if lasting != self.stored_config():
            self._write_config(lasting)

    def was_tracked(self) -> bool:
        """Whether the run has written any row of its curves."""
        return self.metrics_file.is_file() and self.metrics_file.read_bytes().count(b"\n") > 1

    def _write_config(self, config: Config) -> None:
        unfinished = self.path / f"{self.config_file.name}.unfinished"
        unfinished.write_text(config.to_yaml(), encoding="utf-8")
        unfinished.replace(self.config_file)

    def load_config(self, env: str | None = None) -> Config:
        """The settings of the run, to make its environment.

        Args:
            env: the environment that the caller names himself; see `Config.load`.

        Raises:
            ConfigError: there is no run here, or its environment would import a module.
        """
        self._require()
        return Config.load(self.config_file, env)

    def stored_config(self) -> Config:
        """The settings of the run, to look at: its `env` may name a module to import.

        Raises:
            ConfigError: there is no run here.
        """
        self._require()
        return Config.from_dict(read_settings(self.config_file))

    def _require(self) -> None:
        if not self.config_file.is_file():
            raise ConfigError(f"{self.path} is no run: it has no config.yaml")

    def member(self, seed: int) -> Path:
        """The TensorBoard run of the member with `seed`."""
        return self.path / f"seed-{seed}"


class RowsFile:
    """A CSV file with the columns `step` and `member`, then others; empty where there is no value.

    Only what config and seed determine goes here, so two equal runs have equal files.

    Args:
        path: the file; it is made if need be.
        columns: the columns after `step` and `member`.
        resumed_at: environment step of the checkpoint that the run goes on from, or None; later
            rows are cut off, since they will be written again.

    Raises:
        ConfigError: the file of a resumed run has other columns.
    """

    def __init__(self, path: Path, columns: list[str], resumed_at: int | None):
        columns = ["step", "member", *columns]
        kept = 0
        if resumed_at is not None and path.is_file():
            kept = _cut(path, columns, resumed_at)
        self._path = path
        self._file = path.open("a" if kept else "w", newline="", encoding="utf-8")
        self._writer = csv.DictWriter(self._file, columns)
        if not kept:
            self._writer.writeheader()

    def write(self, step: int, member: int, values: Mapping[str, float | str]) -> None:
        """Add one row and hand it to the system."""
        with writing(self._path):
            self._writer.writerow({"step": step, "member": member, **values})
            self._file.flush()

    def sync(self) -> None:
        """Wait until every row is on the disk."""
        with writing(self._path):
            self._file.flush()
            os.fsync(self._file.fileno())

    def close(self) -> None:
        with writing(self._path):
            self._file.close()


def _cut(path: Path, columns: list[str], last: int) -> int:
    """Cut `path` off behind the rows of step `last`, and tell how many bytes remain."""
    header, *rows = path.read_bytes().splitlines(keepends=True) or [b""]
    if not header.endswith(b"\n"):
        return 0
    if header.decode("utf-8").strip() != ",".join(columns):
        raise ConfigError(f"{path} has other columns than this version of ddpg writes")
    kept = len(header)
    for row in rows:
        # The last row of a run that was killed may lack its end.
        if not row.endswith(b"\n") or int(row.partition(b",")[0]) > last:
            break
        kept += len(row)
    os.truncate(path, kept)
    return kept


def _numbered(stem: str) -> "itertools.chain[str]":
    return itertools.chain([stem], (f"{stem}-{number}" for number in itertools.count(2)))
