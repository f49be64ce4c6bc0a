"""The folder of one run: `config.yaml`, `metrics.csv`, `checkpoints/` and `seed-<k>/`."""

import csv
import dataclasses
import itertools
from collections.abc import Mapping
from pathlib import Path
from typing import Self

from ddpg.config import Config, ConfigError
from ddpg.settings_file import read_settings

_MAY_CHANGE_ON_RESUME = {
    "steps",
    "evaluation_episodes",
    "checkpoint_every",
    "device",
    "threads",
    "runs",
    "resume",
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
            try:
                folder.path.mkdir(parents=True)
            except FileExistsError as error:
                if config.name is None and runs.is_dir():
                    continue
                raise ConfigError(
                    f"name is {config.name!r}, and {folder.path} exists; allowed: a new name, or "
                    "resume, which goes on with it"
                ) from error
            except OSError as error:
                raise ConfigError(
                    f"runs is {config.runs!r}, where no folder can be made: {error.strerror}"
                ) from error
            resolved = dataclasses.replace(config, name=name)
            folder.config_file.write_text(resolved.to_yaml(), encoding="utf-8")
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


class MetricsFile:
    """`metrics.csv`: columns `step`, `member`, then one a tag; empty where there is no value.

    Only what config and seed determine goes here, so two equal runs have equal files.

    Args:
        path: the file; it is made if need be.
        tags: the columns after `step` and `member`.
        resumed_at: environment step of the checkpoint that the run goes on from, or None; later
            rows are dropped, since they will be written again.
    """

    def __init__(self, path: Path, tags: list[str], resumed_at: int | None):
        columns = ["step", "member", *tags]
        kept: list[dict[str, str]] = []
        if resumed_at is not None and path.is_file():
            with path.open(newline="", encoding="utf-8") as file:
                kept = [row for row in csv.DictReader(file) if int(row["step"]) <= resumed_at]
        self._file = path.open("w", newline="", encoding="utf-8")
        self._writer = csv.DictWriter(self._file, columns)
        self._writer.writeheader()
        self._writer.writerows(kept)

    def write(self, step: int, member: int, values: Mapping[str, float]) -> None:
        """Add one row and hand it to the system."""
        self._writer.writerow({"step": step, "member": member, **values})
        self._file.flush()

    def close(self) -> None:
        self._file.close()


def _numbered(stem: str) -> "itertools.chain[str]":
    return itertools.chain([stem], (f"{stem}-{number}" for number in itertools.count(2)))
