"""SAC-AE that applies the first Q network's gradient to the encoder before computing the second's.

https://github.com/keiohta/tf2rl/issues/162: "as encoder is optimized with q1 before q2 + encoder
optimization, td_loss_q2 and q2_grad are inconsistent" (Cerphilly). TensorFlow's tape raises no
error, nor does PyTorch if the step is written through `.data`, as here.
"""

import torch
from torch import Tensor, nn

from ddpg.isolation import Contract, Grade, trains
from tests.isolation.corpus.case import Case, Expected, Updates
from tests.isolation.corpus.parts import ACTION, STATE, mlp, random_batch

CASE = Case(
    identifier="J10",
    mistake_class="J",
    algorithm="SAC-AE",
    url="https://github.com/keiohta/tf2rl/issues/162",
    expected=(Expected("critic_update", "encoder", "moved_by_other", Grade.MOVED, "order"),),
)


def apply_gradients(gradients: tuple[Tensor, ...], variables: list[nn.Parameter]) -> None:
    for gradient, variable in zip(gradients, variables, strict=True):
        variable.data -= 1e-2 * gradient


class SACAE:
    def __init__(self) -> None:
        self.encoder = mlp(STATE, 6, 4, seed=1)
        self.qf1, self.qf2 = mlp(4 + ACTION, 8, 1, seed=2), mlp(4 + ACTION, 8, 1, seed=3)
        encoder_variables = list(self.encoder.parameters())
        self.variables1 = [*encoder_variables, *self.qf1.parameters()]
        self.variables2 = [*encoder_variables, *self.qf2.parameters()]

    def td_losses(self) -> tuple[Tensor, Tensor]:
        batch = random_batch()
        obs_features = torch.cat([self.encoder(batch.states), batch.actions], dim=-1)
        target_q = batch.rewards * (1 - batch.terminated)
        td_loss_q1 = (target_q - self.qf1(obs_features)).pow(2).mean()
        td_loss_q2 = (target_q - self.qf2(obs_features)).pow(2).mean()
        return td_loss_q1, td_loss_q2

    def update_as_reported(self) -> None:
        td_loss_q1, td_loss_q2 = self.td_losses()
        q1_grad = torch.autograd.grad(td_loss_q1, self.variables1, retain_graph=True)
        apply_gradients(q1_grad, self.variables1)
        q2_grad = torch.autograd.grad(td_loss_q2, self.variables2)
        apply_gradients(q2_grad, self.variables2)

    def update(self) -> None:
        td_loss_q1, td_loss_q2 = self.td_losses()
        q1_grad = torch.autograd.grad(td_loss_q1, self.variables1, retain_graph=True)
        q2_grad = torch.autograd.grad(td_loss_q2, self.variables2)
        apply_gradients(q1_grad, self.variables1)
        apply_gradients(q2_grad, self.variables2)


def contract(agent: SACAE) -> Contract:
    return Contract(
        modules={"encoder": agent.encoder, "qf1": agent.qf1, "qf2": agent.qf2},
        updates={"critic_update": trains("encoder", "qf1", "qf2", moves=("encoder", "qf1", "qf2"))},
    )


def broken() -> tuple[Contract, Updates]:
    agent = SACAE()
    return contract(agent), {"critic_update": agent.update_as_reported}


def fixed() -> tuple[Contract, Updates]:
    agent = SACAE()
    return contract(agent), {"critic_update": agent.update}
