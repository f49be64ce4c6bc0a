"""Optional packages: a missing one is one sentence with the command that installs it."""

from importlib.util import find_spec

_DISTRIBUTION = "ddpg-stops" if __name__.startswith("ddpg.") else "gradient-isolation"


class MissingExtraError(ImportError):
    """An optional package is not installed. The message has the command that installs it."""


def require_extra(extra: str, purpose: str, *modules: str) -> None:
    """Raise a `MissingExtraError` unless all modules can be imported.

    Args:
        extra: extra of the distribution, which installs the modules.
        purpose: what needs them; the message begins with it.
        modules: top-level names.
    """
    missing = [module for module in modules if find_spec(module) is None]
    if missing:
        raise MissingExtraError(
            f"{purpose} needs {' and '.join(missing)}; "
            f'install with: pip install "{_DISTRIBUTION}[{extra}]"'
        )
