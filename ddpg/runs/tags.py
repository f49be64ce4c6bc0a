"""Names of a run's curves: tags in TensorBoard, and columns of `metrics.csv`."""

RETURN_EVALUATION = "return/evaluation"
RETURN_DISCOUNTED = "return/discounted"
RETURN_TRAINING = "return/training"
EPISODE_LENGTH = "episode/length"
LOSS_CRITIC = "loss/critic"
LOSS_ACTOR = "loss/actor"
VALUE_Q = "value/q"
VALUE_TARGET = "value/target"
VALUE_Q_START = "value/q_start"
INFO = "info"
SEPARATION = "separation"
SPEED = "speed/environment_steps_per_second"

UPDATE_TAGS = {
    "critic_loss": LOSS_CRITIC,
    "actor_loss": LOSS_ACTOR,
    "q": VALUE_Q,
    "target": VALUE_TARGET,
}
"""Field of `agent.Metrics` -> tag."""

UPDATES = ("critic_update", "actor_update")
"""Updates of our contract that a training run audits."""

MODULES = ("critic", "actor", "critic_target", "actor_target")
"""Audited modules, in the order of charts and matrices."""

QUANTITIES = ("grade", "gradient_norm", "movement")
"""Quantities of each audited module: `separation/<update>/<module>/<quantity>`."""


def separation_tag(update: str, module: str, quantity: str) -> str:
    """Return the tag of a quantity of one module in one update."""
    return f"{SEPARATION}/{update}/{module}/{quantity}"
