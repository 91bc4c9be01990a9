#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Programs that ask for no TLS behave with the library loaded as without it:
the same output, the same errors, the same exit status."""
import os
import sys

from harness import (Folder, add_case, case, check, check_equal, environment, example, need, run,
                     run_cases)


def work(name):
    """The text of a program that does a bit of everything."""
    path = os.path.join(os.path.dirname(os.path.abspath(__file__)), "work", name)
    with open(path, encoding="ascii") as file:
        return file.read()


# Addresses on the stack depend on how long the environment is.
GDB = ["set debuginfod enabled off", "set print inferior-events off",
       "set print frame-arguments none", "print 6 * 7", "info line main", "break main", "run",
       "backtrace", "print argc", "kill"]

COMMANDS = {
    "bash": ["bash", "-c", work("bash.sh")],
    "git": ["sh", "-c", work("git.sh")],
    "apt-get": ["apt-get", "-s", "-o", "Debug::NoLocking=1", "install", "bash"],
    "python3": [sys.executable, "-c", work("python.py")],
    "perl": ["perl", "-e", work("perl.pl")],
    "node": ["node", "-e", work("node.js")],
    "gdb": ["gdb", "-batch", "-nx", *[word for command in GDB for word in ("-ex", command)],
            example("echo-client")],
}


def both(command):
    """Runs a command without the library, and with it; each in an empty folder."""
    results = []
    for preload in False, True:
        with Folder() as folder:
            done = run(command, {**environment(preload), "HOME": folder}, cwd=folder)
        name = folder.encode()
        results.append({"status": done.returncode,
                        "output": done.stdout.replace(name, b"FOLDER"),
                        "errors": done.stderr.replace(name, b"FOLDER")})
    return results


@case("the library is loaded into what is run here")
def is_loaded():
    without, loaded = both(["grep", "-c", "libtlssock", "/proc/self/maps"])
    check_equal(without["output"], b"0\n")
    check(int(loaded["output"]) > 0, loaded)


def is_unchanged(program, command):
    need(program)
    without, loaded = both(command)
    check_equal(without["status"], 0, "it should work without the library", without)
    check(without["output"], "there should be something to compare", without)
    check_equal(loaded, without)


for _program, _command in COMMANDS.items():
    add_case(f"{_program} is unchanged", is_unchanged, _program, _command)

if __name__ == "__main__":
    sys.exit(run_cases())
