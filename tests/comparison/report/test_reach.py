"""Reached is told apart from written."""

import pytest

from ddpg.comparison.report.reach import reached
from ddpg.config.settings import Config

PROTECTED = {("critic_update", "critic_target"), ("critic_update", "actor_target")}
TRAINED = {("critic_update", "critic"), ("actor_update", "actor")}


@pytest.mark.parametrize("stop", ["none", "optimizer", "inputs"])
def test_a_stop_that_leaves_the_graph_whole_is_reached_through(stop):
    assert reached(Config(stop=stop)) == TRAINED | PROTECTED


@pytest.mark.parametrize("stop", ["detach", "no_grad", "freeze", "substitute"])
def test_a_stop_that_cuts_the_graph_is_not(stop):
    assert reached(Config(stop=stop)) == TRAINED
