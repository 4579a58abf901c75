"""What every wing stands on: sentences, the home folder, devices, threads, checks, media."""

__all__ = ["checks", "device", "files", "home", "media", "messages", "paths", "threads"]
