"""SAC whose target networks are initialised independently and synced later.

https://github.com/ray-project/ray/pull/45614: the target networks were not synchronised with the
main ones when the learner was built, so the first targets come from unrelated networks. The updates
are right, and the Polyak average hides the mistake after a while.
"""

import torch

from ddpg.isolation import Contract, Grade, follows, trains
from tests.isolation.corpus.case import Case, Expected, Updates
from tests.isolation.corpus.parts import Critic, actor_network, polyak, random_batch

CASE = Case(
    identifier="I6",
    mistake_class="I",
    algorithm="SAC",
    url="https://github.com/ray-project/ray/pull/45614",
    expected=(
        Expected("setup", "target_qf", "starved", Grade.NOTHING, "moved"),
        Expected("setup", "target_qf_twin", "starved", Grade.NOTHING, "moved"),
    ),
)


def contract_and_updates(*, synced: bool) -> tuple[Contract, Updates]:
    policy, qf, qf_twin = actor_network(1), Critic(2), Critic(3)
    target_qf, target_qf_twin = Critic(12), Critic(13)
    if synced:
        target_qf.load_state_dict(qf.state_dict())
        target_qf_twin.load_state_dict(qf_twin.state_dict())
    optimizers = {
        "qf": torch.optim.Adam(qf.parameters(), lr=3e-4),
        "qf_twin": torch.optim.Adam(qf_twin.parameters(), lr=3e-4),
    }

    def update_critics() -> None:
        batch = random_batch()
        with torch.no_grad():
            next_actions = policy(batch.next_states)
            q_target_next = torch.min(
                target_qf(batch.next_states, next_actions),
                target_qf_twin(batch.next_states, next_actions),
            )
            q_selected_target = batch.rewards + (1 - batch.terminated) * 0.99 * q_target_next
        for name, network in (("qf", qf), ("qf_twin", qf_twin)):
            loss = torch.nn.functional.huber_loss(
                network(batch.states, batch.actions), q_selected_target
            )
            optimizers[name].zero_grad()
            loss.backward()
            optimizers[name].step()

    def sync() -> None:
        polyak(target_qf, qf, tau=0.005)
        polyak(target_qf_twin, qf_twin, tau=0.005)

    contract = Contract(
        modules={
            "policy": policy,
            "qf": qf,
            "qf_twin": qf_twin,
            "target_qf": target_qf,
            "target_qf_twin": target_qf_twin,
        },
        optimizers=optimizers,
        updates={
            "critic_update": trains("qf", "qf_twin"),
            "sync": follows(target_qf="qf", target_qf_twin="qf_twin"),
        },
        equal_at_start={"target_qf": "qf", "target_qf_twin": "qf_twin"},
    )
    return contract, {"critic_update": update_critics, "sync": sync}


def broken() -> tuple[Contract, Updates]:
    return contract_and_updates(synced=False)


def fixed() -> tuple[Contract, Updates]:
    return contract_and_updates(synced=True)
