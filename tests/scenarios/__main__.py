"""`python -m tests.scenarios [FOLDER]`: what each host fires, and what people are sent, by the rules of this folder."""

import sys
import tempfile
from pathlib import Path

from tests.scenarios.judging import find_problems
from tests.stack.servers import SHIPPED


def main(etc: Path) -> None:
    """Play all hosts and print what they fire and what people are sent, and what of it is wrong."""
    with tempfile.TemporaryDirectory() as folder:
        print("\n".join(find_problems(etc, Path(folder), say=print)) or "all is as it should be")  # noqa: T201


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else SHIPPED)
