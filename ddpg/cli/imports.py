"""The path of imports, for modules that a command line names."""

import sys
from collections.abc import Iterable
from pathlib import Path


def allow_current_folder(names: Iterable[object]) -> None:
    """Put the current folder first on the path of imports, if one of `names` is `module:name`."""
    folder = str(Path.cwd())
    if any(isinstance(name, str) and ":" in name for name in names) and sys.path[0] != folder:
        sys.path.insert(0, folder)
