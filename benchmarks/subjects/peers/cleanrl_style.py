"""DDPG in one file, in the style of CleanRL, which is files to copy and not a package.

Same structure as its `ddpg_continuous_action.py`: a vector of one environment, Stable-Baselines3's
replay buffer, `torch.nn` modules, one `backward` and `step` per network, Polyak averaging parameter
by parameter, TensorBoard every 100 steps. The hyperparameters are the benchmark's.
"""

import tempfile
import time
from typing import Any

import gymnasium
import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812 (its usual name)
from stable_baselines3.common.buffers import ReplayBuffer
from torch import Tensor, nn
from torch.utils.tensorboard.writer import SummaryWriter

from benchmarks.workload import Workload


class _QNetwork(nn.Module):
    def __init__(self, hidden: int, inputs: int):
        super().__init__()
        self.fc1 = nn.Linear(inputs, hidden)
        self.fc2 = nn.Linear(hidden, hidden)
        self.fc3 = nn.Linear(hidden, 1)

    def forward(self, x: Tensor, a: Tensor) -> Tensor:
        x = torch.cat([x, a], 1)
        x = F.relu(self.fc1(x))
        x = F.relu(self.fc2(x))
        return self.fc3(x)


class _Actor(nn.Module):
    action_scale: Tensor
    action_bias: Tensor

    def __init__(self, hidden: int, inputs: int, space: Any):
        super().__init__()
        self.fc1 = nn.Linear(inputs, hidden)
        self.fc2 = nn.Linear(hidden, hidden)
        self.fc_mu = nn.Linear(hidden, space.shape[0])
        scale, bias = (space.high - space.low) / 2, (space.high + space.low) / 2
        self.register_buffer("action_scale", torch.tensor(scale, dtype=torch.float32))
        self.register_buffer("action_bias", torch.tensor(bias, dtype=torch.float32))

    def forward(self, x: Tensor) -> Tensor:
        x = F.relu(self.fc1(x))
        x = F.relu(self.fc2(x))
        x = torch.tanh(self.fc_mu(x))
        return x * self.action_scale + self.action_bias


def _make_env(workload: Workload) -> gymnasium.Env[Any, Any]:
    env = gymnasium.wrappers.RecordEpisodeStatistics(gymnasium.make(workload.environment))
    if env.observation_space.dtype != np.float32:
        env = gymnasium.wrappers.DtypeObservation(env, np.float32)
    env.action_space.seed(workload.seed)
    return env


def train(workload: Workload) -> nn.Module:
    """Train until the clock or the last step ends the run; return the actor."""
    torch.set_num_threads(workload.threads)
    torch.manual_seed(workload.seed)
    np.random.seed(workload.seed)  # noqa: NPY002 (the replay buffer uses NumPy's global generator)
    writer = SummaryWriter(tempfile.mkdtemp())
    envs = gymnasium.vector.SyncVectorEnv(
        [lambda: _make_env(workload)],
        autoreset_mode=gymnasium.vector.AutoresetMode.SAME_STEP,
    )
    space = envs.single_action_space
    assert isinstance(space, gymnasium.spaces.Box)
    observed, acted = int(np.prod(envs.single_observation_space.shape or 1)), space.shape[0]
    actor = _Actor(workload.hidden, observed, space)
    target_actor = _Actor(workload.hidden, observed, space)
    qf1 = _QNetwork(workload.hidden, observed + acted)
    qf1_target = _QNetwork(workload.hidden, observed + acted)
    target_actor.load_state_dict(actor.state_dict())
    qf1_target.load_state_dict(qf1.state_dict())
    q_optimizer = torch.optim.Adam(list(qf1.parameters()), lr=workload.learning_rate)
    actor_optimizer = torch.optim.Adam(list(actor.parameters()), lr=workload.learning_rate)
    rb = ReplayBuffer(
        workload.replay_capacity,
        envs.single_observation_space,
        space,
        torch.device("cpu"),
        handle_timeout_termination=False,
    )
    gamma, tau = workload.gamma, workload.tau
    start_time = time.time()

    obs, _ = envs.reset(seed=workload.seed)
    for global_step in range(workload.steps):
        if global_step < workload.random_steps:
            actions = np.array([space.sample() for _ in range(envs.num_envs)])
        else:
            with torch.no_grad():
                mu = actor(torch.tensor(obs))
                mu += torch.normal(0, actor.action_scale * workload.noise_sigma)
                actions = mu.cpu().numpy().clip(space.low, space.high)
        next_obs, rewards, terminations, truncations, infos = envs.step(actions)
        if "final_info" in infos:
            returns = infos["final_info"]["episode"]["r"]
            writer.add_scalar("charts/episodic_return", returns[0], global_step)
        real_next_obs = next_obs.copy()
        for idx, trunc in enumerate(truncations):
            if trunc:
                real_next_obs[idx] = infos["final_obs"][idx]
        rb.add(obs, real_next_obs, actions, rewards, terminations, [infos])
        obs = next_obs

        if global_step < workload.random_steps:
            continue
        data = rb.sample(workload.batch)
        with torch.no_grad():
            next_state_actions = target_actor(data.next_observations)
            qf1_next_target = qf1_target(data.next_observations, next_state_actions)
            next_q_value = data.rewards.flatten() + (
                1 - data.dones.flatten()
            ) * gamma * qf1_next_target.view(-1)
        qf1_a_values = qf1(data.observations, data.actions).view(-1)
        qf1_loss = F.mse_loss(qf1_a_values, next_q_value)
        q_optimizer.zero_grad()
        qf1_loss.backward()
        q_optimizer.step()

        actor_loss = -qf1(data.observations, actor(data.observations)).mean()
        actor_optimizer.zero_grad()
        actor_loss.backward()
        actor_optimizer.step()

        for network, target in ((actor, target_actor), (qf1, qf1_target)):
            pairs = zip(network.parameters(), target.parameters(), strict=True)
            for param, target_param in pairs:
                target_param.data.copy_(tau * param.data + (1 - tau) * target_param.data)

        if global_step % 100 == 0:
            writer.add_scalar("losses/qf1_values", qf1_a_values.mean().item(), global_step)
            writer.add_scalar("losses/qf1_loss", qf1_loss.item(), global_step)
            writer.add_scalar("losses/actor_loss", actor_loss.item(), global_step)
            speed = int(global_step / (time.time() - start_time))
            writer.add_scalar("charts/SPS", speed, global_step)
    return actor
