"""`scripts/audit.py runs/NAME`: the audit of a run, which leaves its files unchanged."""

import dataclasses
import hashlib
import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from ddpg.cli.audit import load, main
from ddpg.config.settings import Config
from ddpg.errors import CheckpointError, UsageError
from ddpg.evaluation.audit import contract_and_updates
from ddpg.isolation import Grade, audit
from ddpg.training.loop import Trainer, train

SCRIPT = Path(__file__).parents[2] / "scripts" / "audit.py"


def small_run(runs: Path, stop: str) -> Path:
    """Train two members for a few updates; return the folder."""
    config = Config(
        stop=stop,
        members=2,
        hidden=(16, 16),
        steps=24,
        random_steps=16,
        evaluation_every=0,
        runs=str(runs),
    )
    return train(config).folder


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return small_run(tmp_path_factory.mktemp("kept"), "no_grad+optimizer")


@pytest.fixture(scope="module")
def broken(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return small_run(tmp_path_factory.mktemp("broken"), "none")


def files(folder: Path) -> dict[str, tuple[str, int]]:
    """Return path -> digest and time of change, for a folder and everything in it."""
    return {
        str(path): (
            hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else "",
            path.stat().st_mtime_ns,
        )
        for path in [folder, *sorted(folder.rglob("*"))]
    }


def test_the_contract_of_a_run_is_kept_and_every_update_has_an_effect(kept: Path) -> None:
    report = audit(*contract_and_updates(kept))
    assert report.kept
    assert report["critic_update", "critic"].grade == Grade.MOVED
    assert report["actor_update", "actor"].grade == Grade.MOVED
    assert report["sync", "critic_target"].movers == ("Polyak from critic (tau 0.005)",)
    assert report["sync", "actor_target"].movers == ("Polyak from actor (tau 0.005)",)
    assert {report["acting", module].grade for module in report.contract.modules} == {Grade.NOTHING}


def test_the_contract_of_a_run_without_a_stop_is_broken(broken: Path) -> None:
    findings = audit(*contract_and_updates(broken)).findings
    assert [(f.update, f.module, f.verdict, f.grade) for f in findings] == [
        ("critic_update", "actor_target", "leaked", Grade.MOVED),
        ("critic_update", "critic_target", "leaked", Grade.MOVED),
    ]


def test_the_advice_for_a_run_is_a_stop(
    broken: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    page = tmp_path / "report.html"
    main([str(broken), "--html", str(page)])
    out = capsys.readouterr().out
    assert out.count("stop: train with --stop no_grad+optimizer; this run has --stop none") == 2
    assert "detach the output" not in out
    text = page.read_text(encoding="utf-8")
    for name, detail in (
        ("Run", broken.name),
        ("Environment", "Pendulum-v1"),
        ("Stop", "none in the critic update, with the target actor; freeze+optimizer in the"),
        ("Command", ""),
    ):
        assert f"<dt>{name}</dt><dd>{detail}" in text


def test_agent_and_batch_are_those_of_the_resumed_run(kept: Path, tmp_path: Path) -> None:
    _, updates = contract_and_updates(kept)
    shutil.copytree(kept, tmp_path / kept.name)
    stored = Config.load(kept / "config.yaml")
    trainer = Trainer(
        dataclasses.replace(stored, runs=str(tmp_path), resume=True), report=lambda _: None
    )
    batch = trainer.replay.sample(stored.batch_size)
    assert torch.equal(updates["acting"](), trainer.agent.act(batch.observation))
    for one, other in zip(
        updates["critic_update"](), trainer.agent.update_critic(batch), strict=True
    ):
        assert torch.equal(one, other)
    trainer.close()


@pytest.mark.parametrize("which", ["kept", "broken"])
def test_the_exit_status_and_the_unchanged_folder(
    which: str,
    request: pytest.FixtureRequest,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    run: Path = request.getfixturevalue(which)
    before = files(run)
    status = main([str(run), "--json", str(tmp_path / "report.json")])
    assert status == (0 if which == "kept" else 1)
    assert f"The contract is {which}" in capsys.readouterr().out
    assert json.loads((tmp_path / "report.json").read_text())["kept"] == (which == "kept")
    assert files(run) == before


def test_other_folders_are_refused_with_one_sentence(kept: Path, tmp_path: Path) -> None:
    with pytest.raises(
        UsageError, match=r"nowhere is not a run folder.*allowed: the folder of a run, or"
    ):
        load(str(tmp_path / "nowhere"))
    bare = tmp_path / "bare"
    bare.mkdir()
    shutil.copy(kept / "config.yaml", bare)
    with pytest.raises(UsageError, match="holds no checkpoint"):
        load(str(bare))
    assert [path.name for path in bare.iterdir()] == ["config.yaml"]
    damaged = shutil.copytree(kept, tmp_path / "damaged")
    for state in (damaged / "checkpoints").glob("state-*.pt"):
        state.write_bytes(b"no checkpoint")
    with pytest.raises(UsageError, match="is damaged"):
        load(str(damaged))


def test_a_run_without_a_step_has_no_batch(kept: Path, tmp_path: Path) -> None:
    config = dataclasses.replace(Config.load(kept / "config.yaml"), runs=str(tmp_path))
    trainer = Trainer(config, report=lambda _: None)
    trainer.begin()
    trainer.close()
    empty = trainer.folder.path
    with pytest.raises(CheckpointError, match="its replay buffer is empty"):
        contract_and_updates(empty)


@pytest.mark.slow
def test_the_exit_status_of_the_script(broken: Path, tmp_path: Path) -> None:
    for arguments, status in (([str(broken)], 1), (["runs/none"], 2)):
        command = [sys.executable, str(SCRIPT), *arguments]
        run = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, check=False)
        assert run.returncode == status
        assert "Traceback" not in run.stderr
    assert run.stderr.count("\n") == 1
