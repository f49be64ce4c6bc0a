"""Cost of an audit of large networks with small batches: `python -m benchmarks.pixels`.

The networks and the update are those of DrQ-v2 (Yarats et al. 2021, arXiv:2107.09645). The smaller
the batch, the more of the time goes into comparing parameters.
"""

import copy
from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor, nn
from torch.nn.functional import mse_loss

from benchmarks.sections.audit_cost import AuditCost, time_in_turns
from ddpg.isolation import Contract, audit, follows, split, trains

_ACTIONS, _FEATURES = 6, 50


def _network(inputs: int, hidden: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Linear(inputs, hidden), nn.ReLU(), nn.Linear(hidden, hidden), nn.ReLU(),
        nn.Linear(hidden, outputs),
    )  # fmt: skip


class PixelAgent:
    """DrQ-v2 without image shifts, noise and replay.

    Args:
        hidden: width of actor and critics.
        batch: transitions per update.
        pixels: width and height of an image.
    """

    def __init__(self, hidden: int, batch: int, pixels: int) -> None:
        torch.manual_seed(0)
        layers: list[nn.Module] = [nn.Conv2d(9, 32, 3, stride=2), nn.ReLU()]
        for _ in range(3):
            layers += [nn.Conv2d(32, 32, 3), nn.ReLU()]
        self.encoder = nn.Sequential(*layers, nn.Flatten())
        self.observations, self.following = torch.rand(2, batch, 9, pixels, pixels)
        self.actions, self.rewards = torch.rand(batch, _ACTIONS), torch.randn(batch, 1)
        size = self.encoder(self.observations[:1]).shape[1]

        def trunk() -> nn.Sequential:
            return nn.Sequential(nn.Linear(size, _FEATURES), nn.LayerNorm(_FEATURES), nn.Tanh())

        self.actor = nn.Sequential(trunk(), _network(_FEATURES, hidden, _ACTIONS), nn.Tanh())
        heads = [_network(_FEATURES + _ACTIONS, hidden, 1) for _ in range(2)]
        self.critic = nn.ModuleList([trunk(), *heads])
        self.critic_target = copy.deepcopy(self.critic)
        self.optimizers = {
            name: torch.optim.Adam(getattr(self, name).parameters(), lr=1e-4)
            for name in ("encoder", "actor", "critic")
        }

    def update(self) -> None:
        with torch.no_grad():
            encoded = self.encoder(self.following)
            following = _values(self.critic_target, encoded, self.actor(encoded))
            target = self.rewards + 0.99 * torch.min(*following)
        encoded = self.encoder(self.observations)
        first, second = _values(self.critic, encoded, self.actions)
        self._train(mse_loss(first, target) + mse_loss(second, target), "critic", "encoder")
        encoded = encoded.detach()
        values = _values(self.critic, encoded, self.actor(encoded))
        self._train(-torch.min(*values).mean(), "actor")
        with torch.no_grad():
            for slow, fast in zip(
                self.critic_target.parameters(), self.critic.parameters(), strict=True
            ):
                slow.lerp_(fast, 0.01)

    def contract(self) -> Contract:
        parts = {
            "critic+encoder": trains("critic", "encoder"),
            "actor": trains("actor", through="critic"),
            "rest": follows(critic_target="critic"),
        }
        names = ("encoder", "actor", "critic", "critic_target")
        return Contract(
            modules={name: getattr(self, name) for name in names},
            optimizers=self.optimizers,
            updates={"update": split(**parts)},
        )

    def _train(self, loss: Tensor, *names: str) -> None:
        for name in names:
            self.optimizers[name].zero_grad()
        loss.backward()
        for name in names:
            self.optimizers[name].step()


def _values(critic: nn.ModuleList, encoded: Tensor, actions: Tensor) -> list[Tensor]:
    trunk, *heads = critic
    inputs = torch.cat([trunk(encoded), actions], dim=-1)
    return [head(inputs) for head in heads]


def measure(turns: int, hidden: int = 1024, batch: int = 8, pixels: int = 84) -> list[AuditCost]:
    """Time bare updates and audits of a pixel agent, in turns."""
    agent = PixelAgent(hidden, batch, pixels)
    run = partial(audit, agent.contract(), {"update": agent.update})
    kinds: dict[str, Callable[[], object]] = {
        "bare update": agent.update,
        "full, one round": partial(run, rounds=1),
        "full, two rounds (default)": run,
    }
    return time_in_turns(kinds, turns)


if __name__ == "__main__":
    for cost in measure(turns=9):
        print(f"{cost.name}: {cost.milliseconds:.0f} ms, {cost.bare_updates:.1f} bare updates")
