"""The package as a library: imports, types and public names."""

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

import ddpg

HEAVY = ("torch", "tensorboard", "matplotlib", "gymnasium", "scipy", "rich", "jsonargparse")
COMPILER = ("torch._dynamo", "torch._inductor.config", "sympy")


def imported(code: str, candidates: Sequence[str] = HEAVY) -> set[str]:
    """Return the `candidates` that a fresh interpreter has loaded after `code`."""
    check = f"{code}; import sys; print(*[m for m in {candidates!r} if m in sys.modules])"
    return set(subprocess.check_output([sys.executable, "-c", check], text=True).split())


def test_importing_ddpg_loads_nothing_heavy():
    assert imported("import ddpg") == set()


def test_the_agent_loads_no_tensorboard_files_or_environments():
    assert imported("from ddpg import DDPG, Config") == {"torch"}
    assert not imported("from ddpg import train, evaluate, load_policy") & {
        "tensorboard",
        "matplotlib",
        "scipy",
        "jsonargparse",
    }


@pytest.mark.slow
def test_only_a_compiled_training_loads_the_compiler(tmp_path):
    settings = {
        **{"runs": str(tmp_path), "name": "mine", "steps": 30, "random_steps": 10, "hidden": (8,)},
        **{"evaluation_every": 20, "evaluation_episodes": 1, "checkpoint_every": 20},
        "separation_every": 5,
    }
    again = {**settings, "steps": 40, "resume": True}
    train = f"from ddpg import Config, train; [train(Config(**s)) for s in ({settings}, {again})]"
    assert imported(train, (*COMPILER, "torch.utils.tensorboard")) == {"torch.utils.tensorboard"}
    compiled = (
        "from ddpg.fast.compiled import CompiledUpdate; from tests.parts import make_agent; "
        "CompiledUpdate(make_agent())"
    )
    assert imported(compiled, COMPILER) == set(COMPILER)


def test_the_stops_import_only_the_errors_of_the_package():
    code = "import ddpg.stops, sys; print(*[m for m in sys.modules if m.startswith('ddpg')])"
    modules = subprocess.check_output([sys.executable, "-c", code], text=True).split()
    assert {m for m in modules if not m.startswith("ddpg.stops")} == {
        "ddpg",
        "ddpg.errors",
    }


def test_every_public_name_is_documented_and_typed():
    for name in ddpg.__all__:
        assert getattr(ddpg, name).__doc__
    assert (Path(ddpg.__file__).parent / "py.typed").is_file()
