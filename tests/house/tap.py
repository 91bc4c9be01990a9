# SPDX-License-Identifier: MIT
"""TAP for checks: each is a name and the list of what is wrong, empty when it holds."""

import sys


def report(checks):
    """Print the checks as TAP and exit: 1 when one of them found something."""
    print(f"1..{len(checks)}")
    for number, (name, faults) in enumerate(checks, 1):
        print(f"{'not ok' if faults else 'ok'} {number} - {name}")
        for fault in faults:
            print(f"# {fault}")
    sys.exit(any(faults for _, faults in checks))
