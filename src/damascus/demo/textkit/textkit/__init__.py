"""Small functions on text."""

from textkit.words import count_words

__all__ = ["count_words"]
