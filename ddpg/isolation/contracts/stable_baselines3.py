"""Contract of a Stable-Baselines3 DDPG, TD3 or SAC model.

    report = audit(contract(model), updates(model))

Stable-Baselines3 stops nothing in the actor's update: the loss goes through the critic and writes
the critic's `.grad`. Only the optimizers protect the critic: the actor's does not hold it. The
contract allows this (`through="critic"`).
"""

from collections.abc import Callable
from operator import attrgetter
from typing import TYPE_CHECKING, Any

from ..contract import Contract, follows, nothing, split, trains

if TYPE_CHECKING:
    from stable_baselines3 import SAC, TD3

    Model = TD3 | SAC  # its DDPG is a subclass of TD3


def contract(model: "Model") -> Contract:
    """Return the contract of `model.train`, cut at its optimizers' steps, and of acting.

    With `share_features_extractor=True` the extractor is a separate module, `features`, which only
    the actor's loss trains.
    """

    def at(path: str) -> Callable[[], Any]:
        """Look the attribute up at each update: users may replace the policy's networks."""
        return lambda: attrgetter(path)(model)

    # SAC has no target actor: it bootstraps from the online actor.
    targets = [name for name in ("actor_target", "critic_target") if hasattr(model, name)]
    shares = _shares_extractor(model)
    sources = {target: target.removesuffix("_target") for target in targets}

    modules = {name: at(name) for name in ("actor", "critic", *targets)}
    optimizers = {name: at(f"{name}.optimizer") for name in ("actor", "critic")}
    actor = ["actor"]
    shared, holds = {}, {}
    if shares:
        modules["features"] = at("actor.features_extractor")
        modules["features_target"] = at("critic_target.features_extractor")
        sources["features_target"] = "features"
        actor.append("features")
        shared["features"] = ("actor", "critic")
    if shares and "actor_target" in targets:
        shared["features_target"] = ("actor_target", "critic_target")
        # The critic's optimizer holds the extractor too, but the critic runs it without gradients.
        holds["critic"] = ("critic", "features")
    parts = {
        "critic": trains("critic", eval_mode=targets),
        "actor": trains(*actor, through="critic"),
        "rest": follows(**sources),
    }
    if getattr(model, "ent_coef_optimizer", None) is not None:
        modules["entropy"] = at("log_ent_coef")
        optimizers["entropy"] = at("ent_coef_optimizer")
        parts["entropy"] = trains("entropy")

    return Contract(
        modules=modules,
        optimizers=optimizers,
        updates={"train": split(**parts), "acting": nothing()},
        shared=shared,
        holds=holds,
        restores=[model, *([model.logger] if hasattr(model, "_logger") else [])],
    )


def updates(model: "Model", batch_size: int = 64) -> dict[str, Callable[[], object]]:
    """Return the updates: training on the model's replay buffer, and acting.

    One call of `train` runs every part of the contract at least once.

    Raises:
        ValueError: The replay buffer is empty, or the model has no logger, which training needs.
    """
    if not hasattr(model, "_logger"):
        raise ValueError("the model has no logger: call model.set_logger(...) or learn(...) first")
    if model.replay_buffer is None or model.replay_buffer.size() == 0:
        raise ValueError("model.replay_buffer is empty: call model.learn(...) for some steps first")
    steps = getattr(model, "policy_delay", 1)
    observation = model.observation_space.sample()
    return {
        "train": lambda: model.train(gradient_steps=steps, batch_size=batch_size),
        "acting": lambda: model.predict(observation),
    }


def _shares_extractor(model: "Model") -> bool:
    """Return True if the networks share an extractor that has parameters (flattening has none)."""
    extractor = model.actor.features_extractor
    return model.policy.share_features_extractor and any(True for _ in extractor.parameters())
