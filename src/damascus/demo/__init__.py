"""What the demonstration needs and nothing else does: a scripted model, a sample repository."""
