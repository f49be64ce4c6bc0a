"""The setting `env`: its text, and the environment that a reader of a run folder may create."""

import sys
from functools import partial
from pathlib import Path

from ddpg.config.fields import shorten
from ddpg.config.types import EnvironmentSource


def environment_name(env: EnvironmentSource) -> str:
    """Return `env` as text; for a callable, `module:name`, under which it can be imported.

    A callable of the script that runs has the name of the script's file as its module.
    """
    if isinstance(env, str):
        return env
    while isinstance(env, partial):
        env = env.func
    named = env if hasattr(env, "__qualname__") else type(env)
    module = named.__module__
    if module == "__main__":
        main = sys.modules["__main__"]
        spec, file = getattr(main, "__spec__", None), getattr(main, "__file__", None)
        module = spec.name if spec else Path(file).stem if file else module
    return f"{module}:{named.__qualname__}"


def allowed_environment(stored: str, given: EnvironmentSource | None) -> EnvironmentSource | None:
    """Return the environment to create for a run, or None if its file would import a module.

    Args:
        stored: `env` of the run's file, which may come from anyone.
        given: environment that the caller allows: a callable, the stored text itself, or
            `module:id` for a stored `id`.
    """
    if given is not None and not isinstance(given, str):
        return given
    if given is not None and stored in (given, given.rpartition(":")[2]):
        return given
    return None if ":" in stored else stored


def module_message(path: Path, env: str) -> str:
    """Return the error message for a file whose `env` is `module:id`."""
    in_python = f"env={shorten(env)} or the callable itself in Python"
    if "<" in env or env.startswith("__main__:"):
        return (
            f"cannot read {path}: its env {shorten(env)} is a callable that cannot be imported; "
            f"allowed: env=the same callable, in Python"
        )
    return (
        f"cannot read {path}: its env {shorten(env)} imports a module; allowed: module:id on the "
        f"command line only, as --env {shorten(env)}, or {in_python}"
    )
