"""Comparison of two runs: the first evaluation at which the weights of a member differ."""

import dataclasses
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ddpg.config.settings import Config
from ddpg.errors import ConfigError
from ddpg.runs.csv_log import read_rows
from ddpg.runs.folder import RunFolder

_PLACE_SETTINGS = {"runs", "name", "resume", "resume_from"}
"""Settings of the place of a run, which do not affect its weights."""


@dataclass(frozen=True)
class WeightComparison:
    """Agreement of two runs."""

    settings: dict[str, tuple[Any, Any]]
    """Settings that differ, and both values."""
    seeds: list[int]
    """Seeds of the members that both runs have."""
    equal_until: int | None
    """Last common evaluation at which all weights are equal; None: there is none."""
    differs_at: int | None
    """First common evaluation at which weights of a member differ; None: there is none."""
    differing_seeds: list[int]
    """Seeds of the members that differ there."""

    def __str__(self) -> str:
        sentences = [
            f"{name} is {one!r} in the first and {other!r} in the second."
            for name, (one, other) in self.settings.items()
        ]
        if self.differs_at is None:
            sentences.append(f"The weights are equal up to step {self.equal_until:,}.")
        else:
            seeds = ", ".join(map(str, self.differing_seeds))
            sentences.append(
                f"The weights differ at step {self.differs_at:,}, for the members with the seeds "
                f"{seeds}."
            )
            if self.equal_until is not None:
                sentences[-1] += f" They are equal up to step {self.equal_until:,}."
        return "\n".join(sentences)


def compare_weights(one: str | Path, other: str | Path) -> WeightComparison:
    """Compare the weights of two runs at every evaluation that both made.

    Args:
        one: folder of a run.
        other: folder of another run; members are matched by their seeds.

    Raises:
        ConfigError: a folder is not a run folder, or the runs have no evaluation in common.
    """
    folders = [RunFolder(Path(one)), RunFolder(Path(other))]
    configs = [folder.stored_config() for folder in folders]
    hashes = [_hashes(folder, config) for folder, config in zip(folders, configs, strict=True)]
    common = sorted(hashes[0].keys() & hashes[1].keys())
    if not common:
        raise ConfigError(
            f"cannot compare {one} and {other}: no member, matched by its seed, was evaluated at "
            "the same step in both"
        )
    different = [key for key in common if hashes[0][key] != hashes[1][key]]
    differs_at = different[0][0] if different else None
    equal = [step for step, _ in common if differs_at is None or step < differs_at]
    return WeightComparison(
        settings=_differing_settings(*configs),
        seeds=sorted({seed for _, seed in common}),
        equal_until=equal[-1] if equal else None,
        differs_at=differs_at,
        differing_seeds=[seed for step, seed in different if step == differs_at],
    )


def _hashes(folder: RunFolder, config: Config) -> dict[tuple[int, int], str]:
    """Return environment step and seed -> hash of the member's weights."""
    file = folder.weights_file
    if not file.is_file():
        raise ConfigError(f"cannot read {file}: it does not exist")
    _, rows = read_rows(file, ("sha256",), config.members)
    return {(row.step, config.seed + row.member): row.values.get("sha256", "") for row in rows}


def _differing_settings(one: Config, other: Config) -> dict[str, tuple[Any, Any]]:
    pairs = {
        field.name: (getattr(one, field.name), getattr(other, field.name))
        for field in dataclasses.fields(Config)
    }
    return {
        name: pair
        for name, pair in pairs.items()
        if pair[0] != pair[1] and name not in _PLACE_SETTINGS
    }
