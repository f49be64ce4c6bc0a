"""Nothing of the user's process is changed by importing or using the package."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from tests.neighbour import CALLS, changes


@pytest.fixture(scope="module")
def changed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[str]]:
    """Return the parts that each public call changed, in a process of its own."""
    command = [sys.executable, "-m", "tests.neighbour", str(tmp_path_factory.mktemp("runs"))]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
    return json.loads(ended.stdout.splitlines()[-1])


@pytest.mark.slow
@pytest.mark.parametrize("name", CALLS)
def test_a_public_call_changes_nothing_of_the_users(
    changed: dict[str, list[str]], name: str
) -> None:
    assert changed[name] == []


def test_changes_are_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    threads, errors = torch.get_num_threads(), np.geterr()

    def change(folder: Path) -> None:
        torch.set_num_threads(threads + 1)
        torch.rand(1)
        np.seterr(all="ignore")
        monkeypatch.setenv("MINE", "1")
        (folder / "below").mkdir()
        os.chdir(folder / "below")

    try:
        parts = changes(change, tmp_path)
    finally:
        torch.set_num_threads(threads)
        np.seterr(**errors)
    assert parts == [
        *("torch threads", "torch random", "NumPy errors", "environment variables", "folder")
    ]
