"""The package as a library: cheap to import, typed, and no more than it says."""

import subprocess
import sys
from pathlib import Path

import ddpg

HEAVY = ("torch", "tensorboard", "matplotlib", "gymnasium", "rliable", "rich", "jsonargparse")


def imported(code: str) -> set[str]:
    """Which of the heavy modules a fresh interpreter has loaded after `code`."""
    check = f"{code}; import sys; print(*[m for m in {HEAVY!r} if m in sys.modules])"
    return set(subprocess.check_output([sys.executable, "-c", check], text=True).split())


def test_importing_ddpg_loads_nothing_heavy():
    assert imported("import ddpg") == set()


def test_the_agent_loads_no_tensorboard_files_or_environments():
    assert imported("from ddpg import DDPG, Config") == {"torch"}
    assert not imported("from ddpg import train, evaluate, load_policy") & {
        "tensorboard",
        "matplotlib",
        "rliable",
        "jsonargparse",
    }


def test_the_stops_know_no_ddpg():
    code = "import ddpg.stops, sys; print(*[m for m in sys.modules if m.startswith('ddpg')])"
    modules = subprocess.check_output([sys.executable, "-c", code], text=True).split()
    assert {m for m in modules if not m.startswith("ddpg.stops")} == {"ddpg"}


def test_every_public_name_is_there_and_typed():
    for name in ddpg.__all__:
        assert getattr(ddpg, name).__doc__
    assert (Path(ddpg.__file__).parent / "py.typed").is_file()
