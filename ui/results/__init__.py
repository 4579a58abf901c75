"""Steps 4 and 5: the finished model, evaluated and tried."""

__all__ = ["gan_result", "gan_try", "result_tab", "try_tab"]
