"""Modules that the graph of a loss reaches, with or without a gradient."""

import pytest

from ddpg.comparison.report.reach import reached_modules
from ddpg.config.settings import Config

PROTECTED = {("critic_update", "critic_target"), ("critic_update", "actor_target")}
TRAINED = {("critic_update", "critic"), ("actor_update", "actor")}


@pytest.mark.parametrize("stop", ["none", "optimizer", "inputs"])
def test_a_complete_graph_reaches_the_protected_modules(stop):
    assert reached_modules(Config(stop=stop)) == TRAINED | PROTECTED


@pytest.mark.parametrize("stop", ["detach", "no_grad", "freeze", "substitute"])
def test_a_cut_graph_does_not(stop):
    assert reached_modules(Config(stop=stop)) == TRAINED
