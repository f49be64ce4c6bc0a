"""What a plan amounts to, and one sentence for every plan that is not allowed."""

from pathlib import Path

import pytest

from ddpg.comparison.plan import Plan
from ddpg.config.settings import Config
from ddpg.errors import ConfigError
from ddpg.stops import STOPS, Crossing, Effect, StopWarning, legal

CONFIGS = Path(__file__).parent.parent.parent / "configs"
pytestmark = pytest.mark.filterwarnings("ignore::ddpg.stops.StopWarning")


def names(plan: Plan) -> list[str]:
    return [task.name for task in plan.tasks()]


def test_the_default_is_the_ten_stops_of_the_critic_update_on_the_settings_of_pendulum():
    plan = Plan.load(CONFIGS / "comparison.yaml")
    tasks = plan.tasks()
    assert [task.config.stop for task in tasks] == [name for name in STOPS if name != "chain_rule"]
    assert len(tasks) == 10
    assert list(plan.refused()["stop"]) == ["chain_rule"]
    pendulum = Config.load(CONFIGS / "pendulum.yaml")
    for task in tasks:
        assert (task.config.members, task.config.steps) == (10, 10_000)
        for name, value in pendulum.to_dict().items():
            if name not in ("stop", "members", "steps", "checkpoint_every", "runs", "name"):
                assert getattr(task.config, name) == value or name == "hidden", name
        assert task.config.hidden == pendulum.hidden


def test_the_axes_are_multiplied_and_every_run_is_named_by_what_differs():
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


def test_all_is_every_stop_that_is_legal_at_the_crossing():
    plan = Plan(axes={"actor_stop": "all"})
    refused = legal(Crossing.DOWNSTREAM, Effect.IMPOSSIBLE, Effect.ILLEGAL)
    assert set(plan.refused()["actor_stop"]) == set(refused) == {"no_grad", "inference"}
    assert [task.config.actor_stop for task in plan.tasks()] == [
        name for name in STOPS if name not in refused
    ]
    assert "nothing to differentiate" in plan.refused()["actor_stop"]["no_grad"]


def test_settings_go_with_values_and_the_nearer_ones_count():
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
    changed = plan.changed({"tau": [0.1, 0.2]}, {"steps": 7})
    assert {task.config.steps for task in changed.tasks()} == {7}
    assert {task.config.tau for task in changed.tasks()} == {0.1, 0.2}


def test_values_that_no_folder_can_be_named_by_are_spelled():
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
        ({"axes": {"gama": [1]}}, "there is no axis 'gama', did you mean 'gamma'?"),
        ({"axes": {"runs": ["a"]}}, "axis 'runs' is not one of a single run"),
        ({"axes": {"stop": []}}, "axis 'stop' is []; allowed: a list of at least one value, or"),
        ({"axes": {"tau": "all"}}, "axis 'tau' is 'all'; allowed: a list of at least one value"),
        ({"axes": {"tau": [1, 1]}}, "axis 'tau' has 1 twice"),
        ({"axes": ["stop"]}, "axes is ['stop']; allowed: a mapping"),
        ({"axes": {"stop": ["detatch"]}}, "did you mean 'detach'?"),
        ({"axes": {"stop": ["chain_rule"]}}, "'chain_rule' is not defined upstream"),
        ({"axes": {"actor_stop": ["no_grad"]}}, "leaves the backward pass nothing"),
        ({"settings": {"members": 0}}, "members is 0; allowed: a whole number ≥ 1"),
        ({"settings": {"member": 1}}, "there is no setting 'member', did you mean 'members'?"),
        ({"settings": {"name": "x"}}, "setting 'name' is not one of a single run"),
        ({"settings_for": {"env": {"A": 1}}}, "settings_for.env is {'A': 1}; allowed"),
        ({"settings_for": {"env": {"A": {"gama": 1}}}}, "there is no setting 'gama'"),
        ({"variants": [{"stop": "none"}]}, "a variant is {'stop': 'none'}; allowed: a mapping of"),
        ({"variants": [{"label": "a", "gama": 1}]}, "there is no setting 'gama'"),
        ({"variants": [{"label": "a"}, {"label": "a"}]}, "two runs would be called 'a'"),
        ({"name": "a/b"}, "name is 'a/b'; allowed: the name of one folder"),
    ],
    ids=str,
)
def test_plans_that_are_not_allowed_get_one_sentence(content, sentence):
    with pytest.raises(ConfigError) as error:
        Plan.from_dict(content)
    assert sentence in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("content", "sentence"),
    [("- 1", "holds no settings"), ("a: [", "cannot be read as YAML"), ("", "no settings")],
)
def test_files_that_are_no_comparison(tmp_path, content, sentence):
    file = tmp_path / "plan.yaml"
    file.write_text(content)
    with pytest.raises(ConfigError, match=sentence):
        Plan.load(file)


def test_a_stop_that_cannot_train_is_warned_of():
    with pytest.warns(StopWarning, match="cannot train downstream"):
        Plan(axes={"actor_stop": ["detach"]})


class TestStudies:
    def test_all_stops_in_the_critic_update_with_both_bootstrap_actors(self):
        tasks = Plan.load(CONFIGS / "study-critic.yaml").tasks()
        assert len(tasks) == 10 * 2 * 2
        self.check_environments([task.config for task in tasks])

    def test_all_stops_in_the_actor_update_and_the_refused_ones(self):
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
            own = [config for config in configs if config.env == env]
            assert len(own) * 2 == len(configs)
            for config in own:
                assert config.members >= 10
                for name in ("gamma", "tau", "actor_learning_rate", "critic_learning_rate"):
                    assert getattr(config, name) == getattr(stored, name), (env, name)

    def test_every_dose_of_every_route_under_both_optimizers(self):
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
