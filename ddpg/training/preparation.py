"""Parts of a training run that its settings may make impossible: replay buffer and evaluator."""

from ddpg.config.fields import refusal
from ddpg.errors import ConfigError
from ddpg.evaluation.episodes import TRAINING_FIRST_SEED, EvaluationProgress, Evaluator
from ddpg.replay import ReplayBuffer
from ddpg.training.interrupt import InterruptFlag
from ddpg.training.state import TrainingState


def empty_replay(state: TrainingState) -> ReplayBuffer:
    """Return the replay buffer of a run.

    Raises:
        ConfigError: the buffer does not fit into memory.
    """
    config, (observation_dim, action_dim) = state.config, state.dims
    try:
        return ReplayBuffer(
            state.streams.replay,
            config.replay_capacity,
            observation_dim,
            action_dim,
            state.device,
        )
    except RuntimeError as error:
        raise ConfigError(
            f"replay_capacity: {config.replay_capacity} is not allowed with {config.members} "
            f"members, {observation_dim} observations and {action_dim} actions; allowed: a buffer "
            "that fits into memory"
        ) from error


class EvaluationInterrupted(Exception):  # noqa: N818 (a signal is not an error)
    """A signal came during an evaluation."""


def make_evaluator(state: TrainingState, interrupt: InterruptFlag) -> Evaluator:
    """Return the evaluator of a run, whose environments exist beside those of training.

    After a signal it raises EvaluationInterrupted.

    Raises:
        ConfigError: only the environments of training can exist.
    """
    config = state.config

    def stop_if_interrupted(_: EvaluationProgress) -> None:
        if interrupt.signal is not None:
            raise EvaluationInterrupted

    try:
        return Evaluator(
            config.env,
            config.env_options,
            config.evaluation_episodes,
            TRAINING_FIRST_SEED,
            config.environment_timeout,
            config.evaluation_max_steps,
            stop_if_interrupted,
        )
    except ConfigError as error:
        context = f", since an evaluation needs an environment beside that of training: {error}"
        every = config.evaluation_every
        raise ConfigError(refusal("evaluation_every", every, "0", context)) from error
