# SPDX-License-Identifier: MIT
"""What the library adds to the start of a program that does not use it: the program with it
and without it in turn."""
import os
import shutil
import statistics
import time

NEEDS = ("true", "python3")
CONTENDERS = {"with and without": {}}
CASES = {"start of true": ["true"], "start of python3": ["python3", "-c", "pass"]}
GOALS = [(case, "more", "preloaded", None, 3.0, "at most 3 ms more") for case in CASES]
TURNS = 100


def start(command, env):
    """Milliseconds from the start of the program to its end."""
    begin = time.monotonic()
    process = os.posix_spawn(command[0], command, env)
    status = os.waitpid(process, 0)[1]
    if status:
        raise AssertionError(f"{command}: status {status}")
    return (time.monotonic() - begin) * 1e3


def run(stage, case, _, seconds):
    path = shutil.which(CASES[case][0])
    command = [path, *CASES[case][1:]]
    without = dict(stage.environment(False))
    with_it = {**without, "LD_PRELOAD": os.environ["TLSSOCK_TEST_PRELOAD"]}
    pairs = [(start(command, without), start(command, with_it))
             for _ in range(max(10, int(TURNS * seconds)))]
    yield case, {"start": statistics.median(pair[0] for pair in pairs)}, "plain"
    yield case, {"start": statistics.median(pair[1] for pair in pairs),
                 "more": statistics.median(b - a for a, b in pairs)}, "preloaded"


def versions():
    return []
