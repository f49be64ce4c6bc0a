"""The code of docs/environments.md runs, in its order, and so do its command lines."""

import re
import shlex
import sys
from pathlib import Path
from typing import Any

import gymnasium
import pytest

import ddpg
from tests.cli.bad_input.harness import call

PAGE = (Path(__file__).parents[2] / "docs" / "environments.md").read_text(encoding="utf-8")


def blocks(language: str) -> list[str]:
    """Return the code blocks of the page."""
    return re.findall(rf"^```{language}\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)


@pytest.mark.filterwarnings("ignore::UserWarning")
# imageio's keyword of the rate differs between its formats.
@pytest.mark.filterwarnings("ignore::DeprecationWarning:imageio.*")
def test_the_code_of_the_page_runs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    module, *code = blocks("python")
    Path("my_envs.py").write_text(module, encoding="utf-8")
    names: dict[str, Any] = {"__name__": "page"}
    try:
        for block in (module, *code):
            exec(block, names)
        assert gymnasium.spec("Reach-v0").max_episode_steps == 20
    finally:
        gymnasium.registry.pop("Reach-v0", None)
    assert "allowed: module:id on the command line only, as --env 'my_envs:Reach'" in (
        capsys.readouterr().out
    )
    assert ddpg.evaluate("runs/fast", episodes=1, env="my_envs:Reach").step == 400
    for line in blocks("bash")[0].splitlines():
        python, script, *arguments = shlex.split(line)
        assert (python, Path(script).parent) == ("python", Path("scripts"))
        # The current folder comes from the command itself.
        monkeypatch.setattr(sys, "path", [each for each in sys.path if each != str(tmp_path)])
        sys.modules.pop("my_envs", None)
        outcome = call(Path(script).name, [*arguments, *_short(script)])
        assert outcome.status == 0, outcome.errors
    assert Path("reach.gif").stat().st_size > 0


def _short(script: str) -> list[str]:
    if "evaluate" in script:
        return ["--episodes", "1"]
    return ["--steps", "300", "--random_steps", "200", "--tensorboard", "false"]
