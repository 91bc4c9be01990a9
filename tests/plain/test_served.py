#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""How many system calls a web server's answer takes on a TLS socket.

Usage: test_served.py SERVED
"""
import collections
import pathlib
import re
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
from harness import Skip, add_case, run_cases  # noqa: E402

PROGRAM = sys.argv[1]
FEW, MANY = 10, 60

# Beside the program's own calls: a look at what came, and what a file is that was sent.
ANSWER = {"epoll_wait": 1, "recvfrom": 2, "setsockopt": 2, "pread64": 1, "sendto": 2, "fstat": 1}
NAMES = {"epoll_pwait": "epoll_wait", "newfstatat": "fstat", "epoll_pwait2": "epoll_wait"}


def system_calls(count, *options):
    """Returns how many of each name the server makes, not who asks it."""
    with tempfile.NamedTemporaryFile("r") as file:
        result = subprocess.run(["strace", "-o", file.name, PROGRAM, str(count), *options],
                                capture_output=True, text=True, check=False)
        if "ptrace" in result.stderr and result.returncode:
            raise Skip("strace may not attach here")
        assert result.returncode == 0, result.stdout + result.stderr
        # From the set that it waits in to the last answer: how it ends takes now more, now less.
        text = file.read().partition("epoll_create1(")[2].rpartition("TCP_CORK")[0]
        names = re.findall(r"^(\w+)\(", text, re.M)
    return collections.Counter(NAMES.get(name, name) for name in names)


def takes_few(*options):
    """The difference of two runs leaves out what the first ones take."""
    few, many = (system_calls(count, *options) for count in (FEW, MANY))
    made = {name: (many[name] - few[name]) / (MANY - FEW) for name in many if many[name] != few[name]}
    print("#", made)
    assert made == ANSWER, made


add_case("an answer", takes_few)
add_case("an answer beside a signal handler", takes_few, "handler")
sys.exit(run_cases())
