"""Description of the machine that measured something."""

import os
import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from benchmarks.timing.cores import available_cores

_PACKAGES = (
    "torch",
    "numpy",
    "gymnasium",
    "stable_baselines3",
    "sbx-rl",
    "jax",
    "skrl",
    "torchrl",
    "tianshou",
)


def describe_machine() -> dict[str, object]:
    """Return processor, cores, load average and versions, of JSON types."""
    versions = {"python": platform.python_version()}
    for package in _PACKAGES:
        try:
            versions[package] = version(package)
        except PackageNotFoundError:
            continue
    return {
        "processor": _processor(),
        "cores": len(available_cores()),
        "load before": round(os.getloadavg()[0], 2),
        "versions": versions,
    }


def machine_sentence(machine: dict[str, object]) -> str:
    """Return the result of `describe_machine` as a sentence, with the `command` if it has one."""
    versions = machine["versions"]
    assert isinstance(versions, dict)
    packages = ", ".join(f"{name} {number}" for name, number in versions.items())
    command = f" by `python {machine['command']}`" if "command" in machine else ""
    return (
        f"Measured{command} on {machine['processor']}, {machine['cores']} cores, load average "
        f"{machine['load before']} before the first process; {packages}."
    )


def _processor() -> str:
    """Return the processor's name, which Linux lists only in /proc."""
    file = Path("/proc/cpuinfo")
    if file.is_file():
        for line in file.read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
