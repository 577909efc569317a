"""Whether the rows, the events and the forge tell the same story."""
