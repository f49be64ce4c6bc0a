"""Files of the wheel `gradient-isolation`, by their names there. Hatch runs this file."""

from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

_LEFT_OUT = ("hatch_build.py", "contracts/ours.py")
_SUFFIXES = (".css", ".j2", ".py", ".typed")


class WheelFiles(BuildHookInterface):
    """Hook that puts this folder into the wheel as `gradient_isolation`."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:  # noqa: ARG002 (Hatch's)
        """Add every source file, and the pytest plugin under a name that no user's file has."""
        included: dict[str, str] = build_data["force_include"]
        folder = Path(self.root)
        for file in folder.rglob("*"):
            name = file.relative_to(folder).as_posix()
            if file.suffix in _SUFFIXES and name not in _LEFT_OUT:
                included[str(file)] = f"gradient_isolation/{name}"
        included[str(folder / "pytest_plugin.py")] = "gradient_isolation_pytest.py"
