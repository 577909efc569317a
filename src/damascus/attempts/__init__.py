"""The directories of attempts, and the archive of what they left."""
