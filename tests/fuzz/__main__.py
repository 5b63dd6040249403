"""`python -m tests.fuzz KIND`: a long run by hand."""

import argparse
import sys
import time
import traceback
from hashlib import sha256

from tests.fuzz.kinds import CORPUS, KINDS, Check, make_case, seeds_of, shrink_case


def main() -> int:
    """Run so many cases. The exit status is 1 where one broke a promise; it is saved in the corpus, shortened."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description="Gives a parser unforeseen bytes.")
    parser.add_argument("kind", choices=KINDS)
    parser.add_argument("--cases", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=0, help="the same seed gives the same cases")
    parser.add_argument("--findings", type=int, default=5, help="end after so many different ones")
    options = parser.parse_args()
    kind, seeds = KINDS[options.kind], seeds_of(options.kind)
    found, done, start = set[str](), 0, time.process_time()
    with kind.open() as check:
        while done < options.cases and len(found) < options.findings:
            done += 1
            case = make_case(kind, seeds, done, options.seed)
            fault = find_fault(check, case)
            if fault and fault not in found:
                found.add(fault)
                case = shrink_case(kind, case, lambda shorter: find_fault(check, shorter) in found)
                path = CORPUS / options.kind / f"found-{sha256(case).hexdigest()[:8]}"
                path.write_bytes(case)
                print(f"{fault}\n    {path}\n    {case[:300]!r}", flush=True)
    print(f"{options.kind}: {done} cases, {len(found)} findings, {time.process_time() - start:.0f} s of CPU")
    return 1 if found else 0


def find_fault(check: Check, case: bytes) -> str:
    """What broke and where, without the values; empty where all promises hold."""
    try:
        check(case)
    except Exception as error:  # noqa: BLE001  # anything is what is looked for
        place = traceback.extract_tb(error.__traceback__)[-1]
        return f"{type(error).__name__} in {place.filename.rpartition('/')[2]}:{place.lineno}: {place.line}"
    return ""


if __name__ == "__main__":
    sys.exit(main())
