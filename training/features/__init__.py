"""Pictures as frozen networks see them: computed, kept, compared."""

__all__ = ["backbones", "perceptual", "space", "store"]
