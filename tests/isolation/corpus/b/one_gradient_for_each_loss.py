"""False alarm: no stop-gradient on alpha, but one gradient per loss and set of parameters.

https://github.com/young-geng/JaxCQL/issues/3: fuyw reports a missing `stop_gradient` in the policy
and alpha losses. "We don't need to do it here because we never add up the loss from different parts
of our model": each loss is differentiated with respect to its own parameters only, and all
gradients are applied at the end.
"""

import torch
from torch import Tensor
from torch.func import functional_call
from torch.optim import Adam

from ddpg.isolation import Contract, trains
from tests.isolation.corpus.case import Case, Updates
from tests.isolation.corpus.parts import Critic, actor_network, random_batch

CASE = Case(
    identifier="B8",
    mistake_class="B",
    algorithm="CQL and SAC (JAX)",
    url="https://github.com/young-geng/JaxCQL/issues/3",
    false_alarm=True,
    reason="every loss is differentiated with respect to its own parameters only",
)


def example() -> tuple[Contract, Updates]:
    networks = {"policy": actor_network(), "qf": Critic()}
    parameters = {
        name: {key: value.clone().detach() for key, value in network.named_parameters()}
        for name, network in networks.items()
    }
    parameters["log_alpha"] = {"value": torch.tensor(0.1)}
    for tree in parameters.values():
        for leaf in tree.values():
            leaf.requires_grad_()
    optimizers = {name: Adam(list(tree.values()), lr=1e-3) for name, tree in parameters.items()}
    batch = random_batch()

    def losses() -> dict[str, Tensor]:
        actions = functional_call(networks["policy"], parameters["policy"], (batch.states,))
        actions = actions + 0.1 * batch.actions
        log_pi = -(actions**2).sum(dim=-1, keepdim=True)
        log_alpha = parameters["log_alpha"]["value"]
        q_policy = functional_call(networks["qf"], parameters["qf"], (batch.states, actions))
        q_data = functional_call(networks["qf"], parameters["qf"], (batch.states, batch.actions))
        return {
            "log_alpha": -(log_alpha * (log_pi - 2.0)).mean(),
            "policy": (log_alpha.exp() * log_pi - q_policy).mean(),
            "qf": ((q_data - batch.rewards) ** 2).mean(),
        }

    def train() -> None:
        values = losses()
        gradients = {
            name: torch.autograd.grad(
                values[name], list(parameters[name].values()), retain_graph=True
            )
            for name in values
        }
        for name, gradient in gradients.items():
            for leaf, each in zip(parameters[name].values(), gradient, strict=True):
                leaf.grad = each
            optimizers[name].step()

    contract = Contract(
        modules=parameters,
        optimizers=optimizers,
        updates={"train": trains("policy", "qf", "log_alpha")},
    )
    return contract, {"train": train}
