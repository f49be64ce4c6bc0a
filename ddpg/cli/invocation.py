"""The words that start a command, as the user started this process."""

import sys
from pathlib import Path


def invocation(name: str) -> list[str]:
    """Return `ddpg NAME`, `python -m ddpg NAME` or `python scripts/NAME.py` as a list of words."""
    started = Path(sys.argv[0])
    if started.name == "__main__.py" and started.parent.name == "ddpg":
        return ["python", "-m", "ddpg", name]
    if started.stem == "ddpg":
        return ["ddpg", name]
    return ["python", str(started.with_name(f"{name}.py"))]


def program(name: str) -> str:
    """Return the name of a command in its messages: `ddpg train` or `train.py`."""
    return f"{name}.py" if invocation(name)[-1] != name else f"ddpg {name}"
