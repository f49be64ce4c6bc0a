"""Claims about `detach` and `no_grad`."""

from collections.abc import Callable

import numpy as np
import torch
from torch import nn

from ddpg.errors import ConfigError
from ddpg.isolation.observe.saved_tensors import Amount, SavedTensors
from ddpg.stops import Crossing, build
from ddpg.tutorial.agent_update import run_agent_update
from ddpg.tutorial.claims.claim import Statement
from ddpg.tutorial.layers_update import run_layers_update

INPUTS, WIDTH, BATCH = 17, 256, 256


def perceptron(width: int = WIDTH) -> nn.Sequential:
    """Return an L1 of two hidden layers: `[batch, 17]` -> `[batch, width]`."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return nn.Sequential(
            nn.Linear(INPUTS, width), nn.ReLU(), nn.Linear(width, width), nn.ReLU()
        )


def saved_upstream(expression: str, width: int = WIDTH, batch: int = BATCH) -> Amount:
    """Return the amount saved while L1 runs under the stop `expression`."""
    l1, l2 = perceptron(width), nn.Linear(width, 1)
    stop = build(expression, Crossing.UPSTREAM, {"L2": l2}, {"L1": l1})
    with SavedTensors() as saved:
        stop.through(l1, torch.ones(batch, INPUTS))
    return saved.made


def detach_is_a_copy() -> list[Statement]:
    """Compare storage and version counter, and write through the detached tensor."""
    original = torch.zeros(3, requires_grad=True) * 1
    detached = original.detach()
    detached[0] = 7
    read = original.tolist()[0]
    return [
        Statement(
            "the detached tensor has its own memory",
            detached.untyped_storage().data_ptr() != original.untyped_storage().data_ptr(),
            "`untyped_storage().data_ptr()` is the same",
        ),
        Statement(
            "a write to it does not change the original",
            read == 0,
            f"wrote 7, the original reads {read:g}",
        ),
        Statement(
            "it has its own version counter",
            original._version == 0,
            f"`original._version` is {original._version} after the write",
        ),
    ]


def detach_leaves_l1_alone() -> list[Statement]:
    """Inspect L1's gradients and the graph."""
    update = run_layers_update("detach")
    kind = update.gradient_kind("L1")
    return [
        Statement("`L1.grad` is None", kind == "None", f"`.grad` is {kind}"),
        Statement(
            "L1 is not in the graph",
            not update.in_graph("L1"),
            f"the graph contains {', '.join(sorted(update.graph.parameters))}",
        ),
    ]


def detach_saves_memory() -> list[Statement]:
    """Count tensors and bytes saved for the backward pass, before and after the detach."""
    l1 = perceptron()
    with SavedTensors() as saved:
        output = l1(torch.ones(BATCH, INPUTS))
        before = saved.held
        detached = output.detach()
        both = saved.held
        del output
        after = saved.held
        del detached
    control = saved_upstream("none")
    return [
        Statement(
            "the tensors saved for L1 are freed once only the detached tensor is left",
            after.tensors == 0,
            f"before {before}, after {after}",
        ),
        Statement(
            "they are freed while the original tensor is in use too",
            both.tensors < before.tensors,
            f"still {both}",
        ),
        Statement(
            "less is saved than under the control while L1 runs",
            saved_upstream("detach").bytes < control.bytes,
            f"control {control}, `detach` {saved_upstream('detach')}, `no_grad` "
            f"{saved_upstream('no_grad')}",
        ),
    ]


def numpy_is_an_error() -> list[Statement]:
    """Call `numpy()` on a tensor that requires grad."""
    tensor = torch.ones(2, requires_grad=True) * 2
    with torch.no_grad():
        under_no_grad = _error(tensor.numpy)
    return [
        _fails("`tensor.numpy()`", _error(tensor.numpy)),
        _fails("`numpy.asarray(tensor)`", _error(lambda: np.asarray(tensor))),
        _fails("`tensor.numpy()` under `no_grad`", under_no_grad, "works, without a copy"),
    ]


def no_grad_gives_the_graph_of_detach() -> list[Statement]:
    """Compare the graphs of the two layers, then those of the actor update."""
    detach, no_grad = run_layers_update("detach").graph, run_layers_update("no_grad").graph
    downstream = run_agent_update("actor_update", "detach")
    try:
        run_agent_update("actor_update", "no_grad")
        possible = True
    except ConfigError:
        possible = False
    return [
        Statement(
            "if L1 is upstream",
            detach.boxes == no_grad.boxes and detach.edges == no_grad.edges,
            f"both have {len(detach.boxes)} nodes and {len(detach.edges)} edges",
        ),
        Statement(
            "if the protected network is downstream (DDPG's actor update)",
            possible,
            f"`detach` leaves {', '.join(sorted(downstream.in_graph))} in the graph, `no_grad` "
            "leaves no graph",
        ),
    ]


def no_grad_sets_requires_grad_false() -> list[Statement]:
    """Inspect tensors created under `no_grad`."""
    weight = nn.Parameter(torch.ones(2))
    with torch.no_grad():
        created = {
            "the result of an operation": weight * 2,
            "a factory": torch.zeros(2),
            "a factory with `requires_grad=True`": torch.zeros(2, requires_grad=True),
            "an `nn.Parameter`": nn.Parameter(torch.zeros(2)),
        }
        view = weight.view(2, 1)
    (view * 2).sum().backward()
    return [
        *(
            Statement(name, not tensor.requires_grad, f"`requires_grad` is {tensor.requires_grad}")
            for name, tensor in created.items()
        ),
        Statement(
            "a view of a parameter",
            not view.requires_grad,
            f"`requires_grad` is {view.requires_grad}, yet a backward pass through the view "
            f"leaves the parameter's `.grad` {weight.grad}",
        ),
    ]


def no_grad_saves_less_than_detach() -> list[Statement]:
    """Compare saved bytes over widths and batch sizes."""
    return [
        Statement(
            f"saves less at width {width}, batch {batch}",
            saved_upstream("no_grad", width, batch).bytes
            < saved_upstream("detach", width, batch).bytes,
            f"`detach` {saved_upstream('detach', width, batch)}; `no_grad` "
            f"{saved_upstream('no_grad', width, batch)}",
        )
        for width, batch in ((64, 1), (256, 64), (1024, 256))
    ]


def _fails(code: str, error: str, otherwise: str = "works") -> Statement:
    return Statement(f"{code} is an error", bool(error), error or otherwise)


def _error(call: Callable[[], object]) -> str:
    """Return the type and first sentence of the error that `call` raises, or an empty string."""
    try:
        call()
    except (RuntimeError, TypeError) as error:
        return f"{type(error).__name__}: {str(error).partition('.')[0]}"
    return ""
