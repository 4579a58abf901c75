"""Step 2: what shall grow, how, in which time."""

__all__ = ["classifier_form", "classifier_plan", "form", "gan_form", "gan_plan", "tab"]
