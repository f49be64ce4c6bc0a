"""Claims about `detach` and `no_grad`."""

from collections.abc import Callable

import numpy as np
import torch
from torch import nn

from ddpg.errors import ConfigError
from ddpg.isolation.observe.saved_tensors import Amount, SavedTensors
from ddpg.stops import Crossing, build
from ddpg.tutorial import agent_seen, layers_seen
from ddpg.tutorial.claims.claim import Part

INPUTS, WIDTH, BATCH = 17, 256, 256


def perceptron(width: int = WIDTH) -> nn.Sequential:
    """An L1 of two hidden layers: `[batch, 17]` -> `[batch, width]`."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        return nn.Sequential(
            nn.Linear(INPUTS, width), nn.ReLU(), nn.Linear(width, width), nn.ReLU()
        )


def saved_upstream(expression: str, width: int = WIDTH, batch: int = BATCH) -> Amount:
    """What is saved while L1 runs under the stop `expression`."""
    l1, l2 = perceptron(width), nn.Linear(width, 1)
    stop = build(expression, Crossing.UPSTREAM, {"L2": l2}, {"L1": l1})
    with SavedTensors() as saved:
        stop.through(l1, torch.ones(batch, INPUTS))
    return saved.made


def detach_is_a_copy() -> list[Part]:
    """Storage, and writes."""
    original = torch.zeros(3, requires_grad=True) * 1
    detached = original.detach()
    detached[0] = 7
    read = original.tolist()[0]
    return [
        Part(
            "it has memory of its own",
            detached.untyped_storage().data_ptr() != original.untyped_storage().data_ptr(),
            "`untyped_storage().data_ptr()` is the same",
        ),
        Part(
            "a write through it does not show in the original",
            read == 0,
            f"wrote 7, the original reads {read:g}",
        ),
        Part(
            "it has a version counter of its own",
            original._version == 0,
            f"`original._version` is {original._version} after the write",
        ),
    ]


def detach_leaves_l1_alone() -> list[Part]:
    """L1's gradients, and the graph."""
    seen = layers_seen.see("detach")
    return [
        Part("`L1.grad` is None", seen.kind("L1") == "None", f"`.grad` is {seen.kind('L1')}"),
        Part(
            "L1 is not in the graph",
            not seen.in_graph("L1"),
            f"the graph holds {', '.join(sorted(seen.graph.parameters))}",
        ),
    ]


def detach_saves_memory() -> list[Part]:
    """Tensors and bytes saved for the backward pass, before and after the cut."""
    l1 = perceptron()
    with SavedTensors() as saved:
        output = l1(torch.ones(BATCH, INPUTS))
        before = saved.held
        cut = output.detach()
        both = saved.held
        del output
        after = saved.held
        del cut
    control = saved_upstream("none")
    return [
        Part(
            "what was saved for L1 is let go once only the detached tensor is held",
            after.tensors == 0,
            f"before the cut {before}, after it {after}",
        ),
        Part(
            "while the uncut tensor is held too",
            both.tensors < before.tensors,
            f"still {both}",
        ),
        Part(
            "it saves less than the control while L1 runs",
            saved_upstream("detach").bytes < control.bytes,
            f"control {control}, `detach` {saved_upstream('detach')}, `no_grad` "
            f"{saved_upstream('no_grad')}",
        ),
    ]


def numpy_is_an_error() -> list[Part]:
    """`numpy()` on a tensor that requires grad."""
    tensor = torch.ones(2, requires_grad=True) * 2
    with torch.no_grad():
        inside = _raises(tensor.numpy)
    return [
        Part("`tensor.numpy()` is an error", *_error(tensor.numpy)),
        Part("`numpy.asarray(tensor)` is one", *_error(lambda: np.asarray(tensor))),
        Part(
            "`tensor.numpy()` inside `no_grad` is one",
            inside != "",
            inside or "passes, without a copy",
        ),
    ]


def no_grad_gives_the_graph_of_detach() -> list[Part]:
    """The two layers, then the actor update."""
    detached, ungraded = layers_seen.see("detach").graph, layers_seen.see("no_grad").graph
    flattering = agent_seen.see("actor_update", "detach")
    try:
        agent_seen.see("actor_update", "no_grad")
        refused = ""
    except ConfigError as error:
        refused = str(error)
    return [
        Part(
            "where L1 stands upstream",
            detached.nodes == ungraded.nodes and detached.edges == ungraded.edges,
            f"both: {len(detached.nodes)} nodes, {len(detached.edges)} edges",
        ),
        Part(
            "where the protected network stands downstream (DDPG's actor update)",
            not refused,
            f"`detach` leaves {', '.join(sorted(flattering.in_graph))} in the graph, `no_grad` "
            "leaves no graph",
        ),
    ]


def no_grad_sets_requires_grad_false() -> list[Part]:
    """What is made inside."""
    weight = nn.Parameter(torch.ones(2))
    with torch.no_grad():
        made = {
            "the result of an operation": weight * 2,
            "a factory": torch.zeros(2),
            "a factory with `requires_grad=True`": torch.zeros(2, requires_grad=True),
            "an `nn.Parameter`": nn.Parameter(torch.zeros(2)),
        }
        view = weight.view(2, 1)
    (view * 2).sum().backward()
    return [
        *(
            Part(name, not tensor.requires_grad, f"`requires_grad` is {tensor.requires_grad}")
            for name, tensor in made.items()
        ),
        Part(
            "a view of a parameter",
            not view.requires_grad,
            f"`requires_grad` is {view.requires_grad}, and all the same a backward pass through it "
            f"leaves the parameter's `.grad` {weight.grad}",
        ),
    ]


def no_grad_saves_less_than_detach() -> list[Part]:
    """What `no_grad` need not save, over widths and batch sizes."""
    return [
        Part(
            f"width {width}, batch {batch}: saves less",
            saved_upstream("no_grad", width, batch).bytes
            < saved_upstream("detach", width, batch).bytes,
            f"`detach` {saved_upstream('detach', width, batch)}; `no_grad` "
            f"{saved_upstream('no_grad', width, batch)}",
        )
        for width, batch in ((64, 1), (256, 64), (1024, 256))
    ]


def _raises(call: Callable[[], object]) -> str:
    try:
        call()
    except (RuntimeError, TypeError) as error:
        return f"{type(error).__name__}: {str(error).partition('.')[0]}"
    return ""


def _error(call: Callable[[], object]) -> tuple[bool, str]:
    message = _raises(call)
    return bool(message), message or "passes"
