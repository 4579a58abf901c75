"""Train a GAN: config, loop, evaluation."""

__all__ = [
    "augment",
    "config",
    "evaluate",
    "images",
    "learner",
    "losses",
    "means",
    "monitor",
    "networks",
    "plan",
    "progress",
    "setup",
    "train",
    "transfer",
]
