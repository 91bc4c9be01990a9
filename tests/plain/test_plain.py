#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""What a call on a descriptor that is no TLS socket pays for the library, and the start of a
program: counted, not timed.

Usage: test_plain.py PLAIN_CALLS [instructions]
"""
import os
import pathlib
import re
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "support"))
from harness import CLEAN, Skip, add_case, run_cases  # noqa: E402

PROGRAM = sys.argv[1]

# The program's functions: their letter, and how many instructions a call may take more
# with the library, and how many more again beside a TLS socket.
CALLS = {
    "make_read": ("r", 5, 7), "make_write": ("w", 5, 7), "make_recv": ("R", 5, 7), "make_send": ("W", 5, 7),
    "make_readv": ("v", 5, 7), "make_writev": ("V", 5, 7), "make_recvfrom": ("F", 5, 7), "make_sendto": ("T", 5, 7),
    "make_dup_close": ("c", 9, 8), "make_fcntl": ("f", 6, 7), "make_poll": ("p", 5, 19),
    "make_poll_many": ("P", 5, 1110), "make_select": ("s", 8, 12), "make_epoll_wait": ("e", 11, 1),
    "make_epoll_wait_long": ("E", 13, 1), "make_recvmsg": ("m", 11, 7), "make_sendmsg": ("M", 8, 9),
    "make_fputwc": ("C", 10, 0),
}
LETTERS = "".join(letter for letter, *_ in CALLS.values())
MOST_AT_START = 600_000  # relocating GnuTLS alone would take three million
VARIANTS = {"without": (False, []), "with": (True, []), "beside": (True, ["-t"])}


def run(tool, variant, letters, count):
    """Run the program under a tool. Returns what it wrote."""
    library, options = VARIANTS[variant]
    preload = {"LD_PRELOAD": os.environ["TLSSOCK_TEST_PRELOAD"]} if library else {}
    command = [*tool, PROGRAM, *options, letters, str(count)]
    result = subprocess.run(command, env=CLEAN | preload, capture_output=True, text=True, check=False)
    if "ptrace" in result.stderr and result.returncode:
        raise Skip("strace may not attach here")
    assert result.returncode == 0, result.stderr
    assert ("not loaded" not in result.stdout) == library, result.stdout
    return result


def system_calls(variant, letters, count):
    """Return {name: how many} of a run."""
    with tempfile.NamedTemporaryFile("r") as file:
        run(["strace", "-f", "-o", file.name], variant, letters, count)
        found = {}
        for name in re.findall(r"^\d+ +(\w+)\(", file.read(), re.M):
            found[name] = found.get(name, 0) + 1
    return found


def no_system_call_more(letter):
    """The difference of two runs leaves out what starting and ending take."""
    made = {}
    for variant in VARIANTS:
        few, many = (system_calls(variant, letter, count) for count in (10, 60))
        made[variant] = {name: many[name] - few.get(name, 0) for name in many if many[name] != few.get(name, 0)}
    assert made["without"] and made["with"] == made["without"] == made["beside"], made


def instructions(variant):
    """Return {function: instructions of a call, what it calls included}."""
    count = 1000
    with tempfile.TemporaryDirectory() as directory:
        out = f"{directory}/out"
        run(["valgrind", "--tool=callgrind", f"--callgrind-out-file={out}", "--log-file=/dev/null"],
            variant, LETTERS, count)
        text = subprocess.run(["callgrind_annotate", "--inclusive=yes", "--threshold=100", out],
                              capture_output=True, text=True, check=True).stdout
    found = {}
    for cost, function in re.findall(r"^\s*([\d,]+) \([^)]*\)\s+\S*?:(make_\w+)(?:'\d+)?(?: |$)", text, re.M):
        found[function] = int(cost.replace(",", "")) / count
    return found


def few_instructions_more():
    took = {variant: instructions(variant) for variant in VARIANTS}
    faults = []
    for function, (_, most, most_beside) in CALLS.items():
        without, loaded, beside = (took[variant][function] for variant in VARIANTS)
        print(f"# {function}: {without:.0f}, +{loaded - without:.0f}, +{beside - loaded:.0f} beside a TLS socket")
        if round(loaded - without, 3) > most or round(beside - loaded, 3) > most_beside:
            faults.append(f"{function}: at most +{most}, +{most_beside} beside a TLS socket")
    assert not faults, faults


def start(library):
    """Return the instructions of a program that does nothing."""
    preload = {"LD_PRELOAD": os.environ["TLSSOCK_TEST_PRELOAD"]} if library else {}
    result = subprocess.run(["valgrind", "--tool=callgrind", "--callgrind-out-file=/dev/null", "true"],
                            env=CLEAN | preload, capture_output=True, text=True, check=True)
    return int(re.search(r"Collected : (\d+)", result.stderr)[1])


def few_instructions_at_start():
    without, loaded = start(False), start(True)
    print(f"# {without}, +{loaded - without}")
    assert loaded - without <= MOST_AT_START


for name, (its_letter, *_) in CALLS.items():
    add_case(f"{name}: no system call more", no_system_call_more, its_letter)
if "instructions" in sys.argv[2:]:
    add_case("few instructions more", few_instructions_more)
    add_case("few instructions more at the start", few_instructions_at_start)
sys.exit(run_cases())
