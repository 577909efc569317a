"""The demonstration's own parts: a scripted model and a sample repository."""
