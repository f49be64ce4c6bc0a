"""The folder of one run: `config.yaml`, two CSV files, `checkpoints/` and `seed-<k>/`."""

import dataclasses
import itertools
import os
from pathlib import Path
from typing import Self

from ddpg.config.settings import Config
from ddpg.errors import ConfigError
from ddpg.runs.files import atomic_folder, write_file
from ddpg.config.yaml_file import read_settings

_MAY_CHANGE_ON_RESUME = {
    "steps",
    "evaluation_episodes",
    "tensorboard",
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
            try:
                # Fails if another run has taken the name meanwhile.
                with atomic_folder(folder.path) as unfinished:
                    text = dataclasses.replace(config, name=name).to_yaml()
                    cls(unfinished).config_file.write_text(text, encoding="utf-8")
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
            write_file(self.config_file, lasting.to_yaml())

    def was_tracked(self) -> bool:
        """Whether the run has written any row of its curves."""
        return self.metrics_file.is_file() and self.metrics_file.read_bytes().count(b"\n") > 1

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


def _numbered(stem: str) -> "itertools.chain[str]":
    return itertools.chain([stem], (f"{stem}-{number}" for number in itertools.count(2)))
