"""Fine-tune a classifier: config, loop, evaluation, prediction."""

__all__ = [
    "augment",
    "config",
    "evaluate",
    "head",
    "learner",
    "losses",
    "plan",
    "predict",
    "probe",
    "schedule",
    "strangers",
    "train",
]
