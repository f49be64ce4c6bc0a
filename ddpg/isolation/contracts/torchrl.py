"""Contract of a TorchRL DDPGLoss, TD3Loss or SACLoss and of its training loop.

    optimizers = {"actor": actor_optimizer, "critic": critic_optimizer}
    report = audit(contract(loss, optimizers), updates(loss, optimizers, updater, batch))

TorchRL's actor loss runs the critic on detached copies of its parameters, and its targets are
buffers. The contract is therefore strict: no update may go through a module that it does not train.
"""

from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

import torch
from torch.optim import Optimizer

from ..contract import Contract, follows, nothing, trains
from ..observe.watcher import term

if TYPE_CHECKING:
    from tensordict import TensorDictBase
    from torchrl.data import ReplayBuffer
    from torchrl.objectives import DDPGLoss, SACLoss, TD3Loss
    from torchrl.objectives.utils import TargetNetUpdater

    Loss = DDPGLoss | TD3Loss | SACLoss

NAMES = {  # attribute of a loss module → name in the contract
    "value_network_params": "critic",
    "qvalue_network_params": "critic",
    "actor_network_params": "actor",
    "target_value_network_params": "critic_target",
    "target_qvalue_network_params": "critic_target",
    "target_actor_network_params": "actor_target",
}
OUTPUTS = {  # output of a loss module → module that it trains
    "loss_value": "critic",
    "loss_qvalue": "critic",
    "loss_actor": "actor",
    "loss_alpha": "alpha",
}


def contract(
    loss: "Loss", optimizers: Mapping[str, Optimizer], replay: "ReplayBuffer | None" = None
) -> Contract:
    """Return the contract of a loop with one backward pass and one step per network.

    Args:
        loss: The loss module. Its networks are `loss.actor_network_params` etc., which may differ
            from those that it was built from: TD3Loss and SACLoss create two new critics.
        optimizers: "actor", "critic" and, if SACLoss learns its temperature, "alpha".
        replay: Searched for live graphs and inference tensors.
    """
    named = modules(loss)
    targets = {name: name.removesuffix("_target") for name in named if name.endswith("_target")}
    return Contract(
        modules=named,
        optimizers=optimizers,
        updates={
            **{f"{name}_update": trains(name) for name in losses(loss).values()},
            "sync": follows(**targets),
            "acting": nothing(),
        },
        keeps={} if replay is None else {"replay": replay.storage},
    )


def summed_contract(loss: "Loss", optimizers: Mapping[str, Optimizer]) -> Contract:
    """Return the contract of one backward pass for a sum of outputs, then all optimizers' steps.

    An output that is a loss trains its own network. Any other output trains nothing, although it
    may have a graph, as `pred_value` of DDPGLoss does.
    """
    terms = {output: trains(name) for output, name in losses(loss).items()}
    others = {str(key): nothing() for key in loss.out_keys if key not in terms}
    return Contract(
        modules=modules(loss),
        optimizers=optimizers,
        updates={"update": trains(*losses(loss).values(), terms=terms | others)},
    )


def updates(
    loss: "Loss",
    optimizers: Mapping[str, Optimizer],
    updater: "TargetNetUpdater",
    batch: "TensorDictBase",
) -> dict[str, Callable[[], object]]:
    """Return the usual loop on one batch: forward, clear, backward and step per network."""

    def train(name: str, output: str) -> None:
        value = loss(batch.clone())[output]
        optimizers[name].zero_grad()
        value.backward()
        optimizers[name].step()

    def act() -> None:
        with torch.no_grad():
            loss.actor_network(batch.select(*loss.actor_network.in_keys))

    trained = {f"{name}_update": partial(train, name, key) for key, name in losses(loss).items()}
    return {**trained, "sync": updater.step, "acting": act}


def summed_update(
    loss: "Loss",
    optimizers: Mapping[str, Optimizer],
    batch: "TensorDictBase",
    picks: Callable[[str], bool] = lambda output: output.startswith("loss_"),
) -> None:
    """Run one backward pass for the sum of the outputs selected by `picks`, then all steps."""
    chosen = {key: value for key, value in loss(batch.clone()).items() if picks(key)}
    for optimizer in optimizers.values():
        optimizer.zero_grad()
    torch.stack([term(key, value).sum() for key, value in chosen.items()]).sum().backward()
    for optimizer in optimizers.values():
        optimizer.step()


def modules(loss: "Loss") -> dict[str, Any]:
    """Return the loss module's parameters and targets by their names in the contract."""
    children = loss._modules  # named_children() omits a target that is the online network
    named = {name: children[key] for key, name in NAMES.items() if key in children}
    alpha = dict(loss.named_parameters()).get("log_alpha")
    return named if alpha is None else {**named, "alpha": alpha}


def losses(loss: "Loss") -> dict[str, str]:
    """Return output → module that it trains, for the losses that the loss module has."""
    named = modules(loss)
    return {
        output: name
        for output, name in OUTPUTS.items()
        if output in loss.out_keys and name in named
    }
