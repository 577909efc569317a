"""Log lines: secrets taken out of them, and repeated ones held back."""
