"""Tasks of a plan, and one sentence for each plan that is not allowed."""

from pathlib import Path

import pytest

from ddpg.comparison.plan import Plan
from ddpg.config.settings import Config
from ddpg.errors import ConfigError
from ddpg.stops import STOPS, Crossing, Effect, StopWarning, stop_names

CONFIGS = Path(__file__).parent.parent.parent / "configs"
pytestmark = pytest.mark.filterwarnings("ignore::ddpg.stops.StopWarning")


def names(plan: Plan) -> list[str]:
    return [task.name for task in plan.tasks()]


def test_default_plan_has_every_stop_of_the_critic_update_with_both_actors():
    plan = Plan.load(CONFIGS / "comparison.yaml")
    tasks = plan.tasks()
    assert [(task.config.stop, task.config.bootstrap_actor) for task in tasks] == [
        (name, actor) for name in STOPS if name != "chain_rule" for actor in ("target", "live")
    ]
    assert len(tasks) == 20
    assert list(plan.refused()["stop"]) == ["chain_rule"]
    pendulum = Config.load(CONFIGS / "pendulum.yaml")
    for task in tasks:
        assert (task.config.members, task.config.steps) == (10, 10_000)
        for name in pendulum.to_dict():
            ignored = ("stop", "bootstrap_actor", "members", "steps", "checkpoint_every")
            if name not in (*ignored, "runs", "name"):
                assert getattr(task.config, name) == getattr(pendulum, name), name


def test_axes_are_multiplied_and_runs_named_by_their_values():
    plan = Plan(
        settings={"steps": 100},
        axes={"stop": ["none", "no_grad+optimizer"], "env": ["Pendulum-v1"], "tau": [0.1, 0.2]},
    )
    assert names(plan) == [
        "stop=none,tau=0.1",
        "stop=none,tau=0.2",
        "stop=no_grad+optimizer,tau=0.1",
        "stop=no_grad+optimizer,tau=0.2",
    ]
    first = plan.tasks()[0]
    assert (first.config.stop, first.config.tau, first.config.steps) == ("none", 0.1, 100)
    assert first.values == {"stop": "none", "env": "Pendulum-v1", "tau": 0.1}
    assert first.config.runs == "runs/comparison"
    assert first.config.name == first.name


def test_one_crossing_is_compared_at_a_time():
    plan = Plan(axes={"stop": ["none", "detach"], "actor_stop": ["none", "inputs"]})
    assert [(task.config.stop, task.config.actor_stop) for task in plan.tasks()] == [
        ("none", Config().actor_stop),
        ("detach", Config().actor_stop),
        (Config().stop, "none"),
        (Config().stop, "inputs"),
    ]


def test_all_means_every_legal_stop():
    plan = Plan(axes={"actor_stop": "all"})
    refused = stop_names(Crossing.DOWNSTREAM, Effect.IMPOSSIBLE, Effect.ILLEGAL)
    assert set(plan.refused()["actor_stop"]) == set(refused) == {"no_grad", "inference"}
    assert [task.config.actor_stop for task in plan.tasks()] == [
        name for name in STOPS if name not in refused
    ]
    assert "nothing to differentiate" in plan.refused()["actor_stop"]["no_grad"]


def test_settings_for_a_value_apply_unless_the_variant_sets_them():
    plan = Plan(
        settings={"gamma": 0.9, "steps": 100},
        axes={"env": ["Pendulum-v1", "MountainCarContinuous-v0"]},
        settings_for={
            "env": {"MountainCarContinuous-v0": {"gamma": 0.5, "steps": 50}},
            "optimizer": {"sgd": {"tau": 0.5}},
        },
        variants=[{"label": "plain"}, {"label": "sgd", "optimizer": "sgd", "steps": 10}],
    )
    settings = {
        task.name: (task.config.gamma, task.config.steps, task.config.tau) for task in plan.tasks()
    }
    assert settings == {
        "plain,env=Pendulum-v1": (0.9, 100, 0.005),
        "plain,env=MountainCarContinuous-v0": (0.5, 50, 0.005),
        "sgd,env=Pendulum-v1": (0.9, 10, 0.5),
        "sgd,env=MountainCarContinuous-v0": (0.5, 10, 0.5),
    }
    overridden = plan.override({"tau": [0.1, 0.2]}, {"steps": 7})
    assert {task.config.steps for task in overridden.tasks()} == {7}
    assert {task.config.tau for task in overridden.tasks()} == {0.1, 0.2}


def test_values_become_valid_folder_names():
    scales = [{"actor_target": 0, "critic_target": 0.1}, 1]
    plan = Plan(settings={"stop": "manual"}, axes={"manual_scale": scales, "env": ["Pendulum-v1"]})
    assert names(plan) == [
        "manual_scale=actor_target-0+critic_target-0.1",
        "manual_scale=1",
    ]
    assert names(Plan(axes={"env": ["a/b:C-v0", "D-v0"]})) == ["env=a_b_C-v0", "env=D-v0"]
    assert names(Plan()) == ["run"]


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ({"axis": {}}, "there is no key 'axis' in a comparison, did you mean 'axes'?"),
        ({"axes": {"gama": [1]}}, "axes: there is no setting 'gama', did you mean 'gamma'?"),
        (
            {"axes": {"runs": ["a"]}},
            "axes: 'runs' is not allowed; allowed: any setting except",
        ),
        (
            {"axes": {"stop": []}},
            "axes.stop: [] is not allowed; allowed: a list of at least one value, or",
        ),
        (
            {"axes": {"tau": "all"}},
            "axes.tau: 'all' is not allowed; allowed: a list of at least one value",
        ),
        ({"axes": {"tau": [1, 1]}}, "axes.tau: 1 appears twice"),
        ({"axes": ["stop"]}, "axes: ['stop'] is not allowed; allowed: a mapping"),
        ({"axes": {"stop": ["detatch"]}}, "did you mean 'detach'?"),
        ({"axes": {"stop": ["chain_rule"]}}, "'chain_rule' is not allowed upstream"),
        ({"axes": {"actor_stop": ["no_grad"]}}, "leaves the backward pass nothing"),
        ({"settings": {"members": 0}}, "members: 0 is not allowed; allowed: a whole number ≥ 1"),
        ({"settings": {"member": 1}}, "there is no setting 'member', did you mean 'members'?"),
        ({"settings": {"name": "x"}}, "settings: 'name' is not allowed; allowed: any"),
        ({"settings_for": {"env": {"A": 1}}}, "settings_for.env: {'A': 1} is not allowed"),
        ({"settings_for": {"env": {"A": {"gama": 1}}}}, "there is no setting 'gama'"),
        ({"variants": [{"stop": "none"}]}, "variants: {'stop': 'none'} is not allowed"),
        ({"variants": [{"label": "a", "gama": 1}]}, "there is no setting 'gama'"),
        ({"variants": [{"label": "a"}, {"label": "a"}]}, "run name: 'a' appears twice"),
        ({"name": "a/b"}, "name: 'a/b' is not allowed; allowed: the name of one folder"),
    ],
    ids=str,
)
def test_a_plan_that_is_not_allowed_raises_one_sentence(content, sentence):
    with pytest.raises(ConfigError) as error:
        Plan.from_dict(content)
    assert sentence in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("content", "sentence"),
    [("- 1", "holds no settings"), ("a: [", "as YAML: "), ("", "no settings")],
)
def test_a_file_without_a_comparison_is_refused(tmp_path, content, sentence):
    file = tmp_path / "plan.yaml"
    file.write_text(content)
    with pytest.raises(ConfigError, match=sentence):
        Plan.load(file)


def test_a_stop_that_cannot_train_warns():
    with pytest.warns(StopWarning, match="cannot train downstream"):
        Plan(axes={"actor_stop": ["detach"]})


class TestStudies:
    def test_critic_study_has_all_stops_with_both_bootstrap_actors(self):
        tasks = Plan.load(CONFIGS / "study-critic.yaml").tasks()
        assert len(tasks) == 10 * 2 * 2
        self.check_environments([task.config for task in tasks])

    def test_actor_study_has_all_legal_stops(self):
        plan = Plan.load(CONFIGS / "study-actor.yaml")
        assert len(plan.tasks()) == 9 * 2
        assert set(plan.refused()["actor_stop"]) == {"no_grad", "inference"}
        self.check_environments([task.config for task in plan.tasks()])

    def check_environments(self, configs: list[Config]) -> None:
        for env, file in (
            ("Pendulum-v1", "pendulum.yaml"),
            ("InvertedPendulum-v5", "inverted-pendulum.yaml"),
        ):
            stored = Config.load(CONFIGS / file)
            env_configs = [config for config in configs if config.env == env]
            assert len(env_configs) * 2 == len(configs)
            for config in env_configs:
                assert config.members >= 10
                for name in ("gamma", "tau", "actor_learning_rate", "critic_learning_rate"):
                    assert getattr(config, name) == getattr(stored, name), (env, name)

    def test_dose_studies_have_every_leak_under_both_optimizers(self):
        doses = {}
        files = ("study-doses.yaml", "study-doses-target.yaml")
        for task in (task for file in files for task in Plan.load(CONFIGS / file).tasks()):
            config = task.config
            assert config.stop == "manual"
            actor = {"live": "actor", "target": "actor_target"}[config.bootstrap_actor]
            scale, every = (
                value if isinstance(value, dict) else {actor: value, "critic_target": value}
                for value in (config.manual_scale, config.manual_every)
            )
            dose = (scale[actor], scale["critic_target"], every[actor], every["critic_target"])
            doses.setdefault((config.optimizer, config.bootstrap_actor), set()).add(dose)
        expected = {(0.0, 0.0, 1, 1)}
        for size in (0.01, 0.1, 1.0):
            expected |= {(size, 0.0, 1, 1), (0.0, size, 1, 1), (size, size, 1, 1)}
        for period in (2, 10, 100):
            expected |= {(0.0, 0.0, period, 1), (0.0, 0.0, 1, period), (0.0, 0.0, period, period)}
        live = {("adam", "live"): expected, ("sgd", "live"): expected}
        assert doses == {**live, ("adam", "target"): expected}
