"""A policy where its environment is not installed, and as one file."""

import re
import shlex
import shutil
from pathlib import Path
from typing import Any

import gymnasium
import numpy as np
import onnxruntime
import pytest
import torch
from gymnasium.wrappers import NormalizeObservation

import ddpg
from ddpg.config.settings import Config
from ddpg.errors import CheckpointError, ConfigError, ExportError, RunWarning
from ddpg.evaluation import export
from ddpg.evaluation.policy import load_policy
from ddpg.isolation import MissingExtraError
from tests.cli.bad_input.harness import call
from tests.faults.forging import forge

PAGE = (Path(__file__).parents[2] / "docs" / "export.md").read_text(encoding="utf-8")
SMALL = {"members": 2, "steps": 24, "random_steps": 12, "hidden": (8,), "evaluation_every": 0}


class Plane(gymnasium.Env[Any, Any]):
    """Environment with observations `[2, 3]` and actions in float64 with asymmetric bounds."""

    observation_space = gymnasium.spaces.Box(-1, 1, (2, 3))
    action_space = gymnasium.spaces.Box(
        np.array([-1.0, 5.0]), np.array([3.0, 6.0]), dtype=np.float64
    )

    def reset(self, *, seed: int | None = None, options: dict[str, Any] | None = None) -> Any:
        super().reset(seed=seed, options=options)
        return self._observation(), {}

    def step(self, action: Any) -> Any:
        return self._observation(), float(action[0]), False, False, {}

    def _observation(self) -> Any:
        return self.np_random.uniform(-1, 1, (2, 3)).astype(np.float32)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of a short run whose environment a file may not create."""
    runs = str(tmp_path_factory.mktemp("runs"))
    return ddpg.train(Config(env=Plane, runs=runs, name="plane", **SMALL)).folder


def observations(count: int = 5) -> Any:
    return np.random.default_rng(0).uniform(-1, 1, (count, 2, 3)).astype(np.float32)


def act_onnx(file: Path) -> Any:
    session = onnxruntime.InferenceSession(file)
    return lambda observation: session.run(None, {"observation": observation})[0]


def act_torch(file: Path) -> Any:
    program = torch.export.load(file).module()
    return lambda observation: program(torch.from_numpy(observation)).numpy()


def act_arrays(file: Path) -> Any:
    names: dict[str, Any] = {"np": np}
    exec(
        next(block for block in blocks("python") if "class NumpyPolicy" in block).split("\n\n\n")[
            0
        ],
        names,
    )
    return names["NumpyPolicy"](file)


@pytest.mark.parametrize(
    ("suffix", "read"),
    [
        pytest.param(".onnx", act_onnx, marks=pytest.mark.slow),
        (".pt2", act_torch),
        (".npz", act_arrays),
    ],
)
def test_an_exported_policy_acts_as_the_policy_does(
    run: Path, tmp_path: Path, suffix: str, read: Any
) -> None:
    policy = load_policy(run, 1)
    file = tmp_path / f"policy{suffix}"
    export.export_policy(policy, file)
    act = read(file)
    for count in (1, 5):
        actions = act(observations(count))
        assert actions.dtype == np.float64
        assert actions.shape == (count, 2)
        np.testing.assert_allclose(actions, policy(observations(count)), atol=1e-6)
    other = load_policy(run, 0)(observations())
    assert np.abs(act(observations()) - other).max() > 1e-3
    assert str(Path.cwd()).encode() not in file.read_bytes()


def test_a_policy_takes_the_shape_of_the_environment_or_flat_observations(run: Path) -> None:
    policy = load_policy(run)
    many = policy(observations())
    assert many.shape == (5, 2)
    assert np.array_equal(many, policy(observations().reshape(5, 6)))
    for shape in ((2, 3), (6,)):
        one = policy(observations()[0].reshape(shape))
        assert one.shape == (2,)
        np.testing.assert_allclose(one, many[0], atol=1e-6)
    assert ((many > [-1, 5]) & (many < [3, 6])).all()
    for shape in ((3,), (5, 7), (2, 5, 6), ()):
        with pytest.raises(ConfigError, match=r"allowed: \(2, 3\), or \(batch, 2, 3\)$"):
            policy(np.zeros(shape))


@pytest.fixture
def copied(run: Path, tmp_path: Path) -> Path:
    """Folder of the run, to be changed."""
    return shutil.copytree(run, tmp_path / "plane")


def test_a_checkpoint_without_spaces_creates_the_environment(copied: Path) -> None:
    expected = load_policy(copied)(observations())
    forge(copied, lambda state: {key: state[key] for key in state if key != "spaces"})
    with pytest.raises(ConfigError, match="imports a module; allowed: module:id"):
        load_policy(copied)
    assert np.array_equal(load_policy(copied, env=Plane)(observations()), expected)
    place = {"runs": str(copied.parent), "name": "plane", "resume": True}
    ddpg.train(Config(**{**SMALL, **place, "env": Plane, "steps": 25}))
    assert load_policy(copied).step == 25


@pytest.mark.parametrize(
    ("part", "value"),
    [
        ("observation_shape", [2, 4]),
        ("observation_shape", [-2, -3]),
        ("observation_shape", [10**12, 10**12]),
        ("action_low", torch.tensor([3.0, 5.0]).double()),
        ("action_high", torch.tensor([torch.inf, 6.0]).double()),
        ("action_high", torch.tensor([4, 6])),
        ("action_high", torch.tensor([4.0])),
    ],
)
def test_stored_spaces_that_cannot_be_are_refused(copied: Path, part: str, value: Any) -> None:
    forge(copied, lambda state: {**state, "spaces": {**state["spaces"], part: value}})
    with pytest.raises(CheckpointError, match="cannot load"):
        load_policy(copied)


def test_wrong_exports_are_refused(run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    with pytest.raises(ConfigError, match=r"ends in \.onnx, \.pt2, \.npz$"):
        export.export_policy(load_policy(run), tmp_path / "policy.pt")
    monkeypatch.setattr(export, "_TOLERANCE", -1.0)
    with pytest.raises(ExportError, match="the exported actions differ by"):
        export.export_policy(load_policy(run), tmp_path / "policy.pt2")
    monkeypatch.setattr("ddpg.isolation.extras.find_spec", {}.get)
    with pytest.raises(MissingExtraError, match="needs onnx and onnxscript and onnxruntime"):
        export.export_policy(load_policy(run), tmp_path / "policy.onnx")
    assert not list(tmp_path.iterdir())


def test_statistics_of_a_wrapper_are_not_exported_without_a_warning(tmp_path: Path) -> None:
    config = Config(env=lambda: NormalizeObservation(Plane()), runs=str(tmp_path), **SMALL)
    with pytest.warns(RunWarning, match="the setting normalize_observations: true replaces it"):
        policy = load_policy(ddpg.train(config).folder)
    with pytest.warns(RunWarning, match="does not contain the statistics of the normalizing"):
        export.export_policy(policy, tmp_path / "policy.npz")


def blocks(language: str) -> list[str]:
    """Return the code blocks of the page."""
    return re.findall(rf"^```{language}\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_the_code_of_the_page_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {}
    first, *others = blocks("python")
    exec(first, names)
    for line in blocks("bash")[0].splitlines():
        python, script, *arguments = shlex.split(line)
        assert (python, Path(script).parent) == ("python", Path("scripts"))
        outcome = call(Path(script).name, arguments)
        assert outcome.status == 0, outcome.errors
        assert outcome.output == f"{arguments[-1]}: policy of member 1 at step 300\n"
        assert outcome.errors == ""
    for block in others:
        exec(block, names)
    assert len(names["from_arrays"]) == 2
