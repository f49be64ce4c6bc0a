"""Ready contracts import their libraries only on use."""

import subprocess
import sys

LIBRARIES = ("stable_baselines3", "torchrl", "tensordict", "tianshou", "skrl", "pfrl", "gymnasium")


def test_the_contracts_import_no_library() -> None:
    code = (
        "import sys; from ddpg.isolation.contracts import "
        "pfrl, skrl, stable_baselines3, tianshou, torchrl; "
        f"print(sorted(set({LIBRARIES!r}) & set(sys.modules)))"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"
