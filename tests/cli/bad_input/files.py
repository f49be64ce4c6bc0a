"""Files that the wrong command lines name."""

from pathlib import Path

from ddpg.config.settings import Config
from ddpg.runs.folder import RunFolder
from ddpg.training.loop import train

BOMB = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{name}: &{name} [{', '.join(['*' + before] * 9)}]\n"
    for before, name in zip("abcdefgh", "bcdefghi", strict=True)
)
"""Nine lines of YAML that stand for a billion values."""

TEXTS = {
    "unknown.yaml": b"gama: 0.9\n",
    "high.yaml": b"gamma: high\n",
    "broken.yaml": b"a: [\n",
    "empty.yaml": b"",
    "list.yaml": b"- gamma\n",
    "number.yaml": b"3\n",
    "twice.yaml": b"gamma: 0.9\nsteps: 100\ngamma: 0.5\n",
    "binary.yaml": bytes(range(256)),
    "utf16.yaml": "gamma: 0.9\n".encode("utf-16"),
    "control.yaml": b"name: a\x07b\n",
    "newline.yaml": b'name: "a\\nb"\n',
    "deep.yaml": b"[" * 90_000,
    "bomb.yaml": BOMB.encode(),
    "object.yaml": b"name: !!python/object/apply:os.system ['touch touched']\n",
    "tag.yaml": b"gamma: !!float '0.9'\n",
    "digits.yaml": b"steps: " + b"9" * 9_000,
    "true.yaml": b"steps: true\n",
    "quoted.yaml": b"steps: '100'\n",
    "infinite.yaml": b"gamma: .inf\n",
    "null.yaml": b"gamma:\n",
    "norway.yaml": b"name: no\n",
    "nested.yaml": b"env_options: {a: {a: {a: {a: {a: {a: {a: 1}}}}}}}\n",
    "module.yaml": b"env: touches:Pendulum-v1\n",
    "several.yaml": b"gamma: 0.9\n---\ngamma: 0.5\n",
    "touches.py": b"open('touched', 'w').close()\n",
}


def prepare(folder: Path) -> None:
    """Write the files and three runs: one trained, and two without a checkpoint.

    The environment of the third run imports a module.
    """
    for name, content in TEXTS.items():
        (folder / name).write_bytes(content)
    with (folder / "large.yaml").open("wb") as file:
        file.truncate(100_000_000)
    (folder / "folder.yaml").mkdir()
    train(Config(runs=str(folder / "runs"), name="trained", steps=60, random_steps=30, hidden=(8,)))
    for name, env in (("taken", "Pendulum-v1"), ("imports", "touches:Pendulum-v1")):
        run = RunFolder.create(Config(runs=str(folder / "runs"), name=name, env=env))
        # A run with metrics has begun, so it cannot start from the beginning.
        run.metrics_file.write_text("step,member\n500,0\n")
