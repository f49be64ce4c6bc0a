"""Where two runs part: the first evaluation at which the weights of a member differ."""

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ddpg.config.settings import Config
from ddpg.errors import ConfigError
from ddpg.runs.csv_log import read_rows
from ddpg.runs.folder import RunFolder

_NOT_LEARNED = {"runs", "name", "resume", "resume_from"}
"""Settings that say where a run is, and nothing about what it learns."""


@dataclass(frozen=True)
class Comparison:
    """What two runs have in common."""

    settings: dict[str, tuple[Any, Any]]
    """Settings that differ, and both values."""
    seeds: list[int]
    """Members that both have, by their seeds."""
    agree_until: int | None
    """Last common evaluation at which the weights of all of these are equal; None: none is."""
    parts_at: int | None
    """First common evaluation at which those of a member differ; None: there is none."""
    parting: list[int]
    """Whose differ there, by their seeds."""

    def __str__(self) -> str:
        sentences = [
            f"{name} is {one!r} in the first and {other!r} in the second."
            for name, (one, other) in self.settings.items()
        ]
        if self.parts_at is None:
            sentences.append(f"The weights agree up to step {self.agree_until:,}.")
        else:
            before = "" if self.agree_until is None else f" They agree up to {self.agree_until:,}."
            seeds = ", ".join(map(str, self.parting))
            sentences.append(
                f"The weights part at step {self.parts_at:,}, those of the members with the seeds "
                f"{seeds}.{before}"
            )
        return "\n".join(sentences)


def compare(one: str | Path, other: str | Path) -> Comparison:
    """Compare the weights of two runs at every evaluation that both made.

    Args:
        one: a run's folder.
        other: another's; members are matched by their seeds.

    Raises:
        ConfigError: one is no run, or they have no evaluation of a member in common.
    """
    folders = [RunFolder(Path(one)), RunFolder(Path(other))]
    configs = [folder.stored_config() for folder in folders]
    hashes = [_hashes(folder, config) for folder, config in zip(folders, configs, strict=True)]
    common = sorted(hashes[0].keys() & hashes[1].keys())
    if not common:
        raise ConfigError(
            f"{one} and {other} have no evaluation in common, at which a member's weights could "
            "be compared (evaluation_every; members are matched by their seeds)"
        )
    different = [key for key in common if hashes[0][key] != hashes[1][key]]
    parts_at = different[0][0] if different else None
    equal = [step for step, _ in common if parts_at is None or step < parts_at]
    return Comparison(
        settings=_differing_settings(*configs),
        seeds=sorted({seed for _, seed in common}),
        agree_until=equal[-1] if equal else None,
        parts_at=parts_at,
        parting=[seed for step, seed in different if step == parts_at],
    )


def _hashes(folder: RunFolder, config: Config) -> dict[tuple[int, int], str]:
    """Environment step and seed -> hash of the member's weights."""
    if not folder.weights_file.is_file():
        raise ConfigError(f"{folder.path} has no {folder.weights_file.name} to compare")
    _, rows = read_rows(folder.weights_file, ("sha256",), config.members)
    return {(row.step, config.seed + row.member): row.values.get("sha256", "") for row in rows}


def _differing_settings(one: Config, other: Config) -> dict[str, tuple[Any, Any]]:
    pairs = {
        field.name: (getattr(one, field.name), getattr(other, field.name))
        for field in dataclasses.fields(Config)
    }
    return {
        name: pair
        for name, pair in pairs.items()
        if pair[0] != pair[1] and name not in _NOT_LEARNED
    }
