"""What the work cannot do without: the matrix products of one update, and the environment's step.

No learner: no bias, no activation, no loss, no optimizer, no replay, no noise, no logging. Only the
products that the default stops leave: the critic's backward pass stops at its first layer's
weights, and the actor's goes through the critic without a gradient for the critic's weights.
"""

import time
from collections.abc import Callable
from functools import partial
from itertools import pairwise
from statistics import median
from typing import NamedTuple

import gymnasium
import numpy as np
import torch
from torch import Tensor

from benchmarks.measurement import Measurement
from benchmarks.work import ENVIRONMENT, Work
from ddpg.environments.vector import Environments

TORCH = "torch.bmm"
"""The products as the agent's own networks compute them."""
FASTEST = "the fastest way of each"

_OBSERVATION, _ACTION = 3, 1
_ROUNDS = 15
_EPISODE = 200


class Product(NamedTuple):
    """One product `[member, rows, inner] @ [member, inner, columns]` into memory of its own."""

    left: Tensor
    right: Tensor
    result: Tensor


def measure(work: Work) -> Measurement:
    """Time the products in every way that is known here, and the environments.

    What counts is the fastest way of each product, and the faster of the environments: one by one,
    and as the vector that training steps.
    """
    torch.set_num_threads(work.threads)
    torch.manual_seed(work.seed)
    began, processor = time.perf_counter(), time.process_time()
    with torch.no_grad():
        times = _product_times([ways(product) for product in products(work)], work.seconds / 2)
    steppers = {
        "bare environment steps": _environments(work.members),
        "vector environment's steps": _vector_environment(work.members),
    }
    stepping = {
        name: _microseconds(run, work.seconds / 4) / _EPISODE for name, run in steppers.items()
    }
    wall = time.perf_counter() - began
    step = min(stepping.values())
    return Measurement(
        speed=work.members * 1e6 / (times[FASTEST] + step),
        speed_with_torch=work.members * 1e6 / (times[TORCH] + step),
        processor_share=(time.process_time() - processor) / wall,
        parts={**times, **stepping},
    )


def torch_products(work: Work, seconds: float) -> float:
    """Microseconds of the products of acting and one update as the agent's networks do them."""
    every = [ways(product)[TORCH] for product in products(work)]
    with torch.no_grad():
        return _microseconds(_each(every), seconds)


def ways(product: Product) -> dict[str, Callable[[], object]]:
    """Every way to compute `product` that is known here, by name."""
    left, right, result = product
    singles = [Product(*single) for single in zip(*product, strict=True)]
    found: dict[str, Callable[[], object]] = {
        TORCH: partial(torch.bmm, left, right, out=result),
        "torch.mm": _each(
            [partial(torch.mm, *single[:2], out=single.result) for single in singles]
        ),
        "numpy.dot": _each(
            [
                partial(np.dot, one.left.numpy(), one.right.numpy(), out=one.result.numpy())
                for one in singles
            ]
        ),
    }
    if torch.backends.mkldnn.is_available():
        # torch's own products go to MKL or OpenBLAS; oneDNN is there too, behind this operator.
        linear = torch.ops.mkldnn._linear_pointwise.default
        found["oneDNN"] = _each(
            [partial(linear, one, other.mT, None, "none", [], "") for one, other, _ in singles]
        )
    return found


def _product_times(
    update: list[dict[str, Callable[[], object]]], seconds: float
) -> dict[str, float]:
    """Microseconds of a whole update in each way, and with the fastest way of each product."""
    share = seconds / (len(update[0]) * 2)
    totals = {
        name: _microseconds(_each([ways[name] for ways in update]), share) for name in update[0]
    }
    fastest = []
    for ways in update:
        times = {name: _microseconds(run, share / len(update)) for name, run in ways.items()}
        fastest.append(ways[min(times, key=lambda name: times[name])])
    return {**totals, FASTEST: _microseconds(_each(fastest), share)}


def _each(runs: list[Callable[[], object]]) -> Callable[[], object]:
    """All of `runs`, one after the other."""
    if len(runs) == 1:
        return runs[0]

    def every() -> None:
        for run in runs:
            run()

    return every


def products(work: Work) -> list[Product]:
    """The matrix products of acting and of one update of critic and actor, in their order."""
    actor = _layers(work, _OBSERVATION)
    critic = _layers(work, _OBSERVATION + _ACTION)
    actor_target, critic_target = _layers(work, _OBSERVATION), _layers(work, critic[0].shape[1])

    acting = _forward(work, actor, 1)
    bootstrap = _forward(work, actor_target) + _forward(work, critic_target)
    critic_update = _forward(work, critic) + _backward(work, critic, weights=True)
    actor_update = (
        _forward(work, actor)
        + _forward(work, critic)
        + _backward(work, critic, weights=False)
        + _backward(work, actor, weights=True)
    )
    return acting + bootstrap + critic_update + actor_update


def _layers(work: Work, inputs: int) -> list[Tensor]:
    """Weights `[member, inputs, outputs]` of one network."""
    widths = [inputs, work.hidden, work.hidden, 1]
    return [torch.randn(work.members, rows, columns) for rows, columns in pairwise(widths)]


def _forward(work: Work, layers: list[Tensor], batch: int | None = None) -> list[Product]:
    """Inputs times weights, layer by layer."""
    rows = batch or work.batch
    return [_product(torch.randn(work.members, rows, weight.shape[1]), weight) for weight in layers]


def _backward(work: Work, layers: list[Tensor], weights: bool) -> list[Product]:
    """From the last layer to the first: gradients of the weights, and of what enters a layer.

    Without `weights` it is the actor's loss on its way through the critic, of whose inputs only the
    action needs a gradient.
    """
    found = []
    for index in reversed(range(len(layers))):
        weight = layers[index]
        gradient = torch.randn(work.members, work.batch, weight.shape[2])
        if weights:
            inputs = torch.randn(work.members, work.batch, weight.shape[1])
            found.append(_product(inputs.mT, gradient))
        if index > 0:
            found.append(_product(gradient, weight.mT))
        elif not weights:
            found.append(_product(gradient, weight[:, -_ACTION:].mT))
    return found


def _product(left: Tensor, right: Tensor) -> Product:
    return Product(left, right, torch.empty(len(left), left.shape[1], right.shape[2]))


def _environments(members: int) -> Callable[[], None]:
    """An episode in each of some bare environments, without wrappers."""
    environments = [gymnasium.make(ENVIRONMENT).unwrapped for _ in range(members)]
    actions = np.random.default_rng(0).uniform(-2, 2, (_EPISODE, members, _ACTION))

    def episode() -> None:
        for environment in environments:
            environment.reset()
        for action in actions:
            for environment, own in zip(environments, action, strict=True):
                environment.step(own)

    return episode


def _vector_environment(members: int) -> Callable[[], None]:
    """An episode in the vector that training steps."""
    environments = Environments(ENVIRONMENT, members, {}).vector
    actions = np.random.default_rng(0).uniform(-2, 2, (_EPISODE, members, _ACTION))
    actions = actions.astype(np.float32)

    def episode() -> None:
        environments.reset(seed=0)
        for action in actions:
            environments.step(action)

    return episode


def _microseconds(run: Callable[[], object], seconds: float) -> float:
    """Median time of one `run`, over `_ROUNDS` rounds that take about `seconds` together."""
    run()
    started = time.perf_counter()
    run()
    calls = max(1, int(seconds / _ROUNDS / (time.perf_counter() - started)))
    rounds = []
    for _ in range(_ROUNDS):
        started = time.perf_counter()
        for _ in range(calls):
            run()
        rounds.append(1e6 * (time.perf_counter() - started) / calls)
    return median(rounds)
