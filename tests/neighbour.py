"""State of the process that belongs to the user, and the public calls that must not change it.

`python -m tests.neighbour FOLDER` makes every call in a process of its own and prints what each one
changed, as JSON: call -> names of the parts.
"""

import dataclasses
import gc
import importlib
import json
import locale
import logging
import multiprocessing
import os
import random
import signal
import sys
import threading
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import gymnasium
import matplotlib as mpl
import numpy as np
import torch
from torch.nn.modules.module import _global_forward_hooks, _global_forward_pre_hooks
from torch.optim.optimizer import _global_optimizer_post_hooks, _global_optimizer_pre_hooks

# Libraries that ddpg imports when it needs them. What they change is not ddpg's doing.
for _library in (
    *("jsonargparse", "matplotlib.figure", "pydantic", "rich.console", "rich.progress", "yaml"),
    *(
        "scipy.stats",
        "torch.utils.tensorboard.writer",
        "torch.profiler",
        "imageio.v2",
        "pygraphviz",
    ),
):
    importlib.import_module(_library)

SMALL: dict[str, Any] = {
    **{"members": 2, "steps": 60, "hidden": (8,), "batch_size": 8, "random_steps": 20},
    **{"log_every": 20, "evaluation_every": 30, "evaluation_episodes": 1, "separation_every": 10},
    **{"checkpoint_every": 30, "replay_capacity": 100},
}


def snapshot() -> dict[str, Any]:
    """Return every part of the state, in values that can be compared."""
    cuda, cudnn = torch.backends.cuda.matmul, torch.backends.cudnn
    debug: Any = torch.utils.deterministic
    generator = np.random.mtrand._rand
    return {
        "torch threads": (torch.get_num_threads(), torch.get_num_interop_threads()),
        "torch defaults": (torch.get_default_dtype(), torch.get_default_device()),
        "torch deterministic": (
            torch.get_deterministic_debug_mode(),
            debug.fill_uninitialized_memory,
        ),
        "torch cudnn": (cudnn.enabled, cudnn.benchmark, cudnn.deterministic, cudnn.allow_tf32),
        "torch matmul": (torch.get_float32_matmul_precision(), cuda.allow_tf32),
        "torch gradients": (
            torch.is_grad_enabled(),
            torch.is_inference_mode_enabled(),
            torch.is_anomaly_enabled(),
            torch.autograd.graph.saved_tensors_hooks.__enter__,
            torch.autograd._engine_run_backward,  # pyright: ignore[reportPrivateImportUsage]
        ),
        "torch flush-denormal": bool(torch.tensor([5e-324], dtype=torch.float64).mul(1).any()),
        "torch random": torch.get_rng_state().tolist(),
        "torch optimizer hooks": [
            len(hooks)
            for hooks in (
                _global_optimizer_pre_hooks,
                _global_optimizer_post_hooks,
                _global_forward_hooks,
                _global_forward_pre_hooks,
            )
        ],
        "torch printing": repr(vars(importlib.import_module("torch._tensor_str").PRINT_OPTS)),
        "Python random": random.getstate(),
        "NumPy random": json.dumps(generator.get_state(legacy=False), default=np.ndarray.tolist),
        "NumPy errors": np.geterr(),
        "NumPy printing": repr(np.get_printoptions()),
        "Gymnasium registry": {
            name: {f.name: repr(getattr(spec, f.name)) for f in dataclasses.fields(spec)}
            for name, spec in gymnasium.registry.items()
        },
        "matplotlib": {key: repr(dict.__getitem__(mpl.rcParams, key)) for key in mpl.rcParams},
        "matplotlib figures": "matplotlib.pyplot" in sys.modules,
        "warnings": ([*warnings.filters], warnings.showwarning, warnings.formatwarning),
        "signals": {number: signal.getsignal(number) for number in signal.valid_signals()},
        "hooks": (sys.excepthook, threading.excepthook, sys.displayhook, sys.unraisablehook),
        "environment variables": dict(os.environ),
        "folder": Path.cwd(),
        "path": [*sys.path],
        "logging": (logging.root.level, [*logging.root.handlers], logging.root.disabled),
        "processes": multiprocessing.get_start_method(allow_none=True),
        "interpreter": (sys.getrecursionlimit(), gc.isenabled(), locale.setlocale(locale.LC_ALL)),
        "streams": (sys.stdin, sys.stdout, sys.stderr),
        "children and threads": (
            multiprocessing.active_children(),
            [each for each in threading.enumerate() if not each.daemon],
        ),
    }


def _train(folder: Path) -> None:
    import ddpg

    ddpg.train(ddpg.Config(runs=str(folder), name="mine", stop="none", **SMALL))
    settings = {**SMALL, "steps": 80}
    ddpg.train(ddpg.Config(runs=str(folder), name="mine", stop="none", resume=True, **settings))


def _train_in_workers(folder: Path) -> None:
    import ddpg

    env = "MountainCarContinuous-v0"
    small = {**SMALL, "environment_timeout": 60.0, "evaluation_every": 0, "steps": 30}
    ddpg.train(ddpg.Config(runs=str(folder), name="workers", env=env, **small))


def _evaluate(folder: Path) -> None:
    import ddpg

    ddpg.evaluate(folder / "mine", episodes=2).to_dict()


def _load_policy(folder: Path) -> None:
    import ddpg

    ddpg.load_policy(folder / "mine")(np.zeros(3))


def _agent(_: Path) -> None:
    from tests.parts import make_agent, random_batch

    agent = make_agent(members=2)
    agent.update(random_batch(2, 0))
    agent.load_state_dict(agent.state_dict())


def _audit(_: Path) -> None:
    from ddpg.isolation import audit
    from tests.isolation.agents import ActorCritic

    agent = ActorCritic()
    report = audit(agent.contract(), agent.updates())
    report.table()
    report.to_html()
    report.to_json()


def _audit_of_a_run(folder: Path) -> None:
    from ddpg.evaluation.audit import contract_and_updates
    from ddpg.isolation import audit

    audit(*contract_and_updates(folder / "mine")).summary()


def _watch(_: Path) -> None:
    from ddpg.isolation import LiveWatch, watch
    from tests.isolation.agents import ActorCritic

    agent = ActorCritic()
    with watch(agent.contract(), dry_run=True) as watching, watching.update("acting"):
        agent.actor_update()
    live = LiveWatch(agent.contract(), Mock(), every=1)
    with live.update("acting"):
        agent.actor_update()


def _plot(folder: Path) -> None:
    from ddpg.evaluation.curves import draw_runs

    draw_runs([folder / "mine"], folder / "curves.png")


def _video(folder: Path) -> None:
    from ddpg.evaluation.video import record

    record(folder / "mine", folder / "film.gif", 0, 0)


def _report(folder: Path) -> None:
    from ddpg.comparison.report.cost import measure_cost
    from ddpg.comparison.report.page import write_report

    measure_cost(folder, seconds=0.0)
    write_report(folder)


def _import(_: Path) -> None:
    import ddpg
    import ddpg.isolation

    for module in (ddpg, ddpg.isolation):
        for name in module.__all__:
            getattr(module, name)


def _fail(folder: Path) -> None:
    import ddpg

    def broken() -> gymnasium.Env[Any, Any]:
        environment = gymnasium.make("Pendulum-v1")
        environment.unwrapped.step = None  # pyright: ignore[reportAttributeAccessIssue]
        return environment

    try:
        ddpg.train(ddpg.Config(runs=str(folder), name="broken", env=broken, **SMALL))
    except ddpg.EnvironmentFaultError:
        return
    raise AssertionError("the environment is broken")


CALLS: dict[str, Callable[[Path], None]] = {
    "import of every public name": _import,
    "train and resume": _train,
    "train in workers": _train_in_workers,
    "train with a fault": _fail,
    "evaluate": _evaluate,
    "load_policy": _load_policy,
    "agent": _agent,
    "audit": _audit,
    "audit of a run": _audit_of_a_run,
    "watch": _watch,
    "plot": _plot,
    "video": _video,
    "report": _report,
}
"""Public calls, in their order: later ones read the runs of earlier ones."""


def changes(call: Callable[[Path], None], folder: Path) -> list[str]:
    """Return the parts of the state that a call changed."""
    before = snapshot()
    call(folder)
    after = snapshot()
    return [name for name, value in before.items() if after[name] != value]


def main(folder: Path) -> None:
    """Make every call, and print what it changed."""
    from tests.isolation.agents import ActorCritic

    # Values that the package would not choose itself.
    torch.set_num_threads(2)
    torch.manual_seed(3)
    torch.set_float32_matmul_precision("high")
    warnings.filterwarnings("ignore", category=DeprecationWarning)
    warnings.filterwarnings("ignore", category=UserWarning)
    signal.signal(signal.SIGINT, lambda *_: None)
    changed = {}
    for name, call in CALLS.items():
        if name == "audit":
            # PyTorch's own Adam imports its compiler, which sets a variable and a filter.
            ActorCritic()
        changed[name] = changes(call, folder)
    print(json.dumps(changed))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
