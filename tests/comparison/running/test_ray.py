"""Comparison on a real Ray cluster of two workers, one of which is killed."""

import io
import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest

from ddpg.comparison.plan import Plan
from ddpg.comparison.running.runner import run
from ddpg.comparison.running.transfer import contents, pack, unpack
from ddpg.config.settings import Config
from ddpg.config.yaml_file import read_settings
from ddpg.errors import ConfigError
from ddpg.training.loop import train
from tests.comparison.running import failing
from tests.comparison.running.test_runner import SMALL, failing_variant, metrics

ROOT = Path(__file__).parents[3]

# Run in a process of its own: Ray issues warnings, which the tests turn into errors.
PROGRAM = """
import json, sys
from ray.cluster_utils import Cluster
from ddpg.comparison.plan import Plan
from ddpg.comparison.running.runner import run

cluster = Cluster(True, head_node_args={"num_cpus": 2, "include_dashboard": False})
try:
    result = run(Plan.from_dict(json.loads(sys.argv[1])), ray_address=cluster.address)
finally:
    cluster.shutdown()
print(json.dumps([result.failed, result.finished]))
"""


def on_ray(plan: dict[str, Any]) -> tuple[dict[str, str], bool]:
    """Run `plan` on a cluster of two workers; return its failures and if it finished."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    ended = subprocess.run(
        [sys.executable, "-c", PROGRAM, json.dumps(plan)],
        cwd=ROOT,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert ended.returncode == 0, ended.stderr
    failed, finished = json.loads(ended.stdout.splitlines()[-1])
    return failed, finished


@pytest.mark.slow
def test_a_killed_worker_is_replaced_and_the_runs_are_stored_here(tmp_path):
    marker = tmp_path / "died"
    sound = f"{failing.MODULE}:Sound-v0"
    plan = {
        "runs": str(tmp_path),
        "name": "small",
        "settings": SMALL,
        "variants": [
            failing_variant("kill", marker=str(marker)),
            {"label": "sound", "env": sound},
            failing_variant("raise", at=5),
        ],
    }
    failed, finished = on_ray(plan)
    assert marker.exists()
    assert finished
    assert list(failed) == ["raise"]
    assert "RuntimeError: the motor burnt at environment step 5" in failed["raise"]
    for name in ("kill", "sound"):
        steps = [int(line.split(b",")[0]) for line in metrics(tmp_path, name).splitlines()[1:]]
        assert steps == sorted(steps)
        assert steps[-1] == 60
        run = tmp_path / "small" / name
        assert read_settings(run / "config.yaml")["runs"] == str(tmp_path / "small")
        assert len(list((run / "checkpoints").glob("manifest-*.json"))) == 2
        assert list((run / "seed-1").glob("events*"))
    alone = train(Config(runs=str(tmp_path), name="alone", env=sound, **SMALL))
    assert metrics(tmp_path, "sound") == (alone.folder / "metrics.csv").read_bytes()


def test_a_folder_is_transferred_in_parts_and_deletions_follow(tmp_path):
    here, there = tmp_path / "here", tmp_path / "there"
    (here / "checkpoints").mkdir(parents=True)
    (here / "metrics.csv").write_text("a")
    (here / "checkpoints" / "manifest-1.json").write_text("1")
    unpack(pack(here, {}), there)
    known = contents(here)
    (here / "metrics.csv").write_text("ab")
    (here / "checkpoints" / "manifest-1.json").unlink()
    (here / "checkpoints" / "state-2.pt").write_bytes(b"2" * 10_000)
    packed = pack(here, known)
    unpack(packed, there)
    assert {name: (there / name).read_bytes() for name in contents(there)} == {
        "metrics.csv": b"ab",
        "checkpoints/state-2.pt": b"2" * 10_000,
    }
    # Unchanged files are not sent again.
    assert len(pack(here, contents(here))) < len(packed)


def test_nothing_is_written_outside_the_folder(tmp_path):
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("listing.json", "[]")
        archive.writestr("../outside", "x")
    with pytest.raises(ValueError, match=r"cannot unpack '../outside': it is outside"):
        unpack(buffer.getvalue(), tmp_path / "run")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("address", ["127.0.0.1:1", "nowhere", "ray://127.0.0.1:1"])
def test_an_unreachable_cluster_is_refused_before_anything_is_written(tmp_path, address):
    plan = Plan(runs=str(tmp_path), settings=SMALL)
    with pytest.raises(ConfigError, match="cannot connect to ray_address"):
        run(plan, ray_address=address)
    assert list(tmp_path.iterdir()) == []
