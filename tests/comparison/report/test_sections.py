"""Sections, their variants by the settings that differ, and the curves that variants share."""

import numpy as np

from ddpg.comparison.report.reading import read_folder
from ddpg.comparison.report.sections import ReportSection, split_sections
from ddpg.stops import Effect
from tests.comparison.report.written_runs import write_run


def only_section(folder) -> ReportSection:
    """Return the only section of `folder`."""
    sections, skipped = split_sections(read_folder(folder)[0])
    assert skipped == []
    assert len(sections) == 1
    return sections[0]


def test_only_bit_identical_curves_are_shared(tmp_path):
    def nudged(seed, step):
        value = seed + step / 100
        return np.nextafter(value, np.inf) if (seed, step) == (2, 400) else value

    write_run(tmp_path, "a", stop="detach")
    write_run(tmp_path, "b", stop="optimizer", grades={"critic_update/critic_target": 2})
    write_run(tmp_path, "c", stop="no_grad", height=nudged)
    write_run(tmp_path, "d", stop="none", height=0.0)
    labels = [[v.label for v in curve.variants] for curve in only_section(tmp_path).curves]
    assert labels == [["none"], ["detach", "optimizer"], ["no_grad"]]


def test_runs_with_other_seeds_are_members_of_one_variant(tmp_path):
    write_run(tmp_path, "a", stop="detach", seed=0, members=2)
    write_run(tmp_path, "b", stop="detach", seed=2, members=3)
    write_run(tmp_path, "c", stop="none")
    section = only_section(tmp_path)
    assert [(v.label, v.seeds) for v in section.variants] == [
        ("none", [0, 1, 2]),
        ("detach", [0, 1, 2, 3, 4]),
    ]
    values = section.variants[1].series["return/evaluation"].values
    assert values[:, 0].tolist() == [1, 2, 3, 4, 5]


def test_a_second_run_with_the_same_seeds_is_skipped(tmp_path):
    write_run(tmp_path, "a", stop="detach")
    write_run(tmp_path, "b", stop="detach", seed=2)
    sections, skipped = split_sections(read_folder(tmp_path)[0])
    assert skipped == [("b", "it has the settings and a seed of 'a'")]
    assert sections[0].variants[0].seeds == [0, 1, 2]


def test_labels_name_the_differing_settings_and_the_leaks_of_manual(tmp_path):
    for index, (scale, every) in enumerate(
        [
            ({"actor_target": 0, "critic_target": 0.1}, 1),
            ({"actor_target": 1, "critic_target": 1}, 1),
            (0.0, 1),
            (0.0, {"actor_target": 10, "critic_target": 1}),
        ]
    ):
        settings = {"stop": "manual", "manual_scale": scale, "manual_every": every}
        write_run(tmp_path, f"manual-{index}", index, gamma=0.9, **settings)
    write_run(tmp_path, "other", 9.0, stop="detach", gamma=0.5)
    section = only_section(tmp_path)
    assert {v.label: (v.expected, v.is_control, v.leaks_into) for v in section.variants} == {
        "detach, gamma 0.5": (Effect.PROTECTS, False, ()),
        "manual, gamma 0.9": (Effect.PROTECTS, False, ()),
        "manual, actor_target every 10, gamma 0.9": (Effect.LEAKS, False, ("actor_target",)),
        "manual, critic_target × 0.1, gamma 0.9": (Effect.LEAKS, False, ("critic_target",)),
        "manual, actor_target × 1, critic_target × 1, gamma 0.9": (
            Effect.LEAKS,
            True,
            ("actor_target", "critic_target"),
        ),
    }
    curves = {curve.label: curve for curve in section.curves}
    # A control has the same other settings.
    assert section.control(curves["detach, gamma 0.5"]) is None
    control = section.control(curves["manual, gamma 0.9"])
    assert control is not None
    assert control.first.is_control
    assert section.protected(control) is curves["manual, gamma 0.9"]


def test_sections_separate_what_cannot_be_compared(tmp_path):
    write_run(tmp_path, "a", stop="none")
    write_run(tmp_path, "b", stop="detach")
    write_run(tmp_path, "c", stop="none", bootstrap_actor="live")
    write_run(tmp_path, "d", stop="none", optimizer="sgd")
    write_run(tmp_path, "e", actor_stop="none")
    write_run(tmp_path, "f", actor_stop="detach")
    write_run(tmp_path, "g", stop="none", env="InvertedPendulum-v5")
    sections, _ = split_sections(read_folder(tmp_path)[0])
    assert [(s.title, [v.label for v in s.variants]) for s in sections] == [
        ("InvertedPendulum-v5: critic update, target actor in the bootstrap, Adam", ["none"]),
        (
            "Pendulum-v1: critic update, target actor in the bootstrap, Adam",
            ["none", "detach"],
        ),
        (
            "Pendulum-v1: actor update, target actor in the bootstrap, Adam",
            ["none", "detach"],
        ),
        ("Pendulum-v1: critic update, target actor in the bootstrap, SGD", ["none"]),
        ("Pendulum-v1: critic update, live actor in the bootstrap, Adam", ["none"]),
    ]
    expected = [v.expected for v in sections[2].variants]
    assert expected == [Effect.LEAKS, Effect.STARVES]


def test_runs_that_differ_in_actor_stop_alone_compare_the_actor_update(tmp_path):
    write_run(tmp_path, "a", actor_stop="none")
    write_run(tmp_path, "b", actor_stop="freeze+optimizer")
    assert only_section(tmp_path).update == "actor_update"
