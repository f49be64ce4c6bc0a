"""Folder of one run: `config.yaml`, two CSV files, `checkpoints/` and `seed-<k>/`."""

import dataclasses
import itertools
import os
import re
import stat
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any, Self

from ddpg.config.fields import refusal
from ddpg.config.settings import Config
from ddpg.config.types import EnvironmentSource
from ddpg.config.yaml_file import read_settings
from ddpg.errors import ConfigError
from ddpg.runs.files import atomic_folder, write_file
from ddpg.runs.lock import LOCK_FILE
from ddpg.runs.manifest import may_be_deleted

_MAY_CHANGE_ON_RESUME = {
    "steps",
    "actor_learning_rate",
    "critic_learning_rate",
    "learning_rate_final",
    "learning_rate_steps",
    "evaluation_every",
    "evaluation_episodes",
    "evaluation_max_steps",
    "stop_at_return",
    "log_every",
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
_NAMED_IF_CHANGED = ("actor_stop", "bootstrap_actor", "manual_scale", "manual_every")
"""Settings in the default name of a run if they differ from their defaults."""
_DEVICES = r"con|prn|aux|nul|com[0-9]|lpt[0-9]"
"""Names that Windows keeps for devices, with any suffix."""


class _NameTakenError(ConfigError):
    """The folder of a run exists."""


class RunFolder:
    """Files of one run. Existing files are never overwritten.

    Args:
        path: the folder.
    """

    def __init__(self, path: Path):
        self.path = path
        self.config_file = path / "config.yaml"
        self.metrics_file = path / "metrics.csv"
        self.weights_file = path / "weights.csv"
        self.checkpoints = path / "checkpoints"
        self.best_file = path / "best" / "policy.pt"

    @classmethod
    def create(cls, config: Config) -> Self:
        """Create a folder with the name in `config`, or a default name and a number.

        The default is `<env>-<stop>-<seed>`. In front of the seed it has `<setting>=<value>` for
        each setting of a stop that differs from the default, such as `bootstrap_actor=live`.

        Raises:
            ConfigError: the name is taken or not allowed, or the folder cannot be created.
        """
        if config.name and not _is_portable(config.name):
            allowed = 'a name without < > : " | ? * that Windows allows too'
            raise ConfigError(refusal("name", config.name, allowed))
        runs = Path(config.runs)
        if config.name is not None:
            return cls._create(runs, config.name, config)
        for name in _numbered(_default_name(config)):
            # Another run may take the name between the look and the rename.
            if not os.path.lexists(runs / name):
                with suppress(_NameTakenError):
                    return cls._create(runs, name, config)
        raise AssertionError("unreachable: the numbers do not end")

    @classmethod
    def _create(cls, runs: Path, name: str, config: Config) -> Self:
        folder = cls(runs / name)
        taken = _NameTakenError(
            f"name: {name!r} is not allowed, since {folder.path} exists; allowed: a new name, "
            "or resume, which continues that run"
        )
        if os.path.lexists(folder.path):
            raise taken
        try:
            # Fails if another run has taken the name in the meantime.
            with atomic_folder(folder.path) as unfinished:
                text = dataclasses.replace(config, name=name).to_yaml()
                cls(unfinished).config_file.write_text(text, encoding="utf-8")
        except OSError as error:
            if os.path.lexists(folder.path):
                raise taken from error
            raise ConfigError(
                f"cannot create a folder in runs={config.runs!r}: {error.strerror}"
            ) from error
        return folder

    @classmethod
    def existing(cls, config: Config) -> Self:
        """Return the folder of the run that `config` resumes.

        Raises:
            ConfigError: the folder does not exist, or its run had other settings.
        """
        folder = cls(Path(config.runs) / str(config.name))
        stored = folder.load_config(config.env_name)
        # A callable is compared by its name.
        named = dataclasses.replace(config, env=config.env_name)
        for field in dataclasses.fields(Config):
            old, new = getattr(stored, field.name), getattr(named, field.name)
            # A folder may have been renamed or copied: its name is where it was found.
            if old != new and field.name not in {*_MAY_CHANGE_ON_RESUME, "name"}:
                raise ConfigError(
                    f"{field.name}: {new!r} is not allowed, since the run {config.name!r} has "
                    f"{old!r}; allowed to change on resume: "
                    f"{', '.join(sorted(_MAY_CHANGE_ON_RESUME))}"
                )
        return folder

    def store_config(self, config: Config) -> list[str]:
        """Write the settings that changed on resume to `config.yaml`; return them as text.

        The text does not have the length of the run and its place, which a moved folder changes.
        """
        lasting = dataclasses.replace(
            config, env=config.env_name, resume=False, resume_from="newest"
        )
        stored = self.stored_config().to_dict()
        changed = {
            name: value for name, value in lasting.to_dict().items() if value != stored[name]
        }
        if changed:
            write_file(self.config_file, lasting.to_yaml())
        return [
            f"{name} {value!r} instead of {stored[name]!r}"
            for name, value in changed.items()
            if name not in ("runs", "name", "steps")
        ]

    def has_metrics(self) -> bool:
        """Return whether `metrics.csv` has a row."""
        return self.metrics_file.is_file() and self.metrics_file.read_bytes().count(b"\n") > 1

    def never_began(self) -> bool:
        """Return whether this is a run that was stopped before its first checkpoint."""
        if not self.path.is_dir() or self.path.is_symlink():
            return False
        own = {self.config_file, self.metrics_file, self.weights_file, self.checkpoints}
        own |= {self.path / LOCK_FILE, self.best_file.parent}
        return (
            all(path in own or path.name.startswith("seed-") for path in self.path.iterdir())
            and not self.has_metrics()
            and all(may_be_deleted(file.name) for file in self.checkpoints.glob("*"))
        )

    def load_config(self, env: EnvironmentSource | None = None) -> Config:
        """Read the settings of the run, to create its environment.

        Args:
            env: environment that the caller allows; see `Config.load`.

        Raises:
            ConfigError: this is not a run folder, or its environment would import a module.
        """
        self._require_config()
        return Config.load(self.config_file, env)

    def stored_config(self) -> Config:
        """Read the settings of the run; unlike `load_config`, allow any `env`.

        Raises:
            ConfigError: this is not a run folder.
        """
        self._require_config()
        return Config.from_dict(read_settings(self.config_file))

    def member(self, seed: int) -> Path:
        """Return the folder of the TensorBoard run of the member with `seed`."""
        return self.path / f"seed-{seed}"

    def _require_config(self) -> None:
        """Raise a ConfigError unless this is a run folder whose files are its own."""
        try:
            is_run = stat.S_ISREG(self.config_file.stat().st_mode)
        except (FileNotFoundError, NotADirectoryError):
            is_run = False
        except OSError as error:
            raise ConfigError(f"cannot read {self.path}: {error.strerror}") from error
        if not is_run:
            raise ConfigError(f"{self.path} is not a run folder: it has no config.yaml")
        for path in self.path.rglob("*"):
            if path.is_symlink():
                raise ConfigError(f"cannot use {path}: it is a link; allowed: files and folders")


def fixed_settings(config: Config) -> dict[str, Any]:
    """Return the settings that a run keeps from its first step to its last."""
    changing = {*_MAY_CHANGE_ON_RESUME, "name"}
    return {name: value for name, value in config.to_dict().items() if name not in changing}


def folder_text(value: Any) -> str:
    """Return the value of a setting as a part of a folder's name."""
    if isinstance(value, Mapping):
        return "+".join(f"{key}-{inner}" for key, inner in value.items())
    if isinstance(value, list):
        return "x".join(map(str, value))
    return str(value)


def _default_name(config: Config) -> str:
    """Return the name of a run whose settings have no `name`."""
    default = Config()
    differing = [
        f"{name}={folder_text(getattr(config, name))}"
        for name in _NAMED_IF_CHANGED
        if getattr(config, name) != getattr(default, name)
    ]
    words = "-".join([config.env_name, config.stop, *differing, str(config.seed)])
    return re.sub(r"[^\w.+=,-]", "_", words)


def _is_portable(name: str) -> bool:
    """Return whether Windows too allows a file of this name.

    Source: https://learn.microsoft.com/windows/win32/fileio/naming-a-file
    """
    is_device = re.fullmatch(_DEVICES, name.partition(".")[0].rstrip(), re.IGNORECASE)
    return not (set(name) & set('<>:"|?*') or name.endswith((".", " ")) or is_device)


def _numbered(stem: str) -> Iterator[str]:
    return itertools.chain([stem], (f"{stem}-{number}" for number in itertools.count(2)))
