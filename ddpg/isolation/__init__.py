"""Audit of the modules that each update of an actor-critic reaches, writes and moves.

Public names are imported on first use: pytest imports this package in every run of its users, and
should not import torch.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .auditing import audit as audit
    from .auditing import watch as watch
    from .contract import Contract as Contract
    from .contract import ContractError as ContractError
    from .contract import Permission as Permission
    from .contract import follows as follows
    from .contract import moves as moves
    from .contract import nothing as nothing
    from .contract import split as split
    from .contract import trains as trains
    from .extras import MissingExtraError as MissingExtraError
    from .live import LiveWatch as LiveWatch
    from .observe.watcher import term as term
    from .report import ContractBrokenError as ContractBrokenError
    from .report import Report as Report
    from .results import Cell as Cell
    from .results import Finding as Finding
    from .results import Grade as Grade
    from .results import Path as Path
    from .survey.survey import Survey as Survey
    from .survey.survey import inventory as inventory
    from .survey.warnings import SurveyWarning as SurveyWarning

__version__ = "0.1.0"

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
    "extras": ("MissingExtraError",),
    "live": ("LiveWatch",),
    "report": ("ContractBrokenError", "Report"),
    "results": ("Cell", "Finding", "Grade", "Path"),
    "observe.watcher": ("term",),
    "survey.survey": ("Survey", "inventory"),
    "survey.warnings": ("SurveyWarning",),
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}

__all__ = sorted(_HOME_OF)  # pyright: ignore[reportUnsupportedDunderAll]  built from the table


def __getattr__(name: str) -> object:
    if name not in _HOME_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOME_OF[name]}"), name)
