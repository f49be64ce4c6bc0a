"""Cost of an update under each stop: time, memory, and tensors saved for the backward pass."""

import csv
import json
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch.profiler import ProfilerActivity, profile, record_function

from ddpg.agent import DDPG
from ddpg.comparison.report.reading import read_folder
from ddpg.comparison.report.variants import UpdateName
from ddpg.comparison.stop_warnings import ignore_stop_warnings
from ddpg.config.settings import Config
from ddpg.environments.creation import make_environment
from ddpg.environments.spaces import action_scale, observation_dim
from ddpg.errors import ConfigError
from ddpg.isolation.contracts import ours
from ddpg.isolation.observe.saved_tensors import Amount, SavedTensors
from ddpg.replay import Batch
from ddpg.runs.files import atomic_write
from ddpg.training.device import default_variable, threads

COST_FILE = "cost.csv"
_REPEATS = range(5, 26)
"""Fewest and most repeats; all updates are measured once in each."""
_UPDATES = 8
"""Updates per time measurement."""


class CostSettings(NamedTuple):
    """Settings on which a cost depends; its fields are columns of the file."""

    env: str
    bootstrap_actor: str
    optimizer: str
    stop: str
    actor_stop: str
    hidden: str
    batch_size: int
    members: int


class CostSample(NamedTuple):
    """Measurement of one update of one agent in one repeat."""

    settings: CostSettings
    update: UpdateName
    repeat: int
    milliseconds: float
    """Processor time of one update of all members on one thread, a mean over `_UPDATES`."""
    saved_tensors: int
    saved_bytes: int
    """Size of the distinct storages that autograd saved for the backward pass."""
    peak_bytes: int
    """Peak of the memory allocated during the update, above that before it."""


_COLUMNS = (*CostSettings._fields, *CostSample._fields[1:])


def cost_settings(config: Config) -> CostSettings:
    """Return the settings of `config` on which its cost depends."""
    return CostSettings(
        config.env_name,
        config.bootstrap_actor,
        config.optimizer,
        config.stop,
        config.actor_stop,
        "x".join(str(width) for width in config.hidden),
        config.batch_size,
        config.members,
    )


def measure_cost(
    folder: Path, seconds: float = 20.0, report: Callable[[float], None] | None = None
) -> Path:
    """Measure every distinct agent of the runs in `folder` and write `cost.csv`.

    Args:
        folder: a folder of runs.
        seconds: processor time for all time measurements together, beyond five repeats.
        report: called with the finished share of the time measurements.

    Raises:
        ConfigError: the folder has no runs.
        OSError: the file cannot be written; none is left.
    """
    # An environment `module:id` would import code that a copied run folder could contain.
    configs = {
        cost_settings(run.config): run.config
        for run in read_folder(folder)[0]
        if ":" not in run.config.env_name
    }
    with threads(1):
        samples = _measure(list(configs.values()), seconds, report or (lambda _: None))
    output = folder / COST_FILE
    with atomic_write(output) as part, part.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(_COLUMNS)
        writer.writerows([*sample.settings, *sample[1:]] for sample in samples)
    return output


def read_cost(folder: Path) -> list[CostSample]:
    """Read `cost.csv`; return an empty list if the folder has none.

    Raises:
        ConfigError: a column or a number is missing or invalid.
    """
    path = folder / COST_FILE
    if not path.is_file():
        return []
    try:
        with path.open(newline="", encoding="utf-8") as file:
            return [_sample(row) for row in csv.DictReader(file)]
    except (KeyError, TypeError, ValueError) as error:
        reason = f"it has no column {error}" if isinstance(error, KeyError) else error
        raise ConfigError(
            f"cannot read {path}: {reason}; allowed: the file as it was written, or none, to "
            "measure the cost again"
        ) from error


def _sample(row: dict[str, str]) -> CostSample:
    return CostSample(
        CostSettings(
            row["env"],
            row["bootstrap_actor"],
            row["optimizer"],
            row["stop"],
            row["actor_stop"],
            row["hidden"],
            int(row["batch_size"]),
            int(row["members"]),
        ),
        "critic_update" if row["update"] == "critic_update" else "actor_update",
        int(row["repeat"]),
        float(row["milliseconds"]),
        int(row["saved_tensors"]),
        int(row["saved_bytes"]),
        int(row["peak_bytes"]),
    )


def _measure(
    configs: list[Config], seconds: float, report: Callable[[float], None]
) -> list[CostSample]:
    measured = [(config, *each) for config in configs for each in _updates(config)]
    updates = [update for _, _, update in measured]
    for update in updates:
        update()
    saved = [_saved_tensors(update) for update in updates]
    times = _times(updates, seconds, report)
    peaks = _peaks(configs, len(times))
    return [
        CostSample(
            cost_settings(config),
            name,
            repeat,
            round(1e3 * times[repeat][i], 5),
            saved[i].tensors,
            saved[i].bytes,
            peaks[repeat][i],
        )
        for i, (config, name, _) in enumerate(measured)
        for repeat in range(len(times))
    ]


def _updates(config: Config) -> list[tuple[UpdateName, Callable[[], object]]]:
    """Return the two updates of an agent with random weights, on a random batch."""
    environment = make_environment(config.env, config.env_options)
    observation = observation_dim(environment.observation_space)
    action = len(action_scale(environment.action_space).low)
    environment.close()
    generators = [torch.Generator().manual_seed(seed) for seed in range(config.members)]
    with ignore_stop_warnings():
        agent = DDPG(config, observation, action, generators, torch.device("cpu"))
    batch = Batch.random(config.members, config.batch_size, observation, action, generators[0])
    updates = ours.updates(agent, batch)
    return [("critic_update", updates["critic_update"]), ("actor_update", updates["actor_update"])]


def _saved_tensors(update: Callable[[], object]) -> Amount:
    with SavedTensors() as saved:
        update()
    return saved.made


def _times(
    updates: list[Callable[[], object]], seconds: float, report: Callable[[float], None]
) -> list[list[float]]:
    """Return the processor seconds of each update, one row per repeat."""
    rows: list[list[float]] = []
    start = time.process_time()
    while len(rows) < _REPEATS[0] or (
        len(rows) < _REPEATS[-1] and time.process_time() - start < seconds
    ):
        row = [0.0] * len(updates)
        for turn in range(len(updates)):
            # Each repeat starts with another update, so that none is always the first.
            index = (turn + len(rows)) % len(updates)
            turn_start = time.process_time()
            for _ in range(_UPDATES):
                updates[index]()
            row[index] = (time.process_time() - turn_start) / _UPDATES
        rows.append(row)
        elapsed = (time.process_time() - start) / seconds if seconds else 1.0
        report(max(len(rows) / _REPEATS[-1], min(len(rows) / _REPEATS[0], elapsed, 1.0)))
    return rows


def _peaks(configs: list[Config], repeats: int) -> list[list[int]]:
    """Return the peak bytes allocated during each update, one row per repeat."""
    # The variable silences the profiler's own messages on standard error.
    with (
        default_variable("KINETO_LOG_LEVEL", "99"),
        profile(activities=[ProfilerActivity.CPU], profile_memory=True) as profiler,
    ):
        # New agents, since the profiler does not know the sizes of earlier allocations.
        updates = [update for config in configs for _, update in _updates(config)]
        for update in updates:
            update()
        for repeat in range(repeats):
            for index, update in enumerate(updates):
                with record_function(f"update {repeat} {index}"):
                    update()
    with tempfile.TemporaryDirectory() as folder:
        trace = Path(folder) / "trace.json"
        profiler.export_chrome_trace(str(trace))
        events = json.loads(trace.read_text(encoding="utf-8"))["traceEvents"]
    memory = sorted((e["ts"], e["args"]["Bytes"]) for e in events if e["name"] == "[memory]")
    spans = {e["name"]: (e["ts"], e["ts"] + e["dur"]) for e in events if "dur" in e}
    times = np.array([moment for moment, _ in memory])
    allocated = np.cumsum([size for _, size in memory])

    def peak(first: float, last: float) -> int:
        during = allocated[np.searchsorted(times, first) : np.searchsorted(times, last)]
        return int(during.max() - during[0])

    return [
        [peak(*spans[f"update {repeat} {index}"]) for index in range(len(updates))]
        for repeat in range(repeats)
    ]
