"""Words and how often they occur."""


def count_words(text: str) -> dict[str, int]:
    """Count the words of `text`, which are separated by white space."""
    counts: dict[str, int] = {}
    for word in text.split():
        counts[word] = counts.get(word, 0) + 1
    return counts
