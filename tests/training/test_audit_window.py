"""The matrix of the audits between two evaluations."""

import csv

import numpy as np

from ddpg.config.settings import Config
from ddpg.isolation.render.matrix import Matrix
from ddpg.runs.tags import MODULES, QUANTITIES, UPDATES
from ddpg.training.audit_window import AuditWindow
from ddpg.training.loop import Trainer

KEPT = {("critic_update", "critic"): 3.0, ("actor_update", "actor"): 3.0}


def audited(grades: dict[tuple[str, str], float], norm: float = np.nan) -> dict[str, np.ndarray]:
    """Return an audit of one member; cells without a grade were not touched."""
    return {
        f"{update}/{module}/{quantity}": np.array(
            [{"grade": grades.get((update, module), 0.0), "gradient_norm": norm}.get(quantity, 0.0)]
        )
        for update in UPDATES
        for module in MODULES
        for quantity in QUANTITIES
    }


def words(matrix: Matrix) -> dict[tuple[str, str], tuple[str, str]]:
    return {
        (update, module): (field.verdict, field.lines[0])
        for update, fields in matrix.rows.items()
        for module, field in zip(matrix.modules, fields, strict=True)
    }


def test_a_leak_in_one_audit_of_many_is_in_the_matrix_until_the_next_evaluation():
    leak = ("critic_update", "critic_target")
    window = AuditWindow()
    for grades in (KEPT, {**KEPT, leak: 3.0}, KEPT):
        window.add(audited(grades))
    assert len(window) == 3
    assert words(window.matrix(0))[leak] == ("leaked", "moved")
    window.clear()
    window.add(audited(KEPT))
    assert words(window.matrix(0))[leak] == ("kept", "not touched")


def test_the_verdict_of_each_cell():
    grades = {
        ("critic_update", "critic"): 3.0,
        ("critic_update", "actor"): 2.0,
        ("critic_update", "actor_target"): 3.0,
        ("actor_update", "actor"): 1.0,
    }
    window = AuditWindow()
    window.add(audited(grades, norm=0.5))
    found = words(window.matrix(0))
    assert found["critic_update", "critic"] == ("kept", "moved")
    assert found["critic_update", "actor"] == ("kept", "gradient")
    assert found["critic_update", "actor_target"] == ("leaked", "moved")
    assert found["critic_update", "critic_target"] == ("kept", "not touched")
    assert found["actor_update", "actor"] == ("starved", "zero gradient")
    assert window.matrix(0).rows["critic_update"][0].lines[1] == "|gradient| 0.5"


def test_the_window_of_a_resumed_run_is_read_from_its_metrics(tmp_path):
    config = Config(
        **{"runs": str(tmp_path), "name": "mine", "members": 2, "hidden": (8,), "steps": 100},
        **{"random_steps": 20, "log_every": 10, "evaluation_every": 60, "evaluation_episodes": 1},
        **{"separation_every": 5, "stop": "manual", "manual_every": 3, "tensorboard": False},
    )
    trainer = Trainer(config, lambda _: None)
    trainer.begin()
    trainer.advance(90)
    audits = trainer.recorder.audits
    assert len(audits) == 6
    with (tmp_path / "mine" / "metrics.csv").open() as file:
        assert max(int(r["step"]) for r in csv.DictReader(file) if r["return/evaluation"]) == 60
    stored = AuditWindow.read(tmp_path / "mine" / "metrics.csv", members=2)
    trainer.close()
    assert len(stored) == 6
    for member in range(2):
        assert stored.matrix(member) == audits.matrix(member)
    assert words(stored.matrix(1))["critic_update", "critic_target"] == ("leaked", "moved")
