"""The ready contracts need their libraries only when a contract is asked for."""

import subprocess
import sys

import pytest

LIBRARIES = ("stable_baselines3", "torchrl", "tensordict", "tianshou", "gymnasium")


@pytest.mark.parametrize("library", ["stable_baselines3", "torchrl", "tianshou"])
def test_a_contract_s_file_imports_no_library(library: str) -> None:
    code = (
        f"import sys, ddpg.isolation.contracts.{library} as contracts; contracts.contract; "
        f"print(sorted(set({LIBRARIES!r}) & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
