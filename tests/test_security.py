"""Loading a file runs no code: checkpoints, settings, and names in settings.

Each attack has a control: the same bytes run when they are loaded without protection.
"""

import ast
import os
import pickle
import sys
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from torch import nn

from ddpg import ConfigError, evaluate, load_policy, train
from ddpg.config.settings import Config
from ddpg.errors import CheckpointError
from ddpg.isolation import Contract, audit, trains
from ddpg.random_streams import RandomStreams
from ddpg.replay import ReplayBuffer
from ddpg.runs.checkpoint import Checkpoints
from ddpg.tutorial.blocks import Code, LessonSection, LessonTable, Paragraph
from ddpg.tutorial.page import page
from tests.cli.bad_input.harness import call

ROOT = Path(__file__).parent.parent
HOSTILE = "<script>alert(1)</script><img src=x onerror=alert(1)>'\"[/red][x](javascript:alert(1))"


class Payload:
    """Object that creates the file `touched` in the working directory when it is unpickled."""

    def __reduce__(self) -> Any:
        return os.system, ("echo > touched",)


@pytest.fixture
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


# The only calls of `DANGEROUS`. They run modules that the user named on the command line, modules
# of the package, or programs of the package.
ALLOWED = {
    ("ddpg/__init__.py", "import_module"),
    ("ddpg/isolation/__init__.py", "import_module"),
    ("ddpg/isolation/factory.py", "import_module"),
    ("ddpg/isolation/pytest_plugin.py", "import_module"),
    ("ddpg/cli/main.py", "import_module"),
    ("ddpg/tutorial/lesson/contents.py", "import_module"),
    # The tutorial's own cells, which the package contains.
    ("ddpg/tutorial/lesson/execution.py", "compile"),
    ("ddpg/tutorial/lesson/execution.py", "exec"),
    # The script and the contract that the user named on the command line.
    ("ddpg/isolation/survey/script.py", "run_path"),
    ("ddpg/isolation/run_command.py", "compile"),
    ("ddpg/isolation/run_command.py", "exec"),
    ("ddpg/cli/command.py", "import_module"),
    ("ddpg/tutorial/exercises/checker.py", "spec_from_file_location"),
    ("ddpg/environments/creation.py", "import_module"),
    ("benchmarks/timing/processes.py", "subprocess.run"),
    ("benchmarks/sections/script_cost.py", "subprocess.run"),
    ("benchmarks/subjects/registry.py", "import_module"),
    ("benchmarks/subjects/peers/sbx.py", "import_module"),
}
DANGEROUS = {
    *("eval", "exec", "compile", "__import__", "import_module", "spec_from_file_location"),
    *("run_path", "run_module", "os.system", "os.popen", "load_module"),
    *("pickle.load", "pickle.loads", "Unpickler", "dill.load", "cloudpickle.load"),
    *("joblib.load", "marshal.load", "marshal.loads", "shelve.open", "add_safe_globals"),
    *("yaml.load", "yaml.load_all", "yaml.full_load", "yaml.unsafe_load", "yaml.Loader"),
    *("subprocess.run", "subprocess.Popen", "subprocess.call", "subprocess.check_output"),
    *("subprocess.check_call", "np.load", "numpy.load", "torch.load", "torch.jit.load"),
}


def dangerous_calls(source: str) -> list[str]:
    """Return the names of `DANGEROUS` that `source` calls; safe ways to load are left out."""
    calls = []
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.Call):
            continue
        name = ast.unparse(node.func)
        options = {word.arg: ast.unparse(word.value) for word in node.keywords}
        if name == "torch.load" and options.get("weights_only") == "True":
            continue
        if name == "np.load" and options.get("allow_pickle") == "False":
            continue
        if "shell" in options:
            calls.append("shell")
        # `re.compile` and `torch.compile` do not compile Python source.
        last = "" if name in ("re.compile", "torch.compile") else name.rpartition(".")[2]
        # The method `eval()` of a module runs nothing.
        if name in DANGEROUS or (last in DANGEROUS and last not in ("eval", "compile")):
            calls.append(name if name in DANGEROUS else last)
    return calls


def test_the_source_makes_only_the_allowed_dangerous_calls():
    files = [
        *ROOT.glob("ddpg/**/*.py"),
        *ROOT.glob("benchmarks/**/*.py"),
        *ROOT.glob("scripts/*.py"),
    ]
    assert len(files) > 80
    calls = {
        (file.relative_to(ROOT).as_posix(), name)
        for file in files
        for name in dangerous_calls(file.read_text("utf-8"))
    }
    assert calls == ALLOWED


@pytest.mark.parametrize(
    "source",
    [
        "torch.load(path)",
        "torch.load(path, weights_only=False)",
        "pickle.loads(data)",
        "np.load(path)",
        "np.load(path, allow_pickle=True)",
        "yaml.load(text, Loader=yaml.Loader)",
        "eval(text)",
        "run('ls', shell=True)",
        "importlib.import_module(name)",
        "pickle.Unpickler(file).load()",
    ],
)
def test_a_dangerous_call_is_found(source):
    assert dangerous_calls(source)


def test_a_harmless_call_is_not_found():
    safe = "torch.load(f, weights_only=True); np.load(f, allow_pickle=False)"
    assert dangerous_calls(f"model.eval(); re.compile(x); {safe}") == []


def saved(folder: Path) -> tuple[Checkpoints, ReplayBuffer]:
    replay = ReplayBuffer(RandomStreams.from_seeds([0]).replay, 10, 2, 1, torch.device("cpu"))
    checkpoints = Checkpoints(folder / "checkpoints")
    checkpoints.save(1, {"number": 1}, replay)
    return checkpoints, replay


def test_a_checkpoint_that_would_run_a_command_is_refused(folder):
    checkpoints, replay = saved(folder)
    # Saved like any checkpoint, so that the checksums match.
    checkpoints.save(2, {"number": Payload()}, replay)
    for load in (checkpoints.load_state, lambda: checkpoints.load(replay)):
        with pytest.raises(CheckpointError, match="holds more than tensors and plain values"):
            load()
    assert not (folder / "touched").exists()
    (state,) = (folder / "checkpoints").glob("state-*2.pt")
    torch.load(state, weights_only=False)
    assert (folder / "touched").exists(), "control: without protection the same file runs"


@pytest.mark.parametrize("protocol", [0, 2, 5])
def test_a_bare_pickle_in_place_of_a_checkpoint_is_refused(folder, protocol):
    result = train(Config(runs="runs", name="mine", steps=3, random_steps=5, hidden=(4,)))
    payload = pickle.dumps(Payload(), protocol)
    for file in (result.folder / "checkpoints").iterdir():
        file.write_bytes(payload)
    for script, arguments in (
        ("evaluate.py", ["runs/mine"]),
        ("audit.py", ["runs/mine"]),
        ("train.py", ["--resume", "--name", "mine", "--steps", "5"]),
    ):
        outcome = call(script, arguments)
        assert (outcome.status, len(outcome.errors.splitlines())) == (2, 1)
    assert not (folder / "touched").exists()
    pickle.loads(payload)
    assert (folder / "touched").exists(), "control: without protection the same bytes run"


def test_yaml_that_would_run_a_command_is_refused(folder):
    text = "name: !!python/object/apply:os.system ['echo > touched']\n"
    (folder / "hostile.yaml").write_text(text)
    with pytest.raises(ConfigError, match="the tag"):
        Config.load(folder / "hostile.yaml")
    assert not (folder / "touched").exists()
    yaml.unsafe_load(text)
    assert (folder / "touched").exists(), "control: without protection the same text runs"


@pytest.fixture
def importing_run(folder, monkeypatch):
    """A finished run whose config.yaml names a module that creates `touched` when imported."""
    (folder / "touching.py").write_text("open('touched', 'w').close()\n")
    monkeypatch.syspath_prepend(folder)
    settings: dict[str, Any] = {
        "evaluation_every": 5,
        "random_steps": 5,
        "steps": 10,
        "hidden": (4,),
    }
    settings["env"] = "touching:Pendulum-v1"
    result = train(Config(runs="runs", name="mine", log_every=5, **settings))
    Path("touched").unlink()
    del sys.modules["touching"]
    yield result.folder
    sys.modules.pop("touching", None)


def assert_refused(script: str, *arguments: str) -> None:
    outcome = call(script, arguments)
    assert outcome.status == 2
    assert "its env 'touching:Pendulum-v1' imports a module" in outcome.errors
    assert not Path("touched").exists()


def test_no_file_imports_a_module(importing_run):
    assert_refused("evaluate.py", "runs/mine")
    assert_refused("evaluate.py", "runs/mine", "--video", "it.gif")
    assert_refused("train.py", "--resume", "--name", "mine", "--steps", "20")
    assert_refused("train.py", "--config", "runs/mine/config.yaml", "--name", "other")
    with pytest.raises(ConfigError, match="imports a module"):
        evaluate(importing_run)
    # These create no environment, so they may read the run.
    load_policy(importing_run)
    assert call("export.py", ["runs/mine"]).status == 0
    assert call("audit.py", ["runs/mine"]).status == 0
    assert call("plot.py", ["runs/mine"]).status == 0
    assert not Path("touched").exists()


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize(
    ("script", "arguments"),
    [
        ("evaluate.py", ["runs/mine", "--episodes", "1"]),
        ("train.py", ["--resume", "--name", "mine", "--steps", "11"]),
        ("train.py", ["--config", "runs/mine/config.yaml", "--name", "other"]),
    ],
)
def test_the_command_line_imports_the_module_that_it_names(importing_run, script, arguments):
    assert importing_run.is_dir()
    outcome = call(script, [*arguments, "--env", "touching:Pendulum-v1"])
    assert outcome.status == 0, outcome.errors
    assert Path("touched").exists()


class Tags(HTMLParser):
    """Collects the elements and attributes of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: dict[str, set[str | None]] = {}
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        for name, value in attrs:
            self.attributes.setdefault(name, set()).add(value)

    def handle_data(self, data: str) -> None:
        self.text += data


def parsed(document: str) -> Tags:
    tags = Tags()
    tags.feed(document)
    return tags


def assert_harmless(document: str) -> None:
    tags = parsed(document)
    assert not {"script", "img", "iframe", "object", "embed", "link"} & tags.tags
    assert not [name for name in tags.attributes if name.startswith("on")]
    targets = {value for value in tags.attributes.get("href", set()) if value}
    assert not [target for target in targets if not target.startswith("#")]
    # The text itself is shown.
    assert "<script>alert(1)</script>" in tags.text


def test_a_harmful_page_is_found():
    for document in (HOSTILE, "<b onclick=x>&lt;script></b>", "<a href='javascript:x'>x</a>"):
        with pytest.raises(AssertionError):
            assert_harmless(document)


def test_the_audits_page_escapes_every_name():
    modules = {HOSTILE: nn.Linear(1, 1), f"other {HOSTILE}": nn.Linear(1, 1)}
    contract = Contract(modules=modules, updates={HOSTILE: trains(f"other {HOSTILE}")})

    def update() -> None:
        sum(module(torch.ones(1)).sum() for module in modules.values()).backward()  # pyright: ignore[reportAttributeAccessIssue] (a tensor, not an int)

    assert_harmless(audit(contract, update).to_html())


def test_the_tutorials_page_escapes_every_text():
    table = LessonTable((HOSTILE,), ((HOSTILE,),), HOSTILE)
    document = page([LessonSection(HOSTILE, (Paragraph(HOSTILE), Code(HOSTILE), table))])
    assert_harmless(document)


def test_a_name_is_not_terminal_markup(tmp_path):
    name = "[red]it"
    result = train(Config(runs=str(tmp_path), name=name, steps=3, random_steps=5, hidden=(4,)))
    outcome = call("evaluate.py", [str(result.folder), "--episodes", "1"])
    assert outcome.status == 0
    assert name in outcome.output
