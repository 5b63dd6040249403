"""`python -m sysvitals`."""

import sys

from sysvitals.cli import main

if __name__ == "__main__":
    sys.exit(main())
