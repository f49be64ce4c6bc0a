"""Learning scores beside peers: `python -m benchmarks.sections.scores SUBJECT CONFIG SEEDS STEPS`.

Every subject trains with the settings of the configuration, for the same number of environment
steps. A peer has one learning rate, `critic_learning_rate`. A score is the mean return of the
deterministic policy after the last step, over the 100 episodes that `scripts/evaluate.py` uses.
"""

import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

import ddpg
from benchmarks.workload import Workload
from ddpg.config.settings import Config
from ddpg.config.yaml_file import read_settings
from ddpg.environments.spaces import action_scale
from ddpg.environments.vector import make_environment
from ddpg.evaluation.episodes import Evaluator
from ddpg.evaluation.scores import FIRST_SEED

_EPISODES = 100


def _train_ours(config: Config, seeds: int) -> Iterator[float]:
    with tempfile.TemporaryDirectory() as runs:
        result = ddpg.train(replace(config, members=seeds, runs=runs, evaluation_every=0))
        for member in ddpg.evaluate(result.folder, episodes=_EPISODES).members:
            yield member.mean


def _train_stable_baselines3(config: Config, seeds: int) -> Iterator[float]:
    from stable_baselines3 import DDPG

    from benchmarks.subjects.peers.stable_baselines3 import make_model

    for seed in range(seeds):
        model = make_model(DDPG, _workload(config, seed)).learn(config.steps)

        def policy(observation: NDArray[np.float32], model: Any = model) -> NDArray[np.floating]:
            return model.predict(observation, deterministic=True)[0]

        yield _score(config, policy)


def _train_cleanrl_style(config: Config, seeds: int) -> Iterator[float]:
    from benchmarks.subjects.peers import cleanrl_style

    for seed in range(seeds):
        actor = cleanrl_style.train(_workload(config, seed))

        @torch.no_grad()
        def policy(observation: NDArray[np.float32], actor: Any = actor) -> NDArray[np.floating]:
            return actor(torch.from_numpy(observation)).numpy()

        yield _score(config, policy)


SUBJECTS: dict[str, Callable[[Config, int], Iterator[float]]] = {
    "ddpg": _train_ours,
    "stable-baselines3": _train_stable_baselines3,
    "cleanrl-style": _train_cleanrl_style,
}


def _workload(config: Config, seed: int) -> Workload:
    hidden, *_ = config.hidden
    return Workload(
        environment=config.env_name,
        steps=config.steps,
        hidden=hidden,
        batch=config.batch_size,
        seed=seed,
        random_steps=config.random_steps,
        replay_capacity=config.replay_capacity,
        gamma=config.gamma,
        tau=config.tau,
        learning_rate=config.critic_learning_rate,
        noise_sigma=config.noise_sigma,
    )


def _score(config: Config, policy: Callable[[NDArray[np.float32]], NDArray[np.floating]]) -> float:
    """Return the mean return of a policy `[batch, observation]` -> actions in the env's units."""
    scale = action_scale(make_environment(config.env, {}).action_space)
    evaluator = Evaluator(config.env, {}, _EPISODES, FIRST_SEED)

    def unit_policy(observation: NDArray[np.float32]) -> NDArray[np.floating]:
        return ((policy(observation[0]) - scale.center) / scale.half_range)[None]

    episodes = evaluator.run(unit_policy, 1)
    return float(episodes.returns.mean())


def main() -> None:
    """Print the score of each seed, and their mean."""
    subject, file, seeds, steps = sys.argv[1:]
    config = replace(Config(**read_settings(Path(file))), steps=int(steps))
    scores = []
    for seed, score in enumerate(SUBJECTS[subject](config, int(seeds))):
        print(f"{subject}, {config.env}, {config.steps:,} steps, seed {seed}: {score:.1f}")
        scores.append(score)
    print(f"{subject}, {config.env}, {config.steps:,} steps: mean {np.mean(scores):.1f}")


if __name__ == "__main__":
    main()
