"""Features of frozen networks.

Computed, kept on disk, and compared.
"""

__all__ = ["backbones", "judge", "perceptual", "space", "store"]
