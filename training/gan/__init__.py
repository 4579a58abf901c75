"""Train a GAN: config, loop, evaluation."""

__all__ = [
    "augment",
    "config",
    "evaluate",
    "flat",
    "images",
    "learner",
    "losses",
    "monitor",
    "networks",
    "plan",
    "setup",
    "train",
    "transfer",
]
