"""False alarm: the target network runs without `no_grad`, but its result is detached.

https://github.com/ray-project/ray/pull/35259: RLlib's DQN builds a graph through the target network
and discards it. This costs GPU memory; no gradient is wrong.
"""

import copy

from torch import nn
from torch.optim import Adam

from ddpg.isolation import Contract, nothing, trains
from tests.isolation.corpus.case import Case, Updates
from tests.isolation.corpus.parts import CHOICES, q_network, random_batch

CASE = Case(
    identifier="A7",
    mistake_class="A",
    algorithm="DQN",
    url="https://github.com/ray-project/ray/pull/35259",
    false_alarm=True,
    reason="the graph through the target network is discarded: no loss has a path to it",
)


def example() -> tuple[Contract, Updates]:
    model = q_network()
    target_model = copy.deepcopy(model)
    optimizer = Adam(model.parameters(), lr=5e-4, eps=1e-8)
    batch = random_batch()

    def learn() -> None:
        q_t = model(batch.states)
        q_tp1 = target_model(batch.next_states)
        one_hot_selection = nn.functional.one_hot(batch.choices.squeeze(-1), CHOICES)
        q_t_selected = (q_t * one_hot_selection).sum(dim=1, keepdim=True)
        q_tp1_best = q_tp1.max(dim=1, keepdim=True).values * (1.0 - batch.terminated)
        q_t_selected_target = batch.rewards + 0.99 * q_tp1_best
        td_error = q_t_selected - q_t_selected_target.detach()
        loss = nn.functional.huber_loss(td_error, td_error.new_zeros(td_error.shape))
        optimizer.zero_grad()
        loss.backward()
        nn.utils.clip_grad_norm_(model.parameters(), 40.0)
        optimizer.step()

    contract = Contract(
        modules={"model": model, "target_model": target_model},
        optimizers={"model": optimizer},
        updates={"learn": trains("model"), "act": nothing()},
    )
    return contract, {"learn": learn, "act": lambda: model(batch.states).argmax(dim=1)}
