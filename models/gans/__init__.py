"""GANs, one file per family."""
