"""Whole runs: curves, stops, resumption, divergence."""

import csv
import dataclasses
import re
import signal
import threading
from pathlib import Path

import numpy as np
import pytest
import torch

from ddpg import ConfigError, DivergenceError, TrainingResult, train
from ddpg.config.settings import Config
from ddpg.evaluation.episodes import Evaluator
from ddpg.runs.checkpoint import Checkpoints
from ddpg.stops import Crossing, Effect, stop_names
from ddpg.training import interrupt
from ddpg.training.device import resolve_device
from ddpg.training.interrupt import InterruptFlag
from ddpg.training.progress import Progress
from ddpg.training.separation import outcome_in_words

CORRECT = [
    *((stop, Config().actor_stop) for stop in stop_names(Crossing.UPSTREAM, Effect.PROTECTS)),
    *((Config().stop, stop) for stop in stop_names(Crossing.DOWNSTREAM, Effect.PROTECTS)),
]
SMALL = {"hidden": (16, 16), "random_steps": 20, "log_every": 10, "evaluation_episodes": 1}


def run(tmp_path: Path, **settings) -> TrainingResult:
    return train(Config(**{"runs": str(tmp_path), **SMALL, "steps": 60, **settings}))


def rows(result: TrainingResult) -> list[dict[str, str]]:
    with (result.folder / "metrics.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def weights(result: TrainingResult) -> dict[str, torch.Tensor]:
    return {
        f"{name}.{key}": value
        for name, module in result.agent.modules.items()
        for key, value in module.state_dict().items()
    }


def assert_same_weights(left: TrainingResult, right: TrainingResult, message: str) -> None:
    for key, value in weights(left).items():
        assert torch.equal(value, weights(right)[key]), f"{message}: {key}"


def curves(result: TrainingResult) -> list[tuple[str | None, ...]]:
    """Return every row without the separation, which depends on the stop."""
    return [
        tuple(value for tag, value in row.items() if not tag.startswith("separation/"))
        for row in rows(result)
    ]


@pytest.mark.slow
def test_correct_stops_learn_bit_identical_curves(tmp_path):
    """200 updates in 220 steps, and evaluations up to step 3,000, on Pendulum."""
    settings = {"random_steps": 20, "evaluation_every": 750, "evaluation_episodes": 2}
    reference: dict[int, TrainingResult] = {}
    for steps in (220, 3000):
        for stop, actor_stop in CORRECT:
            result = run(
                tmp_path,
                **{**settings, "steps": steps, "hidden": (64, 64), "log_every": 100},
                stop=stop,
                actor_stop=actor_stop,
            )
            first = reference.setdefault(steps, result)
            message = (
                f"stop {stop}, actor_stop {actor_stop} differs from {CORRECT[0]} at {steps} steps"
            )
            assert_same_weights(result, first, message)
            assert curves(result) == curves(first), message
    # 30 points of losses, and points of episodes, evaluations and the first audit.
    assert len(curves(reference[3000])) > 30
    # The control differs, so the comparison can fail.
    leaky = run(tmp_path, **{**settings, "steps": 220, "hidden": (64, 64)}, stop="none")
    with pytest.raises(AssertionError, match="the control differs"):
        assert_same_weights(leaky, reference[220], "the control differs")


def test_equal_configs_give_equal_runs_and_another_seed_does_not(tmp_path):
    first, second, other = (run(tmp_path, seed=seed) for seed in (0, 0, 1))
    assert_same_weights(first, second, "two equal runs")
    assert (first.folder / "metrics.csv").read_bytes() == (
        second.folder / "metrics.csv"
    ).read_bytes()
    with pytest.raises(AssertionError):
        assert_same_weights(first, other, "another seed")


@pytest.mark.parametrize(
    "settings",
    [
        {"separation_every": 0},
        {"separation_every": 1},
        {"evaluation_every": 0},
        {"evaluation_every": 7},
        {"checkpoint_every": 13},
        {"log_every": 3},
    ],
    ids=str,
)
@pytest.mark.parametrize("stop", ["none", "manual", "no_grad+optimizer"])
def test_audits_evaluations_checkpoints_and_logs_change_no_weight(tmp_path, settings, stop):
    plain = run(tmp_path, stop=stop, manual_every=4)
    changed = run(tmp_path, stop=stop, manual_every=4, **settings)
    assert_same_weights(plain, changed, str(settings))


@pytest.mark.parametrize("member", [0, 2])
def test_a_member_of_three_equals_the_run_with_its_seed(tmp_path, member):
    together = run(tmp_path, members=3, seed=4, steps=40)
    alone = run(tmp_path, seed=4 + member, steps=40)
    for key, value in weights(alone).items():
        assert torch.allclose(weights(together)[key][member], value[0], atol=1e-4), key


def test_the_separation_of_both_updates_is_written(tmp_path):
    result = run(tmp_path, members=2, separation_every=10, stop="optimizer", actor_stop="none")
    audited = [row for row in rows(result) if row["separation/critic_update/critic/grade"]]
    # Of 40 updates the first is audited, and one in each window of ten.
    assert len(audited) in (2 * 4, 2 * 5)
    for row in audited:
        assert row["separation/critic_update/critic/grade"] == "3.0"
        assert float(row["separation/critic_update/critic/movement"]) > 0
        assert row["separation/critic_update/critic_target/grade"] == "2.0"
        assert float(row["separation/critic_update/critic_target/gradient_norm"]) > 0
        assert float(row["separation/critic_update/critic_target/movement"]) == 0
        assert row["separation/critic_update/actor/grade"] == "0.0"
        assert row["separation/critic_update/actor/gradient_norm"] == ""
        assert row["separation/actor_update/actor/grade"] == "3.0"
        assert row["separation/actor_update/critic/grade"] == "3.0"
        assert float(row["separation/actor_update/critic/movement"]) > 0


def test_the_progress_has_the_separation(tmp_path):
    reports: list[Progress] = []
    config = Config(runs=str(tmp_path), **SMALL, steps=60, stop="none", evaluation_every=20)
    train(config, reports.append)
    assert reports[0].step == 0
    assert reports[0].separation == ""
    assert reports[0].returns is None
    assert reports[-1].step == 60
    assert reports[-1].returns is not None
    assert reports[-1].separation.startswith(
        "critic update moved critic, actor_target, critic_target: not stopped in 1 of 1 audits"
    )
    train(dataclasses.replace(config, stop="detach"), reports.append)
    assert reports[-1].separation == "separation kept"


@pytest.mark.parametrize(
    ("settings", "critic"),
    [
        ({"stop": "detach"}, "moved critic only"),
        (
            {"stop": "manual", "manual_every": 10, "optimizer": "sgd"},
            r"moved critic, actor_target, critic_target: not stopped in [1-9] of \d+ audits",
        ),
        (
            {"stop": "none", "bootstrap_actor": "live"},
            r"moved critic, actor, critic_target: not stopped in (\d+) of \1 audits",
        ),
    ],
    ids=str,
)
def test_the_outcome_names_a_leak_that_most_audits_do_not_meet(tmp_path, settings, critic):
    result = run(tmp_path, steps=300, separation_every=10, **settings)
    outcome = outcome_in_words(result.folder / "metrics.csv", 1)
    assert re.fullmatch(f"critic update {critic}; actor update moved actor only", outcome)


def test_the_outcome_of_a_run_without_audits_is_empty(tmp_path):
    result = run(tmp_path, separation_every=0)
    assert outcome_in_words(result.folder / "metrics.csv", 1) == ""


def test_resuming_continues_counters_and_curves(tmp_path):
    half = run(tmp_path, name="mine", steps=40, evaluation_every=10)
    before = rows(half)
    whole = run(tmp_path, name="mine", steps=80, evaluation_every=10, resume=True)
    assert whole.folder == half.folder
    assert whole.step == 80
    after = rows(whole)
    assert after[: len(before)] == before
    steps = [int(row["step"]) for row in after]
    assert steps == sorted(set(steps))
    assert steps[-1] == 80
    state = Checkpoints(whole.folder / "checkpoints").load_state()
    assert (state["step"], state["updates"]) == (80, 60)
    moments = state["agent"]["critic_optimizer"]["state"][0]["step"]
    assert moments.item() == 60


def test_resuming_continues_with_sgd_and_refuses_another_optimizer(tmp_path):
    run(tmp_path, name="mine", steps=40, optimizer="sgd")
    with pytest.raises(
        ConfigError, match="optimizer: 'adam' is not allowed, since the run 'mine' has 'sgd'"
    ):
        run(tmp_path, name="mine", resume=True)
    whole = run(tmp_path, name="mine", optimizer="sgd", resume=True)
    assert whole.step == 60
    assert isinstance(whole.agent.critic_optimizer, torch.optim.SGD)


def test_resuming_at_the_end_changes_nothing(tmp_path):
    first = run(tmp_path, name="mine")
    before = (first.folder / "metrics.csv").read_bytes()
    again = run(tmp_path, name="mine", resume=True)
    assert_same_weights(first, again, "resumed at its end")
    assert (first.folder / "metrics.csv").read_bytes() == before


def test_an_interrupted_run_is_saved_and_continues(tmp_path):
    def interrupt(progress: Progress) -> None:
        if progress.step == 30:
            signal.raise_signal(signal.SIGINT)

    config = Config(runs=str(tmp_path), name="mine", **SMALL, steps=60)
    stopped = train(config, interrupt)
    assert (stopped.finished, stopped.step) == (False, 30)
    finished = train(dataclasses.replace(config, resume=True))
    assert (finished.finished, finished.step) == (True, 60)


def test_a_later_second_interrupt_raises_and_another_thread_can_train(tmp_path, monkeypatch):
    # Tests that a shell started in the background ignore Ctrl-C.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with InterruptFlag() as flag:
            # `timeout` sends its signal to the process, and again to its group.
            signal.raise_signal(signal.SIGINT)
            signal.raise_signal(signal.SIGINT)
            assert flag.signal == signal.SIGINT
            monkeypatch.setattr(interrupt, "_SAME_REQUEST", 0.0)
            with pytest.raises(KeyboardInterrupt):
                signal.raise_signal(signal.SIGINT)
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    finally:
        signal.signal(signal.SIGINT, before)
    steps = []
    thread = threading.Thread(target=lambda: steps.append(run(tmp_path).step))
    thread.start()
    thread.join()
    assert steps == [60]


def test_an_infinite_loss_stops_the_run_and_keeps_the_last_checkpoint(tmp_path):
    with pytest.raises(DivergenceError) as error:
        run(
            tmp_path,
            **{"name": "mine", "env": "ddpg-tests/Faulty-v0", "seed": 7, "checkpoint_every": 20},
            env_options={"fault": "reward is enormous"},
        )
    message = str(error.value)
    assert "loss/critic of member 0 (seed 7) is inf at environment step 3" in message
    assert "the last checkpoint is of step 20" in message
    state = Checkpoints(tmp_path / "mine" / "checkpoints").load_state()
    assert all(value.isfinite().all() for value in state["agent"]["critic"].values())


def test_a_run_that_cannot_begin_writes_nothing(tmp_path):
    with pytest.raises(ConfigError):
        run(tmp_path, env="CartPole-v1")
    with pytest.raises(ConfigError):
        run(tmp_path, device="cuda:99")
    assert list(tmp_path.iterdir()) == []


def test_the_number_of_threads_is_set(tmp_path):
    before = torch.get_num_threads()
    seen = []
    config = Config(runs=str(tmp_path), steps=10, threads=before + 1, evaluation_every=0)
    train(config, lambda _: seen.append(torch.get_num_threads()))
    assert set(seen) == {before + 1}
    assert torch.get_num_threads() == before


def test_the_device_is_resolved_or_refused():
    assert resolve_device("cpu") == torch.device("cpu")
    assert resolve_device("auto").type in ("cpu", "cuda", "mps")
    with pytest.raises(
        ConfigError, match="device: 'gpu' is not allowed; allowed on this machine: auto, cpu"
    ):
        resolve_device("gpu")


@pytest.mark.slow
def test_pendulum_is_learned(tmp_path):
    result = run(
        tmp_path,
        members=2,
        steps=8_000,
        random_steps=1_000,
        hidden=(64, 64),
        log_every=500,
        actor_learning_rate=1e-3,
    )
    evaluator = Evaluator("Pendulum-v1", {}, 20, 10_000)
    returns = evaluator.run(
        lambda observation: result.agent.act(torch.from_numpy(observation)).numpy(), 2
    ).returns
    assert np.median(returns.mean(axis=1)) > -200
