"""SAC whose policy loss is computed first, but differentiated after both Q networks have stepped.

https://github.com/MrSyee/pg-is-all-you-need/issues/30: from torch 1.5 on the SAC notebook ends in
"one of the variables needed for gradient computation has been modified by an inplace operation". A
reader moved all steps to the end of `update_model` (MrSyee).
"""

import torch
from torch.nn.functional import mse_loss

from ddpg.isolation import Contract, Grade, trains
from tests.isolation.corpus.case import Case, Expected, Updates
from tests.isolation.corpus.parts import Critic, actor_network, random_batch, value_network

CASE = Case(
    identifier="J2",
    mistake_class="J",
    algorithm="SAC",
    url="https://github.com/MrSyee/pg-is-all-you-need/issues/30",
    expected=(
        Expected("update_model", "qf_1", "moved_by_other", Grade.MOVED, "order"),
        Expected("update_model", "qf_2", "moved_by_other", Grade.MOVED, "order"),
    ),
)


class SACAgent:
    def __init__(self) -> None:
        self.actor, self.vf = actor_network(1), value_network(2)
        self.qf_1, self.qf_2 = Critic(3), Critic(4)
        self.actor_optimizer = torch.optim.Adam(self.actor.parameters(), lr=3e-4)
        self.vf_optimizer = torch.optim.Adam(self.vf.parameters(), lr=3e-4)
        self.qf_1_optimizer = torch.optim.Adam(self.qf_1.parameters(), lr=3e-4)
        self.qf_2_optimizer = torch.optim.Adam(self.qf_2.parameters(), lr=3e-4)

    def update_model(self, *, steps_last: bool) -> None:
        batch = random_batch()
        new_action = self.actor(batch.states)

        q_target = batch.rewards + 0.99 * self.vf(batch.next_states) * (1 - batch.terminated)
        qf_1_loss = mse_loss(self.qf_1(batch.states, batch.actions), q_target.detach())
        qf_2_loss = mse_loss(self.qf_2(batch.states, batch.actions), q_target.detach())

        v_pred = self.vf(batch.states)
        q_pred = torch.min(self.qf_1(batch.states, new_action), self.qf_2(batch.states, new_action))
        vf_loss = mse_loss(v_pred, q_pred.detach())
        actor_loss = -(q_pred - v_pred.detach()).mean()

        losses = {
            self.qf_1_optimizer: qf_1_loss,
            self.qf_2_optimizer: qf_2_loss,
            self.vf_optimizer: vf_loss,
            self.actor_optimizer: actor_loss,
        }
        if steps_last:
            self.step_at_the_end(losses)
            return
        for optimizer, loss in losses.items():
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()

    def step_at_the_end(self, losses: dict[torch.optim.Adam, torch.Tensor]) -> None:
        # The actor's loss first: its gradients in the Q networks are cleared before their own.
        for optimizer, loss in reversed(losses.items()):
            optimizer.zero_grad()
            loss.backward()
        for optimizer in losses:
            optimizer.step()


def contract(agent: SACAgent) -> Contract:
    return Contract(
        modules={"actor": agent.actor, "vf": agent.vf, "qf_1": agent.qf_1, "qf_2": agent.qf_2},
        optimizers={
            "actor": agent.actor_optimizer,
            "vf": agent.vf_optimizer,
            "qf_1": agent.qf_1_optimizer,
            "qf_2": agent.qf_2_optimizer,
        },
        updates={"update_model": trains("actor", "vf", "qf_1", "qf_2")},
    )


def broken() -> tuple[Contract, Updates]:
    agent = SACAgent()
    return contract(agent), {"update_model": lambda: agent.update_model(steps_last=False)}


def fixed() -> tuple[Contract, Updates]:
    agent = SACAgent()
    return contract(agent), {"update_model": lambda: agent.update_model(steps_last=True)}
