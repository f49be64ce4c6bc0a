"""Build both distributions and use their wheels elsewhere: `python -m tests.wheels`."""

import os
import re
import resource
import subprocess
import sys
import tempfile
import time
import venv
from pathlib import Path
from subprocess import PIPE, STDOUT

ROOT = Path(__file__).parents[2]
CONSTRAINTS = ROOT / "constraints.txt"
TESTS_ONLY = ("gradient-isolation", "pytest", "iniconfig", "pluggy", "packaging", "pygments")
"""Packages that the check of the audit installs besides PyTorch."""
PLUGIN_LIMIT = 5_000
"""Microseconds that pytest may spend on loading the plugin."""

USERS_TEST = """
import torch
from {package} import Contract, moves, nothing

def check(isolation, permission):
    module = torch.nn.Linear(1, 1)
    contract = Contract(modules={{"module": module}}, updates={{"update": permission}})
    isolation(contract).check(lambda: torch.nn.init.ones_(module.weight))

def test_good(isolation):
    check(isolation, moves("module"))

def test_bad(isolation):
    check(isolation, nothing())
"""

EVERYTHING_PUBLIC = """
import ddpg, ddpg.isolation, ddpg.stops
from ddpg.isolation.contracts import ours, pfrl, skrl, stable_baselines3, tianshou, torchrl
for package in (ddpg, ddpg.isolation, ddpg.stops):
    for name in package.__all__:
        getattr(package, name)
print(ddpg.__file__)
"""


class Wheels:
    """Virtual environment outside of the repository, and an empty folder to work in."""

    def __init__(self, place: Path) -> None:
        self.bin, self.work, self.dist = place / "venv" / "bin", place / "work", place / "dist"
        self.work.mkdir()
        venv.create(place / "venv", with_pip=True)

    def build(self) -> None:
        """Build sdist and wheel of both distributions, each wheel from its sdist."""
        command = [sys.executable, "-m", "build", "--outdir", str(self.dist)]
        builds = [
            subprocess.Popen([*command, str(folder)], stdout=PIPE, stderr=STDOUT, text=True)
            for folder in (ROOT, ROOT / "ddpg" / "isolation")
        ]
        for build in builds:
            output, _ = build.communicate()
            assert build.returncode == 0, output

    def wheel(self, name: str) -> str:
        """Return the wheel whose file name begins with `name`."""
        (file,) = self.dist.glob(f"{name}-*.whl")
        return str(file)

    def run(self, *command: str, status: int = 0) -> str:
        """Run a program of the environment in the empty folder; return its output."""
        program = [str(self.bin / command[0]), *command[1:]]
        environment = {name: os.environ[name] for name in os.environ if name != "PYTHONPATH"}
        run = subprocess.run(
            program, cwd=self.work, capture_output=True, text=True, env=environment, check=False
        )
        output = run.stdout + run.stderr
        assert run.returncode == status, f"{' '.join(command)}: {run.returncode}\n{output}"
        return output

    def install(self, *packages: str) -> None:
        """Install the tested versions; each file is compiled when it is imported."""
        options = ("--quiet", "--no-compile", "--constraint", str(CONSTRAINTS))
        self.run("python", "-m", "pip", "install", *options, *packages)

    def installed(self) -> list[str]:
        """Return the names of the installed distributions, without those of a new environment."""
        lines = self.run("python", "-m", "pip", "list", "--format", "freeze").splitlines()
        names = [line.partition("==")[0] for line in lines if "==" in line]
        return [name for name in names if name not in ("pip", "setuptools")]


def expect(text: str, output: str) -> None:
    """Raise an AssertionError that has the output, unless it contains `text`."""
    assert text in output, f"{text!r} is not in:\n{output}"


def check_audit_alone(wheels: Wheels) -> None:
    """Use the audit in an environment of PyTorch and pytest only."""
    wheels.install("torch", "pytest", wheels.wheel("gradient_isolation"))
    assert not {"numpy", "rich", "ddpg-stops", "gymnasium"} & {*wheels.installed()}
    print_size(wheels, "gradient-isolation, pytest")
    readme = (ROOT / "ddpg" / "isolation" / "README.md").read_text("utf-8")
    audit, fixture = re.findall(r"```python\n(.*?)```", readme, re.DOTALL)
    (wheels.work / "mine.py").write_text(audit)
    expect("The contract is kept", wheels.run("python", "mine.py"))
    (wheels.work / "test_mine.py").write_text(f"from mine import *\n\n\n{fixture}")
    expect("1 passed", wheels.run("python", "-m", "pytest", "-q", "test_mine.py"))
    missing = wheels.run("python", "-c", f"{audit}\nreport.table()", status=1)
    expect('install with: pip install "gradient-isolation[table]"', missing)
    factory = f"{audit}\ndef make():\n    return contract, {{'critic_update': critic_update}}\n"
    (wheels.work / "mine.py").write_text(factory)
    expect("The contract is kept", wheels.run("gradient-isolation", "mine:make"))
    script = str(ROOT / "examples" / "td3.py")
    run = ("run", "--propose", "contract.py", script)
    for command in (("gradient-isolation",), ("python", "-m", "gradient_isolation")):
        wheels.run(*command, *run)
        wheels.run(*command, "run", "--contract", "contract.py", script)
    expect("from gradient_isolation import", (wheels.work / "contract.py").read_text("utf-8"))
    check_plugin(wheels, "gradient_isolation")


def check_plugin(wheels: Wheels, package: str) -> None:
    """Run pytest beside files that shadow the packages, and measure the plugin's import."""
    for name in ("ddpg.py", "isolation.py"):
        (wheels.work / name).write_text("x = 1\n")
    test = wheels.work / "test_users.py"
    test.write_text("def test_mine():\n    assert 1\n")
    expect("1 passed", wheels.run("python", "-m", "pytest", "-q", test.name))
    for name in ("ddpg.py", "isolation.py"):
        (wheels.work / name).unlink()
    test.write_text(USERS_TEST.format(package=package))
    output = wheels.run("python", "-m", "pytest", "-q", test.name, status=1)
    expect("1 failed, 1 passed", output)
    expect("update × module: moved_by_other", output)
    listed = wheels.run("python", "-m", "pytest", "--trace-config", "--markers")
    plugins = set(re.findall(r"PLUGIN registered: <module '(\w+_pytest)'", listed))
    assert len(plugins) == 1, listed
    code = f"import sys, pytest, {plugins.pop()}; print('torch' in sys.modules)"
    best = min(_microseconds(wheels.run("python", "-X", "importtime", "-c", code)) for _ in "123")
    print(f"pytest plugin: {best} microseconds to import")
    assert best < PLUGIN_LIMIT


def _microseconds(importtime: str) -> int:
    assert "False" in importtime
    return int(re.findall(r"\| +(\d+) \| +\w+_pytest\n", importtime)[-1])


def check_core(wheels: Wheels) -> None:
    """Train, score and audit with the wheel of the agent and no extras."""
    wheels.run("python", "-m", "pip", "uninstall", "--quiet", "--yes", *TESTS_ONLY)
    wheels.install(wheels.wheel("ddpg_stops"))
    names = wheels.installed()
    assert not {"matplotlib", "scipy", "pandas", "pygraphviz", "ray"} & {*names}
    print_size(wheels, "ddpg-stops")
    trained = wheels.run(
        "ddpg", "train", "--config", "pendulum", "--steps", "300", "--name", "mine"
    )
    expect("ddpg evaluate runs/mine", trained)
    expect("IQM and interval need", wheels.run("ddpg", "evaluate", "runs/mine", "--episodes", "2"))
    expect("The contract is kept", wheels.run("ddpg", "audit", "runs/mine"))
    wheels.run("ddpg", "audit", "run", "--output", "it.txt", str(ROOT / "examples" / "td3.py"))
    expect("Proposed contract", (wheels.work / "it.txt").read_text("utf-8"))
    refused = wheels.run("ddpg", "plot", "runs/mine", status=2)
    expect('install with: pip install "ddpg-stops[report]"', refused)
    expect("usage: ddpg COMMAND", wheels.run("python", "-m", "ddpg", "--help"))
    assert str(ROOT) not in wheels.run("python", "-c", EVERYTHING_PUBLIC)


def check_both(wheels: Wheels) -> None:
    """With both distributions the plugin is registered once and works with either contract."""
    wheels.install("pytest", wheels.wheel("gradient_isolation"))
    for package in ("gradient_isolation", "ddpg.isolation"):
        check_plugin(wheels, package)


def print_size(wheels: Wheels, label: str) -> None:
    """Print the number of packages, and their size without PyTorch itself and without bytecode."""
    (site,) = (wheels.bin.parent / "lib").glob("python*/site-packages")
    ours = ("torch", "pip", "setuptools", "_distutils_hack", "pkg_resources")
    files = [
        file
        for top in site.iterdir()
        if top.name.partition("-")[0] not in ours
        for file in (top, *top.rglob("*"))
        if file.is_file() and file.suffix != ".pyc"
    ]
    size = sum(file.stat().st_size for file in files) / 2**20
    print(f"{label}: {len(wheels.installed())} packages, {size:.0f} MiB besides torch")


def _processor_seconds() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def main() -> int:
    """Print one line per check with its duration."""
    with tempfile.TemporaryDirectory() as folder:
        wheels = Wheels(Path(folder))
        for step in (Wheels.build, check_audit_alone, check_core, check_both):
            started = time.perf_counter(), _processor_seconds()
            step(wheels)
            wall, processor = time.perf_counter() - started[0], _processor_seconds() - started[1]
            print(f"{step.__name__}: {wall:.0f} s, {processor:.0f} s of processor", flush=True)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
