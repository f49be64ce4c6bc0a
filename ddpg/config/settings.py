"""Every setting of a run, with its unit and range: one dataclass, read from and written to YAML."""

import dataclasses
from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Self

from pydantic import ConfigDict, ValidationError, create_model

from ddpg.config.combinations import check_combinations
from ddpg.config.environment import allowed_environment, environment_name, module_message
from ddpg.config.fields import Setting, setting, shorten
from ddpg.config.types import LONGEST_EPISODE, EnvironmentSource
from ddpg.config.yaml_file import read_settings, settings_text
from ddpg.errors import ConfigError, did_you_mean


@dataclass(frozen=True, kw_only=True)
class Config:
    """Every setting of a run. `SETTINGS[name].help_text` has its meaning, unit and range.

    Raises:
        ConfigError: a value is not allowed, or two settings contradict each other.
    """

    env: EnvironmentSource = setting(
        "Pendulum-v1", "Gymnasium environment with a Box action space: id, or module:id"
    )
    env_options: dict[str, Any] = setting({}, "keyword arguments of the environment, {name: value}")
    seed: int = setting(0, "seed of member 0; member k has seed + k", ge=0, lt=2**31)
    members: int = setting(1, "independent agents trained side by side", ge=1, le=10_000)
    steps: int = setting(20_000, "length of the run", "environment steps of one member", ge=1)

    stop: str = setting("no_grad+optimizer", "stop of the critic update; + joins several")
    actor_stop: str = setting("freeze+optimizer", "stop of the actor update; + joins several")
    manual_scale: float | dict[str, float] = setting(
        0.0, "stop manual: factor on protected gradients, one number or {module: number}"
    )
    manual_every: int | dict[str, int] = setting(
        1,
        "stop manual: period of an update without scaling; 1: every update scales",
        "updates",
    )
    bootstrap_actor: Literal["target", "live"] = setting(
        "target", "the actor that chooses the action of the bootstrap"
    )

    gamma: float = setting(0.98, "discount of the next step's value", ge=0, le=1)
    n_step: int = setting(
        1,
        "steps whose rewards a target sums before it bootstraps; fewer where an episode ends",
        "environment steps",
        ge=1,
        le=1_000,
    )
    tau: float = setting(0.005, "share of the online weights in a Polyak step", gt=0, le=1)
    batch_size: int = setting(
        64, "batch of one update", "transitions of one member", ge=1, le=2**20
    )
    update_every: int = setting(
        1, "period of the environment steps that updates follow", "environment steps", ge=1
    )
    updates_per_step: int = setting(
        1, "updates after each of these environment steps", "updates", ge=1, le=1_000
    )
    actor_every: int = setting(
        1, "period of the updates that include the actor and the targets", "updates", ge=1
    )
    hidden: tuple[int, ...] = setting((64, 64), "units of each hidden layer")
    activation: Literal["relu", "tanh", "elu", "silu"] = setting(
        "relu", "function after each hidden layer"
    )
    layer_norm: bool = setting(False, "normalize each hidden layer's output before its function")
    action_layer: int = setting(0, "layer of the critic that the action enters, from 0", ge=0)
    final_bound: float | None = setting(
        None, "half-width of the last layers' initial weights; null: 1/sqrt(inputs)", gt=0, le=1_000
    )
    optimizer: Literal["adam", "sgd"] = setting(
        "adam", "optimizer of actor and critic; sgd has no momentum"
    )
    actor_learning_rate: float = setting(5e-4, "optimizer's step size, actor", gt=0, le=1)
    critic_learning_rate: float = setting(1e-3, "optimizer's step size, critic", gt=0, le=1)
    learning_rate_final: float = setting(
        0.0, "learning rates after learning_rate_steps", "share of those at the start", ge=0, le=1
    )
    learning_rate_steps: int = setting(
        0, "length of the learning rates' linear schedule; 0: constant", "environment steps", ge=0
    )
    gradient_clip: float | None = setting(
        None, "largest norm of a module's gradient; null: no limit", gt=0, le=1_000_000
    )
    critic_weight_decay: float = setting(0.0, "L2 penalty on the critic's weights", ge=0, le=1)

    normalize_observations: bool = setting(
        False, "normalize observations by running statistics of training, one set per member"
    )
    reward_scale: float | Literal["auto"] = setting(
        1.0, "factor on rewards; auto: 1 over the running standard deviation of discounted sums"
    )

    initial: str | None = setting(
        None, "folder of a run whose newest networks this run starts with; the shapes must be equal"
    )
    prefill: str | None = setting(
        None, ".npz file of transitions that the replay of each member starts with"
    )
    replay_capacity: int = setting(
        200_000,
        "replay buffer; the oldest transition is replaced",
        "transitions of one member",
        ge=1,
    )
    random_steps: int = setting(
        1_000, "uniformly random actions before the first update", "environment steps", ge=1
    )
    noise: Literal["gaussian", "ornstein_uhlenbeck"] = setting(
        "gaussian", "exploration noise, added to the action, which is then clipped"
    )
    noise_sigma: float = setting(
        0.1, "scale of the noise, or its start", "half-ranges of the action", ge=0, le=1_000_000
    )
    noise_sigma_final: float = setting(
        0.1, "scale of the noise after noise_steps", "half-ranges of the action", ge=0, le=1_000_000
    )
    noise_steps: int = setting(
        0, "length of the noise's linear schedule; 0: constant", "environment steps", ge=0
    )
    noise_theta: float = setting(
        0.15, "Ornstein-Uhlenbeck: share of the noise that each step removes", ge=0, le=1
    )

    evaluation_every: int = setting(
        1_000, "period of evaluation while training; 0: none", "environment steps", ge=0
    )
    evaluation_episodes: int = setting(5, "length of each evaluation", "episodes", ge=1)
    evaluation_max_steps: int = setting(
        LONGEST_EPISODE, "length at which an evaluation's episode is cut off", "steps", ge=1
    )
    stop_at_return: float | None = setting(
        None, "mean return of an evaluation at which the run ends, once every member reached it"
    )
    log_every: int = setting(
        500,
        "period of logged losses and values, means over the period",
        "environment steps",
        ge=1,
    )
    log_info: tuple[str, ...] = setting(
        (), "names in the environment's info whose mean per training episode is logged"
    )
    separation_every: int = setting(
        1_000,
        "window of the gradient audit, which takes one random update of each; 0: none",
        "updates",
        ge=0,
    )
    tensorboard: bool = setting(
        True, "write TensorBoard files too; metrics.csv always has the same figures"
    )
    checkpoint_every: int = setting(
        10_000,
        "period of checkpoints; 0: one at the start and one at the end",
        "environment steps",
        ge=0,
    )
    on_divergence: Literal["stop", "drop_member"] = setting(
        "stop", "reaction to a loss, gradient or value that is NaN or infinite"
    )
    environment_timeout: float = setting(
        0.0,
        "time limit of each environment step, with one process per environment; 0: none",
        "seconds",
        ge=0,
        le=1_000_000,
    )

    device: str = setting("cpu", "cpu, cuda, cuda:N, mps, or auto: the first of cuda, mps, cpu")
    threads: int = setting(1, "threads of PyTorch on the CPU", ge=1, le=1024)
    compile: bool = setting(
        False, "compile the update: about 20 s at first; then small updates take half the time"
    )
    matmul_precision: Literal["highest", "high", "medium"] = setting(
        "highest", "PyTorch's precision of matrix products; medium: faster with 256 units or more"
    )
    runs: str = setting("runs", "folder of all runs")
    name: str | None = setting(
        None,
        "name of this run; null: <env>-<stop>-<seed>, with the other settings of the stops that "
        "differ from their defaults",
    )
    resume: bool = setting(False, "continue the run `name` from its checkpoint")
    resume_from: Literal["newest", "previous"] = setting(
        "newest", "checkpoint to resume from; previous: for when the newest is damaged"
    )

    def __post_init__(self) -> None:
        given = {name: getattr(self, name) for name in SETTINGS}
        try:
            validated = _Validated(**given)
        except ValidationError as error:
            name = str(error.errors()[0]["loc"][0])
            raise ConfigError(SETTINGS[name].refusal(given[name])) from error
        for name in SETTINGS:
            object.__setattr__(self, name, getattr(validated, name))
        check_combinations(self)

    @classmethod
    def from_dict(cls, settings: Mapping[str, Any]) -> Self:
        """Return the config with plain YAML values.

        Raises:
            ConfigError: a value is not allowed, or a setting does not exist.
        """
        for name in settings:
            if name not in SETTINGS:
                raise ConfigError(unknown_setting_message(str(name)))
        return cls(**settings)

    @property
    def env_name(self) -> str:
        """The environment as text; for a callable, `module:name`."""
        return environment_name(self.env)

    @property
    def network_options(self) -> dict[str, Any]:
        """Activation and normalization of the hidden layers, as both networks take them."""
        return {"activation": self.activation, "layer_norm": self.layer_norm}

    def to_dict(self) -> dict[str, Any]:
        """Return plain YAML values."""
        values = {name: deepcopy(getattr(self, name)) for name in SETTINGS if name != "env"}
        return {
            "env": self.env_name,
            **values,
            "hidden": list(self.hidden),
            "log_info": list(self.log_info),
        }

    @classmethod
    def load(cls, path: Path, env: EnvironmentSource | None = None) -> Self:
        """Read a YAML file.

        Args:
            path: the file.
            env: environment that the caller allows: a callable, or `module:id`. An `env: module:id`
                in the file is refused unless it is this one.

        Raises:
            ConfigError: the file is not a YAML mapping of settings, or would import a module.
        """
        config = cls.from_dict(read_settings(path))
        allowed = allowed_environment(config.env_name, env)
        if allowed is None:
            raise ConfigError(module_message(path, config.env_name))
        return dataclasses.replace(config, env=allowed)

    def to_yaml(self) -> str:
        """Return all settings as YAML."""
        return settings_text(self.to_dict())


def unknown_setting_message(name: str) -> str:
    """Return the error message for a setting that does not exist."""
    hint = did_you_mean(name, SETTINGS)
    return f"there is no setting {shorten(name)}{hint}; allowed: {', '.join(SETTINGS)}"


SETTINGS = {field.name: Setting(field) for field in dataclasses.fields(Config)}
_validators: dict[str, Any] = {name: each.validator() for name, each in SETTINGS.items()}
_Validated = create_model(
    "_Validated", __config__=ConfigDict(allow_inf_nan=False, strict=True), **_validators
)
