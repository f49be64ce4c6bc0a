"""Creation of environments from a Gymnasium id, `module:id`, or a callable."""

from collections.abc import Callable, Mapping
from copy import deepcopy
from importlib import import_module
from inspect import signature
from operator import attrgetter
from typing import Any, TypeVar

import gymnasium
from gymnasium.envs.registration import EnvSpec, load_env_creator
from gymnasium.vector import AutoresetMode, VectorEnv

from ddpg.config.environment import environment_name
from ddpg.config.fields import shorten
from ddpg.config.types import EnvironmentSource
from ddpg.environments.checked import CheckedEnvironment, description
from ddpg.environments.pendulum import PendulumVectorEnv
from ddpg.environments.process_state import keeps_process_state
from ddpg.environments.spaces import action_scale, observation_dim
from ddpg.errors import ConfigError

_Created = TypeVar("_Created")


def make_environment(env: EnvironmentSource, options: Mapping[str, Any]) -> CheckedEnvironment:
    """Create one environment, with checked spaces, that raises faults as EnvironmentFaultError.

    Raises:
        ConfigError: the environment does not exist, or its spaces cannot be used.
    """
    environment = make_unchecked(env, options)
    # Any, since an environment of the user may lack them.
    missing: Any = None
    observation_dim(getattr(environment, "observation_space", missing))
    action_scale(getattr(environment, "action_space", missing))
    return CheckedEnvironment(environment)


def make_unchecked(env: EnvironmentSource, options: Mapping[str, Any]) -> gymnasium.Env[Any, Any]:
    """Create one environment.

    Args:
        env: Gymnasium id, `module:id`, or a callable. `module:name` without such an id is the
            callable `name` of the module.
        options: keyword arguments.

    Raises:
        ConfigError: the environment cannot be created.
    """

    def make() -> Any:
        # Copied, since an environment may change a list that it is given.
        own = deepcopy(dict(options))
        source = _imported(env)
        return gymnasium.make(source, **own) if isinstance(source, str) else source(**own)

    environment = create(env, make)
    if not isinstance(environment, gymnasium.Env):
        raise ConfigError(
            f"cannot create the environment {_quoted(env)}: it is a "
            f"{type(environment).__name__}; allowed: a gymnasium.Env"
        )
    return environment


def make_restorable_vector(
    env: EnvironmentSource, members: int, options: Mapping[str, Any]
) -> VectorEnv[Any, Any, Any] | None:
    """Create the environment's own vector version, or return None if it has none that fits.

    It needs to support `options`, `AutoresetMode.SAME_STEP` and `load_state_dict`.

    Raises:
        ConfigError: the environment cannot be created.
    """
    source = create(env, lambda: _imported(env))
    # Gymnasium completes or refuses a name that is not registered exactly so.
    spec = _vector_spec(gymnasium.registry.get(source)) if isinstance(source, str) else None
    if spec is None or spec.vector_entry_point is None:
        return None
    entry_point = spec.vector_entry_point
    creator: Any = entry_point
    if isinstance(entry_point, str):
        creator = create(env, lambda: load_env_creator(entry_point))
    parameters = signature(creator).parameters.keys()
    # Options of the wrappers of single environments, such as render_mode, need SyncVectorEnv.
    if not (hasattr(creator, "load_state_dict") and {"autoreset_mode", *options} <= parameters):
        return None
    mode = AutoresetMode.SAME_STEP
    return create(
        env,
        lambda: gymnasium.make_vec(
            spec, members, "vector_entry_point", autoreset_mode=mode, **deepcopy(dict(options))
        ),
    )


def create(env: EnvironmentSource, creator: Callable[[], _Created]) -> _Created:
    """Return the result of `creator`; every error that it raises is a ConfigError."""
    try:
        with keeps_process_state():
            return creator()
    except KeyboardInterrupt:
        raise
    # The constructor is the user's code: any other exception can come out of it.
    except BaseException as error:
        raise ConfigError(
            f"cannot create the environment {_quoted(env)}: {description(error)}"
        ) from error


def _imported(env: EnvironmentSource) -> EnvironmentSource:
    """Import the module of `module:id`; return the id or callable."""
    if not isinstance(env, str):
        return env
    module_name, _, identifier = env.rpartition(":")
    if not module_name:
        return env
    module = import_module(module_name)
    if identifier in gymnasium.registry:
        return identifier
    try:
        found = attrgetter(identifier)(module)
    except AttributeError:
        return identifier
    return found if callable(found) else identifier


def _vector_spec(spec: EnvSpec | None) -> EnvSpec | None:
    """Return a copy of `spec`, in which Gymnasium's Pendulum-v1 has our vector version."""
    pendulum = "gymnasium.envs.classic_control.pendulum:PendulumEnv"
    if spec is None or spec.vector_entry_point is not None or spec.entry_point != pendulum:
        return spec
    # A copy, since the registry is shared with the user's own code.
    copied = deepcopy(spec)
    copied.vector_entry_point = f"{PendulumVectorEnv.__module__}:{PendulumVectorEnv.__name__}"
    return copied


def _quoted(env: EnvironmentSource) -> str:
    return shorten(environment_name(env))
