"""Help texts: groups, stops, no types of Python; and the two spellings of an option's name."""

import re

import pytest

from ddpg.config.settings import SETTINGS
from ddpg.stops import STOPS
from tests.cli.bad_input.harness import SCRIPTS, call


@pytest.mark.parametrize("columns", ["60", "80", "120"])
@pytest.mark.parametrize("script", sorted(path.name for path in SCRIPTS.glob("*.py")))
def test_help_names_no_types_and_fits_the_terminal(script, columns, monkeypatch):
    monkeypatch.setenv("COLUMNS", columns)
    shown = call(script, ["--help"])
    assert shown.status == 0
    for leaked in ("type:", "<class", "int |", "float |", "| null", "+ [", ": True", ": None"):
        assert leaked not in shown.output
    options = shown.output.partition("examples:")[0]
    assert max(map(len, options.splitlines())) <= int(columns)


def test_help_of_a_training_has_groups_each_stop_and_an_example(monkeypatch):
    monkeypatch.setenv("COLUMNS", "120")
    text = call("train.py", ["--help"]).output
    titles = re.findall(r"^([a-z][a-z ,]+):$", text, re.MULTILINE)
    assert titles[0] == "options"
    assert titles[2] == "gradient stops"
    assert titles[-1] == "examples"
    for name, stop in STOPS.items():
        assert re.search(rf"^    {name} +{re.escape(stop.summary)}$", text, re.MULTILINE)
    for name in SETTINGS:
        assert re.search(rf"^  --{name}( |$)", text, re.MULTILINE)
    assert "scripts/train.py --resume --name" in text.rstrip().splitlines()[-1]
    assert "threads; unit: threads" not in text


@pytest.mark.parametrize(
    ("typed", "line"),
    [
        (["--actor-stop", "none"], "actor_stop: none"),
        (["--actor-stop=none"], "actor_stop: none"),
        (["--noise-sigma_final=0.5"], "noise_sigma_final: 0.5"),
        (["--no-tensorboard"], "tensorboard: false"),
        (["--name=--actor-stop"], "name: --actor-stop"),
        (["--name", "a-b", "--critic-learning-rate", "1e-2"], "critic_learning_rate: 0.01"),
        (["--env-options.is-slow", "true"], "  is-slow: true"),
    ],
)
def test_the_words_of_an_option_may_be_joined_by_dashes(typed, line):
    printed = call("train.py", [*typed, "--print-config"])
    assert printed.status == 0, printed.errors
    assert line in printed.output.splitlines()


def test_an_unknown_option_with_dashes_gets_a_hint():
    refused = call("train.py", ["--actor-stopp", "none"])
    assert "there is no setting 'actor-stopp', did you mean 'actor_stop'?" in refused.errors


@pytest.mark.parametrize("option", ["--report_only", "--report-only"])
def test_every_script_takes_both_spellings(option):
    assert "cannot report 'nowhere'" in call("compare.py", [option, "nowhere"]).errors
