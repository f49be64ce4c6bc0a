"""Training script of TD3 on random transitions that writes the time of each cycle as JSON."""

import argparse
import copy
import json
import time
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.nn import functional


def network(inputs: int, outputs: int, hidden: int) -> nn.Sequential:
    """Return an MLP with two hidden layers."""
    return nn.Sequential(
        nn.Linear(inputs, hidden),
        nn.ReLU(),
        nn.Linear(hidden, hidden),
        nn.ReLU(),
        nn.Linear(hidden, outputs),
    )


def q(critic: nn.Module, states: Tensor, actions: Tensor) -> Tensor:
    return critic(torch.cat([states, actions], dim=1))


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("output", type=Path)
    parser.add_argument("--hidden", type=int, default=256)
    parser.add_argument("--batch", type=int, default=256)
    parser.add_argument("--cycles", type=int, default=100)
    args = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(0)

    actor = network(17, 6, args.hidden)
    critics = [network(23, 1, args.hidden) for _ in range(2)]
    target_actor, target_critics = copy.deepcopy(actor), copy.deepcopy(critics)
    actor_optimizer = torch.optim.Adam(actor.parameters(), lr=1e-3)
    critic_optimizer = torch.optim.Adam(nn.ModuleList(critics).parameters(), lr=1e-3)
    states, next_states = torch.randn(2, args.batch, 17)
    actions, rewards = torch.randn(args.batch, 6), torch.randn(args.batch, 1)

    times = []
    for _ in range(args.cycles):
        start = time.process_time()
        with torch.no_grad():
            next_actions = target_actor(next_states).tanh()
            values = [q(target, next_states, next_actions) for target in target_critics]
            target = rewards + 0.99 * torch.min(*values)
        losses = [functional.mse_loss(q(critic, states, actions), target) for critic in critics]
        critic_optimizer.zero_grad()
        sum(losses, torch.zeros(())).backward()
        critic_optimizer.step()

        actor_loss = -q(critics[0], states, actor(states).tanh()).mean()
        actor_optimizer.zero_grad()
        actor_loss.backward()
        actor_optimizer.step()
        with torch.no_grad():
            pairs = zip([actor, *critics], [target_actor, *target_critics], strict=True)
            for online, follower in pairs:
                for p, other in zip(online.parameters(), follower.parameters(), strict=True):
                    other.lerp_(p, 0.005)
        times.append(time.process_time() - start)
    args.output.write_text(json.dumps(times), encoding="utf-8")
