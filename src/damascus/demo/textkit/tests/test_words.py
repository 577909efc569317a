"""Words are counted."""

import unittest

from textkit.words import count_words


class CountWords(unittest.TestCase):
    """`count_words`."""

    def test_words_are_counted(self) -> None:
        self.assertEqual(count_words("a b a"), {"a": 2, "b": 1})

    def test_no_text_has_no_words(self) -> None:
        self.assertEqual(count_words("  "), {})


if __name__ == "__main__":
    unittest.main()
