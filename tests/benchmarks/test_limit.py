"""The limit: the matrix products of the agent's update and no others."""

from collections import Counter
from dataclasses import replace

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from benchmarks.subjects.limit import FASTEST, TORCH, matrix_products, measure, product_ways
from benchmarks.workload import Workload
from ddpg.agent import DDPG
from ddpg.config.settings import Config
from ddpg.replay import Batch

WORKLOAD = Workload(hidden=8, batch=5, members=2, seconds=0.05)


class ProductCounter(TorchDispatchMode):
    """Counter of matrix products by `(rows, inner, columns)`."""

    def __init__(self):
        super().__init__()
        self.shapes: Counter[tuple[int, int, int]] = Counter()

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        if func.overloadpacket in (torch.ops.aten.bmm, torch.ops.aten.baddbmm):
            left, right = args[-2:]
            self.shapes[left.shape[1], left.shape[2], right.shape[2]] += 1
        return func(*args, **(kwargs or {}))


def test_the_products_are_those_of_acting_and_of_one_update_with_the_default_stops():
    config = Config(
        hidden=(WORKLOAD.hidden, WORKLOAD.hidden),
        batch_size=WORKLOAD.batch,
        members=WORKLOAD.members,
    )
    generators = [torch.Generator().manual_seed(seed) for seed in range(WORKLOAD.members)]
    agent = DDPG(config, 3, 1, generators, torch.device("cpu"))
    batch = Batch.random(WORKLOAD.members, WORKLOAD.batch, 3, 1)
    with ProductCounter() as counted:
        agent.act(batch.observation[:, :1])
        agent.update(batch)
    limit = Counter(
        (left.shape[1], left.shape[2], right.shape[2])
        for left, right, _ in matrix_products(WORKLOAD)
    )
    # The agent also computes the gradient of the observation in the actor's loss.
    extra = (WORKLOAD.batch, WORKLOAD.hidden, 4), (WORKLOAD.batch, WORKLOAD.hidden, 1)
    assert counted.shapes - limit == Counter({extra[0]: 1})
    assert limit - counted.shapes == Counter({extra[1]: 1})


@pytest.mark.parametrize("members", [1, 2])
def test_every_way_computes_the_same_product(members):
    torch.manual_seed(0)
    for product in matrix_products(replace(WORKLOAD, members=members)):
        expected = product.left @ product.right
        for name, run in product_ways(product).items():
            product.result.fill_(float("nan"))
            returned = run()
            if name != "oneDNN":
                torch.testing.assert_close(product.result, expected)
            elif members == 1:
                # oneDNN returns the product of its one member instead of writing to `result`.
                torch.testing.assert_close(returned, expected[0])


def test_the_speed_is_that_of_the_fastest_ways():
    limit = measure(WORKLOAD)
    parts = limit.parts
    assert parts
    assert {TORCH, "torch.mm", "numpy.dot", FASTEST} < parts.keys()
    stepping = min(parts["bare environment steps"], parts["vector environment's steps"])
    assert limit.speed == pytest.approx(2e6 / (parts[FASTEST] + stepping))
    assert all(time > 0 for time in parts.values())
