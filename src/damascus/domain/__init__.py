"""The words of Damascus and the one table that decides what happens next."""
