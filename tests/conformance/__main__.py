"""`python -m tests.conformance`: plays every scenario as every vendor and prints the table.

Ends with 1 where one is told wrongly.
"""

from __future__ import annotations

import argparse
import sys

from tests.conformance.table import README, table, written


def main() -> None:
    options = argparse.ArgumentParser(prog="python -m tests.conformance", description=__doc__)
    options.add_argument("--write", action="store_true", help="put the table into the README")
    told = table()
    print(told)
    if options.parse_args().write:
        README.write_text(written(README.read_text(), told))
    sys.exit("a vendor tells a scenario wrongly" if "WRONG" in told else 0)


if __name__ == "__main__":
    main()
