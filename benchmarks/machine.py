"""Where something was measured."""

import os
import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from benchmarks.processes import cores

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


def describe() -> dict[str, object]:
    """Processor, cores, load and versions, as JSON holds them."""
    versions = {"python": platform.python_version()}
    for package in _PACKAGES:
        try:
            versions[package] = version(package)
        except PackageNotFoundError:
            continue
    return {
        "processor": _processor(),
        "cores": len(cores()),
        "load before": round(os.getloadavg()[0], 2),
        "versions": versions,
    }


def sentence(machine: dict[str, object]) -> str:
    """`describe`'s answer for a reader."""
    versions = machine["versions"]
    assert isinstance(versions, dict)
    packages = ", ".join(f"{name} {number}" for name, number in versions.items())
    return (
        f"Measured on {machine['processor']}, {machine['cores']} cores, with a load of "
        f"{machine['load before']} before the first process, by {packages}."
    )


def _processor() -> str:
    """The processor's name, which on Linux is in /proc alone."""
    file = Path("/proc/cpuinfo")
    if file.is_file():
        for line in file.read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()
