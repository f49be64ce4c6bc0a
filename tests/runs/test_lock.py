"""One process writes into a folder; its lock ends with it."""

import os
import signal
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from ddpg.config.settings import Config
from ddpg.errors import ConfigError
from ddpg.runs.folder import RunFolder
from ddpg.runs.lock import LOCK_FILE, FolderLock

HOLDER = """
import sys, time
from pathlib import Path
from ddpg.runs.lock import FolderLock
lock = FolderLock(Path(sys.argv[1]))
print("locked", flush=True)
time.sleep(60)
"""


def test_a_second_lock_names_the_process_and_a_killed_one_leaves_none(tmp_path: Path):
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(tmp_path)], stdout=subprocess.PIPE, text=True
    )
    assert holder.stdout is not None
    assert holder.stdout.readline() == "locked\n"
    with pytest.raises(ConfigError, match=f"process {holder.pid} on .* is writing into it"):
        FolderLock(tmp_path)
    assert (tmp_path / LOCK_FILE).read_text().startswith(f"process {holder.pid} on ")
    os.kill(holder.pid, signal.SIGKILL)
    holder.wait()
    holder.stdout.close()
    FolderLock(tmp_path).release()


def test_a_released_lock_can_be_taken_again(tmp_path: Path):
    FolderLock(tmp_path).release()
    second = FolderLock(tmp_path)
    with pytest.raises(ConfigError, match=f"process {os.getpid()} on "):
        FolderLock(tmp_path)
    second.release()


def test_runs_that_begin_at_once_get_one_number_each(tmp_path: Path):
    count, barrier = 12, threading.Barrier(12)

    def create(_: int) -> str:
        barrier.wait()
        return RunFolder.create(Config(runs=str(tmp_path))).path.name

    with ThreadPoolExecutor(count) as pool:
        names = sorted(pool.map(create, range(count)))
    stem = min(names, key=len)
    assert set(names) == {stem, *(f"{stem}-{number}" for number in range(2, count + 1))}
    assert sorted(path.name for path in tmp_path.iterdir()) == names
