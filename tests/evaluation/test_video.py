"""Videos of the hardest start, and the window that shows a policy."""

import itertools

import pytest

from ddpg import ConfigError, evaluate, train
from ddpg.cli.evaluate import main
from ddpg.config.settings import Config
from ddpg.evaluation.video import watch


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """Folder of a short run of two members, with short episodes."""
    config = Config(
        runs=str(tmp_path_factory.mktemp("runs")),
        **{"name": "mine", "members": 2, "seed": 5, "steps": 20, "random_steps": 10},
        **{"hidden": (8,), "evaluation_every": 0, "evaluation_max_steps": 10},
    )
    return train(config).folder


@pytest.mark.filterwarnings("ignore::ddpg.errors.RunWarning")
def test_a_video_shows_the_members_hardest_start_and_repeats(run, tmp_path, capsys):
    pytest.importorskip("imageio")
    file = tmp_path / "it.gif"
    assert main([str(run), "--episodes", "4", "--member", "1", "--video", str(file)]) == 0
    returns = evaluate(run, 4).members[1].returns
    seed = 10_000 + returns.index(min(returns))
    line = capsys.readouterr().out.splitlines()[0]
    assert line.endswith(f"return {min(returns):.2f}, from reset(seed={seed})")
    # The extension block of a GIF that repeats for ever.
    assert b"NETSCAPE2.0\x03\x01\x00\x00" in file.read_bytes()


@pytest.mark.filterwarnings("ignore::ddpg.errors.RunWarning")
def test_a_window_shows_one_episode_after_another(run, monkeypatch):
    monkeypatch.setenv("SDL_VIDEODRIVER", "dummy")
    shown = [*itertools.islice(watch(run, 1, 10_000), 2)]
    assert shown == pytest.approx(evaluate(run, 2).members[1].returns)


def test_a_machine_without_a_screen_gets_one_sentence(run, monkeypatch):
    monkeypatch.setenv("SDL_VIDEODRIVER", "nothing")
    with pytest.raises(ConfigError, match="cannot show Pendulum-v1: "):
        next(watch(run, 0, 0))
