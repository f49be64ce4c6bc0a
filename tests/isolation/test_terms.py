"""Loss terms: the audit's own gradients of a term run none of the user's hooks."""

import torch

from ddpg.isolation import audit, term, trains
from tests.isolation.agents import ActorCritic


def test_the_hooks_of_the_user_run_once_per_pass() -> None:
    agent = ActorCritic()
    both = torch.optim.Adam([*agent.actor.parameters(), *agent.critic.parameters()])
    calls: list[str] = []
    weight = next(agent.critic.parameters())
    weight.register_hook(lambda _: calls.append("leaf"))

    def update() -> None:
        both.zero_grad()
        loss = agent.critic_loss()
        loss.register_hook(lambda _: calls.append("loss"))
        (term("critic_loss", loss) + term("actor_loss", agent.actor_loss())).backward()
        both.step()

    terms = {"actor_loss": trains("actor", through="critic"), "critic_loss": trains("critic")}
    contract = agent.contract(
        optimizers={"both": both}, updates={"update": trains("actor", "critic", terms=terms)}
    )
    report = audit(contract, update, rounds=1, level="light")

    assert sorted(calls) == ["leaf", "loss"]
    assert [(f.module, f.loss) for f in report.findings] == [("critic", "actor_loss")]
    calls.clear()
    update()  # after the audit, the hooks are those of the user again
    assert sorted(calls) == ["leaf", "loss"]


def test_a_name_outside_of_an_audit_changes_nothing() -> None:
    loss = torch.ones((), requires_grad=True)
    assert term("loss", loss) is loss
