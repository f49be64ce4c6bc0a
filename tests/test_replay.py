"""Tests of the replay buffer: wrap-around, uniformity, independent members."""

import numpy as np
import pytest
import torch

from ddpg.random_streams import RandomStreams
from ddpg.replay import ReplayBuffer


def filled(members: int, capacity: int, added: int) -> ReplayBuffer:
    """Return a replay whose transition i of member m has the value 100 * m + i everywhere."""
    streams = RandomStreams.from_seeds(list(range(members)))
    replay = ReplayBuffer(streams.replay, capacity, 3, 2, torch.device("cpu"))
    for i in range(added):
        value = np.array([100 * m + i for m in range(members)], np.float32)
        replay.add(
            np.repeat(value[:, None], 3, axis=1),
            np.repeat(value[:, None], 2, axis=1),
            value,
            np.repeat(value[:, None], 3, axis=1) + 0.5,
            np.arange(members) % 2 == 1,
        )
    return replay


def test_batch_has_its_shapes_and_consistent_fields():
    batch = filled(3, 50, 20).sample(16)
    assert [tuple(field.shape) for field in batch] == [
        (3, 16, 3),
        (3, 16, 2),
        (3, 16, 1),
        (3, 16, 3),
        (3, 16, 1),
    ]
    assert torch.equal(batch.observation[..., :1], batch.reward)
    assert torch.equal(batch.action[..., :1], batch.reward)
    assert torch.equal(batch.next_observation[..., :1], batch.reward + 0.5)
    assert batch.terminated.flatten(1).unique(dim=1).flatten().tolist() == [0, 1, 0]


def test_members_sample_only_their_own_transitions():
    reward = filled(3, 50, 20).sample(500).reward
    for member in range(3):
        assert set(reward[member].flatten().tolist()) == {100.0 * member + i for i in range(20)}


def test_oldest_transition_is_overwritten():
    replay = filled(2, 10, 25)
    assert len(replay) == 10
    assert set(replay.sample(500).reward[0].flatten().tolist()) == set(map(float, range(15, 25)))


def test_only_added_transitions_are_drawn():
    assert set(filled(1, 1000, 3).sample(200).reward.flatten().tolist()) == {0.0, 1.0, 2.0}


def test_draws_are_uniform():
    replay = filled(1, 20, 20)
    draws = torch.cat([replay.sample(1000).reward.flatten() for _ in range(20)])
    counts = draws.int().bincount(minlength=20).double()
    # χ² with 19 degrees of freedom exceeds 43.8 with probability 0.001; the seed is fixed.
    assert ((counts - 1000).square() / 1000).sum() < 43.8
    assert counts.min() > 850


@pytest.mark.parametrize("member", [0, 1, 2])
def test_member_draws_as_a_run_with_its_seed_alone(member):
    together, alone = filled(3, 30, 30), filled(1, 30, 30)
    alone.stream = RandomStreams.from_seeds([member]).replay
    for _ in range(3):
        drawn = together.sample(8).reward[member] - 100 * member
        assert torch.equal(drawn, alone.sample(8).reward[0])


class OtherDeviceTensor(torch.Tensor):
    """CPU tensor that claims to be on another device."""

    is_cpu = False


def test_rows_on_another_device_are_written_as_those_on_the_cpu():
    on_cpu, on_other = filled(3, 10, 4), filled(3, 10, 4)
    on_other.rows = on_other.rows.as_subclass(OtherDeviceTensor)
    for replay in (on_cpu, on_other):
        for step in range(8):
            row = np.full((3, 1), step, np.float32)
            wide = np.repeat(row, 3, axis=1)
            replay.add(wide, wide[:, :2], row[:, 0], wide + 1, row[:, 0] == 5)
    assert torch.equal(on_cpu.rows, on_other.rows.as_subclass(torch.Tensor))
    assert len({tuple(row) for row in on_cpu.rows[0].tolist()}) == 10
