"""The contract of a Stable-Baselines3 DDPG, TD3 or SAC model, as its source says it trains.

    report = audit(contract(model), updates(model))

Stable-Baselines3 stops nothing in the actor's update: the loss goes through the critic and writes
`critic.grad`, and the critic is kept only because the actor's optimizer does not hold it. The
contract says so (`through="critic"`).
"""

from collections.abc import Callable
from typing import TYPE_CHECKING

from ddpg.isolation.contract import Contract, follows, nothing, split, trains

if TYPE_CHECKING:
    from stable_baselines3 import DDPG, SAC, TD3  # DDPG is a TD3


def contract(model: "DDPG | TD3 | SAC") -> Contract:
    """What `model.train` may do, cut at its optimizers' steps, and that acting touches nothing.

    Everything is looked up on the model at each update, since `set_parameters` and a policy put in
    by hand replace it. With `share_features_extractor=True` the extractor is a module of its own,
    which the actor's loss alone trains.

    Args:
        model: built with `_init_setup_model=True`, the default.
    """
    actor_target = hasattr(model, "actor_target")  # SAC has none: it bootstraps from the actor
    entropy = getattr(model, "ent_coef_optimizer", None) is not None
    shared = _shares_an_extractor(model)
    targets = ("actor_target", "critic_target") if actor_target else ("critic_target",)

    modules = {name: _attribute(model, name) for name in ("actor", "critic", *targets)}
    optimizers = {
        "actor": lambda: model.actor.optimizer,
        "critic": lambda: model.critic.optimizer,
    }
    follow = {target: target.removesuffix("_target") for target in targets}
    if shared:
        modules["features"] = lambda: model.actor.features_extractor
        modules["features_target"] = lambda: model.critic_target.features_extractor
        follow["features_target"] = "features"
    parts = {
        "critic": trains("critic", eval_mode=targets),
        "actor": trains("actor", *(["features"] if shared else []), through="critic"),
        "rest": follows(**follow),
    }
    if entropy:
        modules["entropy"] = lambda: [model.log_ent_coef]
        optimizers["entropy"] = lambda: model.ent_coef_optimizer
        parts["entropy"] = trains("entropy")

    return Contract(
        modules=modules,
        optimizers=optimizers,
        updates={"train": split(**parts), "acting": nothing()},
        shared=_ties(actor_target) if shared else {},
        # TD3 and DDPG give the shared extractor to the critic's optimizer too. It moves nothing
        # there: the critic runs the extractor without gradients.
        holds={"critic": ("critic", "features")} if shared and actor_target else {},
        restores=[model, model.logger],
    )


def updates(model: "DDPG | TD3 | SAC", batch_size: int = 64) -> dict[str, Callable[[], object]]:
    """Training on the model's own replay buffer, once with every part, and acting.

    Raises:
        ValueError: the replay buffer is empty.
    """
    if model.replay_buffer is None or model.replay_buffer.size() == 0:
        raise ValueError("model.replay_buffer is empty: call model.learn(...) for some steps first")
    steps = getattr(model, "policy_delay", 1)  # so that the delayed actor is updated, once
    observation = model.observation_space.sample()
    return {
        "train": lambda: model.train(gradient_steps=steps, batch_size=batch_size),
        "acting": lambda: model.predict(observation),
    }


def _attribute(model: "DDPG | TD3 | SAC", name: str) -> Callable[[], object]:
    return lambda: getattr(model, name)


def _shares_an_extractor(model: "DDPG | TD3 | SAC") -> bool:
    """It was asked for, and there is something to share (flattening has no parameters)."""
    return model.policy.share_features_extractor and any(
        True for _ in model.actor.features_extractor.parameters()
    )


def _ties(actor_target: bool) -> dict[str, tuple[str, ...]]:
    """SAC's target critic has an extractor of its own."""
    ties = {"features": ("actor", "critic")}
    if actor_target:
        ties["features_target"] = ("actor_target", "critic_target")
    return ties
