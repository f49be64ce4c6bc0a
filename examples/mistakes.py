"""A mistake for each example: the right code, the wrong code, and why somebody writes it."""

from dataclasses import dataclass
from pathlib import Path

FOLDER = Path(__file__).parent


@dataclass(frozen=True)
class Mistake:
    """A mistake that is planted by replacing text.

    Attributes:
        example: name of the script, without its suffix.
        title: the algorithm and the form of the script.
        reason: description of the mistake.
        right, wrong: text of the script, and its replacement.
    """

    example: str
    title: str
    reason: str
    right: str
    wrong: str

    @property
    def script(self) -> Path:
        return FOLDER / f"{self.example}.py"

    def planted(self) -> str:
        """Return the text of the script with the mistake."""
        text = self.script.read_text(encoding="utf-8")
        if text.count(self.right) != 1:
            raise ValueError(f"{self.script} has {self.right!r} {text.count(self.right)} times")
        return text.replace(self.right, self.wrong)


MISTAKES = (
    Mistake(
        "td3",
        "TD3 in a script",
        "The optimizer of the actor also holds the first critic.",
        "torch.optim.Adam(list(actor.parameters()), lr=3e-4)",
        "torch.optim.Adam([*actor.parameters(), *qf1.parameters()], lr=3e-4)",
    ),
    Mistake(
        "sac",
        "SAC with a learned temperature, in a class with one `update`",
        "The loss of the temperature is not cut off from the policy.",
        """\
        with torch.no_grad():
            _, log_prob = self.policy.sample(state)
""",
        """\
        _, log_prob = self.policy.sample(state)
""",
    ),
    Mistake(
        "contrastive",
        "A shared encoder with a contrastive loss",
        "The keys of the contrastive loss are not cut off from the averaged encoder.",
        "self.encoder_target(augment(obs)).detach()",
        "self.encoder_target(augment(obs))",
    ),
    Mistake(
        "maddpg",
        "MADDPG with two agents",
        "The loss of one actor reaches the actor of the other agent.",
        "each.actor(obs[:, j]) if j == i else each.actor(obs[:, j]).detach()",
        "each.actor(obs[:, j])",
    ),
    Mistake(
        "recurrent",
        "A recurrent actor-critic in a function",
        "The bootstrap value comes from the critic itself, with its gradient.",
        """\
        with torch.no_grad():
            next_actions, _ = actor_target(next_obs)
            next_q = critic_target(next_obs, next_actions)
""",
        """\
        with torch.no_grad():
            next_actions, _ = actor_target(next_obs)
        next_q = critic(next_obs, next_actions)
""",
    ),
    Mistake(
        "dreamer",
        "A world model with an actor that is trained through it",
        "The gradient of the world model is cleared after its step, and the actor's loss adds to "
        "it before the next one: the model learns to promise a return.",
        """\
        self.world_optimizer.zero_grad()
        world_loss.backward()
        self.world_optimizer.step()
""",
        """\
        world_loss.backward()
        self.world_optimizer.step()
        self.world_optimizer.zero_grad()
""",
    ),
    Mistake(
        "ppo",
        "PPO with one joint loss",
        "The optimizer holds the actor only.",
        "torch.optim.Adam(agent.parameters(),",
        "torch.optim.Adam(agent.actor.parameters(),",
    ),
)
