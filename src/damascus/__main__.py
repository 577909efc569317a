"""`python -m damascus` is `damascus`."""

import sys

from damascus.cli import main

if __name__ == "__main__":
    sys.exit(main())
