"""Limit of any agent: the matrix products of one update, and the environment's step.

Nothing is trained: no bias, activation, loss, optimizer, replay, noise or logging. The products are
those that the default stops leave: the critic's backward pass stops at its first layer's weights,
and the actor's passes through the critic without gradients for the critic's weights.
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

from benchmarks.timing.measurement import Measurement
from benchmarks.workload import ENVIRONMENT, Workload
from ddpg.environments.vector import Environments

TORCH = "torch.bmm"
"""Products as the agent's own networks compute them."""
FASTEST = "the fastest way of each"

_OBSERVATION, _ACTION = 3, 1
_ROUNDS = 15
_EPISODE = 200


class MatrixProduct(NamedTuple):
    """Product `[member, rows, inner] @ [member, inner, columns]`, stored in `result`."""

    left: Tensor
    right: Tensor
    result: Tensor


def measure(workload: Workload) -> Measurement:
    """Time the products in every known way, and the environments in two ways.

    The speed is that of the fastest way of each product and of the faster environments: single
    ones, or the vector that training steps.
    """
    torch.set_num_threads(workload.threads)
    torch.manual_seed(workload.seed)
    began, processor = time.perf_counter(), time.process_time()
    with torch.no_grad():
        times = _product_times(
            [product_ways(each) for each in matrix_products(workload)], workload.seconds / 2
        )
    steppers = {
        "bare environment steps": _environments(workload.members),
        "vector environment's steps": _vector_environment(workload.members),
    }
    stepping = {
        name: _microseconds(run, workload.seconds / 4) / _EPISODE for name, run in steppers.items()
    }
    wall = time.perf_counter() - began
    step = min(stepping.values())
    return Measurement(
        speed=workload.members * 1e6 / (times[FASTEST] + step),
        speed_with_torch=workload.members * 1e6 / (times[TORCH] + step),
        processor_share=(time.process_time() - processor) / wall,
        parts={**times, **stepping},
    )


def torch_products(workload: Workload, seconds: float) -> float:
    """Return microseconds of the products of acting and one update, all by `torch.bmm`."""
    runs = [product_ways(each)[TORCH] for each in matrix_products(workload)]
    with torch.no_grad():
        return _microseconds(_in_turn(runs), seconds)


def product_ways(product: MatrixProduct) -> dict[str, Callable[[], object]]:
    """Return every known way to compute `product`, by name."""
    left, right, result = product
    singles = [MatrixProduct(*single) for single in zip(*product, strict=True)]
    ways: dict[str, Callable[[], object]] = {
        TORCH: partial(torch.bmm, left, right, out=result),
        "torch.mm": _in_turn(
            [partial(torch.mm, *single[:2], out=single.result) for single in singles]
        ),
        "numpy.dot": _in_turn(
            [
                partial(np.dot, one.left.numpy(), one.right.numpy(), out=one.result.numpy())
                for one in singles
            ]
        ),
    }
    if torch.backends.mkldnn.is_available():
        # torch's own products use MKL or OpenBLAS; oneDNN is available through this operator.
        linear = torch.ops.mkldnn._linear_pointwise.default
        ways["oneDNN"] = _in_turn(
            [partial(linear, one, other.mT, None, "none", [], "") for one, other, _ in singles]
        )
    return ways


def _product_times(
    products: list[dict[str, Callable[[], object]]], seconds: float
) -> dict[str, float]:
    """Return microseconds of all products in each way, and with the fastest way of each.

    Args:
        products: name of a way -> how to compute it, one dict per product.
        seconds: approximate duration of the measurement.
    """
    share = seconds / (len(products[0]) * 2)
    totals = {
        name: _microseconds(_in_turn([ways[name] for ways in products]), share)
        for name in products[0]
    }
    fastest = []
    for ways in products:
        times = {name: _microseconds(run, share / len(products)) for name, run in ways.items()}
        fastest.append(ways[min(times, key=lambda name: times[name])])
    return {**totals, FASTEST: _microseconds(_in_turn(fastest), share)}


def _in_turn(runs: list[Callable[[], object]]) -> Callable[[], object]:
    """Return a function that calls all of `runs`, one after the other."""
    if len(runs) == 1:
        return runs[0]

    def run_all() -> None:
        for run in runs:
            run()

    return run_all


def matrix_products(workload: Workload) -> list[MatrixProduct]:
    """Return the products of acting and of one update of critic and actor, in their order."""
    actor = _layers(workload, _OBSERVATION)
    critic = _layers(workload, _OBSERVATION + _ACTION)
    actor_target = _layers(workload, _OBSERVATION)
    critic_target = _layers(workload, _OBSERVATION + _ACTION)

    acting = _forward(workload, actor, 1)
    bootstrap = _forward(workload, actor_target) + _forward(workload, critic_target)
    critic_update = _forward(workload, critic) + _backward(workload, critic, weights=True)
    actor_update = (
        _forward(workload, actor)
        + _forward(workload, critic)
        + _backward(workload, critic, weights=False)
        + _backward(workload, actor, weights=True)
    )
    return acting + bootstrap + critic_update + actor_update


def _layers(workload: Workload, inputs: int) -> list[Tensor]:
    """Return the weights of one network, `[member, inputs, outputs]` per layer."""
    widths = [inputs, workload.hidden, workload.hidden, 1]
    return [torch.randn(workload.members, rows, columns) for rows, columns in pairwise(widths)]


def _forward(
    workload: Workload, layers: list[Tensor], batch: int | None = None
) -> list[MatrixProduct]:
    """Return the products of a forward pass: inputs times weights, per layer."""
    rows = batch or workload.batch
    return [
        _product(torch.randn(workload.members, rows, weight.shape[1]), weight) for weight in layers
    ]


def _backward(workload: Workload, layers: list[Tensor], weights: bool) -> list[MatrixProduct]:
    """Return the products of a backward pass: gradients of the weights and of each layer's inputs.

    With `weights` False it is the actor's loss on its path through the critic, whose only input
    that needs a gradient is the action.
    """
    products = []
    for index in reversed(range(len(layers))):
        weight = layers[index]
        gradient = torch.randn(workload.members, workload.batch, weight.shape[2])
        if weights:
            inputs = torch.randn(workload.members, workload.batch, weight.shape[1])
            products.append(_product(inputs.mT, gradient))
        if index > 0:
            products.append(_product(gradient, weight.mT))
        elif not weights:
            products.append(_product(gradient, weight[:, -_ACTION:].mT))
    return products


def _product(left: Tensor, right: Tensor) -> MatrixProduct:
    return MatrixProduct(left, right, torch.empty(len(left), left.shape[1], right.shape[2]))


def _environments(members: int) -> Callable[[], None]:
    """Return a function that runs an episode in `members` environments without wrappers."""
    environments = [gymnasium.make(ENVIRONMENT).unwrapped for _ in range(members)]
    actions = np.random.default_rng(0).uniform(-2, 2, (_EPISODE, members, _ACTION))

    def episode() -> None:
        for environment in environments:
            environment.reset()
        for action in actions:
            for environment, torque in zip(environments, action, strict=True):
                environment.step(torque)

    return episode


def _vector_environment(members: int) -> Callable[[], None]:
    """Return a function that runs an episode in the vector environment that training steps."""
    environments = Environments(ENVIRONMENT, members, {}).vector
    actions = np.random.default_rng(0).uniform(-2, 2, (_EPISODE, members, _ACTION))
    actions = actions.astype(np.float32)

    def episode() -> None:
        environments.reset(seed=0)
        for action in actions:
            environments.step(action)

    return episode


def _microseconds(run: Callable[[], object], seconds: float) -> float:
    """Return the median time of one `run`, over `_ROUNDS` rounds of `seconds` in total."""
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
