"""Steps 4 and 5: results.

The finished model is evaluated, and tried.
"""

__all__ = ["classifier_try", "duel", "gan_result", "gan_try", "result_tab", "try_tab", "view"]
