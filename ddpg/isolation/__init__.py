"""What each update of an actor-critic reached, wrote and moved, against what was declared.

The names are looked up on first use, so that importing this package (as pytest does, for the
plugin's sake, in every run of its users) does not import torch.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ddpg.isolation.auditing import audit as audit
    from ddpg.isolation.auditing import watch as watch
    from ddpg.isolation.contract import Contract as Contract
    from ddpg.isolation.contract import ContractError as ContractError
    from ddpg.isolation.contract import Permission as Permission
    from ddpg.isolation.contract import follows as follows
    from ddpg.isolation.contract import moves as moves
    from ddpg.isolation.contract import nothing as nothing
    from ddpg.isolation.contract import split as split
    from ddpg.isolation.contract import trains as trains
    from ddpg.isolation.live import LiveWatch as LiveWatch
    from ddpg.isolation.observe.watcher import term as term
    from ddpg.isolation.report import Cell as Cell
    from ddpg.isolation.report import ContractBrokenError as ContractBrokenError
    from ddpg.isolation.report import Finding as Finding
    from ddpg.isolation.report import Grade as Grade
    from ddpg.isolation.report import Path as Path
    from ddpg.isolation.report import Report as Report

_HOMES = {
    "auditing": ("audit", "watch"),
    "contract": (
        "Contract",
        "ContractError",
        "Permission",
        "follows",
        "moves",
        "nothing",
        "split",
        "trains",
    ),
    "live": ("LiveWatch",),
    "report": ("Cell", "ContractBrokenError", "Finding", "Grade", "Path", "Report"),
    "observe.watcher": ("term",),
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}

__all__ = sorted(_HOME_OF)  # pyright: ignore[reportUnsupportedDunderAll]  built from the table


def __getattr__(name: str) -> object:
    if name not in _HOME_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOME_OF[name]}"), name)
