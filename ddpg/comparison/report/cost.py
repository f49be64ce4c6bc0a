"""What a stop costs: time, tensors saved for the backward pass, and memory of one update."""

import csv
import json
import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
import torch
from torch.profiler import ProfilerActivity, profile, record_function

from ddpg.agent import DDPG
from ddpg.comparison.report.reading import already_warned, read_folder
from ddpg.comparison.report.variants import Update
from ddpg.config.settings import Config
from ddpg.environments.vector import action_scale, make, observation_dim
from ddpg.errors import ConfigError
from ddpg.isolation.contracts import ours
from ddpg.isolation.observe.saved_tensors import Amount, SavedTensors
from ddpg.replay import Batch
from ddpg.runs.files import atomic_write

FILE = "cost.csv"
_SECONDS = 20.0
"""Of processor time that all repeats of all subjects together may take."""
_REPEATS = range(5, 26)
"""Fewest and most repeats; the subjects take turns in each."""
_UPDATES = 8
"""Updates of one turn."""


class Subject(NamedTuple):
    """What a cost may depend on."""

    env: str
    bootstrap_actor: str
    optimizer: str
    stop: str
    actor_stop: str
    hidden: str
    batch_size: int
    members: int


class Cost(NamedTuple):
    """One repeat of one update of one agent."""

    subject: Subject
    update: Update
    repeat: int
    milliseconds: float
    """Processor time of one update of all members, one thread; a mean over the turn's updates."""
    saved_tensors: int
    saved_bytes: int
    """Of the distinct storages that autograd saved for the backward pass."""
    peak_bytes: int
    """The most that was allocated within the update, over what was before it."""


_COLUMNS = (*Subject._fields, *Cost._fields[1:])


def subject(config: Config) -> Subject:
    """Whose cost a run with `config` has."""
    return Subject(
        config.env,
        config.bootstrap_actor,
        config.optimizer,
        config.stop,
        config.actor_stop,
        "x".join(str(width) for width in config.hidden),
        config.batch_size,
        config.members,
    )


def measure_cost(folder: Path) -> Path:
    """Measure every kind of agent among the runs in `folder`, in turns, and write `cost.csv`.

    Takes about half a minute, whatever the number of runs.

    Raises:
        ConfigError: there is no run.
        OSError: the file cannot be written; there is none then.
    """
    # An environment that names a module would run code that a run's folder brought along.
    with already_warned():
        configs = {
            subject(run.config): run.config
            for run in read_folder(folder)[0]
            if ":" not in run.config.env
        }
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        costs = _measure(list(configs.values()))
    finally:
        torch.set_num_threads(threads)
    output = folder / FILE
    with atomic_write(output) as part, part.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(_COLUMNS)
        writer.writerows([*cost.subject, *cost[1:]] for cost in costs)
    return output


def read_cost(folder: Path) -> list[Cost]:
    """What `measure_cost` wrote; nothing if it never ran.

    Raises:
        ConfigError: `cost.csv` is not what it wrote.
    """
    path = folder / FILE
    if not path.is_file():
        return []
    try:
        with path.open(newline="", encoding="utf-8") as file:
            return [_from_row(row) for row in csv.DictReader(file)]
    except (KeyError, TypeError, ValueError) as error:
        raise ConfigError(
            f"{path} is not as it was written: {error}; allowed: to delete it, so that the cost is "
            "measured again"
        ) from error


def _from_row(row: dict[str, str]) -> Cost:
    return Cost(
        Subject(
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


def _measure(configs: list[Config]) -> list[Cost]:
    timed = [(config, *each) for config in configs for each in _updates(config)]
    runs = [run for _, _, run in timed]
    for run in runs:
        run()
    saved = [_saved(run) for run in runs]
    times = _times(runs)
    peaks = _peaks(configs, len(times))
    return [
        Cost(
            subject(config),
            update,
            repeat,
            round(1e3 * times[repeat][i], 5),
            saved[i].tensors,
            saved[i].bytes,
            peaks[repeat][i],
        )
        for i, (config, update, _) in enumerate(timed)
        for repeat in range(len(times))
    ]


def _updates(config: Config) -> list[tuple[Update, Callable[[], object]]]:
    """The two updates of an agent with random weights, on a random batch."""
    environment = make(config.env, config.env_options)
    observation = observation_dim(environment.observation_space)
    action = len(action_scale(environment.action_space).low)
    environment.close()
    generators = [torch.Generator().manual_seed(seed) for seed in range(config.members)]
    with already_warned():
        agent = DDPG(config, observation, action, generators, torch.device("cpu"))

    def normal(width: int) -> torch.Tensor:
        return torch.randn(config.members, config.batch_size, width, generator=generators[0])

    batch = Batch(
        normal(observation),
        normal(action).tanh(),
        normal(1),
        normal(observation),
        torch.zeros(config.members, config.batch_size, 1),
    )
    updates = ours.updates(agent, batch)
    return [("critic_update", updates["critic_update"]), ("actor_update", updates["actor_update"])]


def _saved(run: Callable[[], object]) -> Amount:
    with SavedTensors() as saved:
        run()
    return saved.made


def _times(runs: list[Callable[[], object]]) -> list[list[float]]:
    """Processor seconds of one update: a row a repeat, a column a run."""
    rows: list[list[float]] = []
    began = time.process_time()
    while len(rows) < _REPEATS[0] or (
        len(rows) < _REPEATS[-1] and time.process_time() - began < _SECONDS
    ):
        row = [0.0] * len(runs)
        for turn in range(len(runs)):
            # Each repeat begins elsewhere, so that nobody is always the first.
            which = (turn + len(rows)) % len(runs)
            start = time.process_time()
            for _ in range(_UPDATES):
                runs[which]()
            row[which] = (time.process_time() - start) / _UPDATES
        rows.append(row)
    return rows


def _peaks(configs: list[Config], repeats: int) -> list[list[int]]:
    """The most bytes that are allocated within one update: a row a repeat, a column a run."""
    # The profiler says on stderr that it starts and stops.
    os.environ.setdefault("KINETO_LOG_LEVEL", "99")
    with profile(activities=[ProfilerActivity.CPU], profile_memory=True) as profiler:
        # Made anew in here, since the profiler knows no size of what was there before it.
        runs = [run for config in configs for _, run in _updates(config)]
        for run in runs:
            run()
        for repeat in range(repeats):
            for which, run in enumerate(runs):
                with record_function(f"update {repeat} {which}"):
                    run()
    with tempfile.TemporaryDirectory() as folder:
        trace = Path(folder) / "trace.json"
        profiler.export_chrome_trace(str(trace))
        events = json.loads(trace.read_text(encoding="utf-8"))["traceEvents"]
    memory = sorted((e["ts"], e["args"]["Bytes"]) for e in events if e["name"] == "[memory]")
    spans = {e["name"]: (e["ts"], e["ts"] + e["dur"]) for e in events if "dur" in e}
    moments = np.array([moment for moment, _ in memory])
    allocated = np.cumsum([size for _, size in memory])

    def peak(first: float, last: float) -> int:
        within = allocated[np.searchsorted(moments, first) : np.searchsorted(moments, last)]
        return int(within.max() - within[0])

    return [
        [peak(*spans[f"update {repeat} {which}"]) for which in range(len(runs))]
        for repeat in range(repeats)
    ]
