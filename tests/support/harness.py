# SPDX-License-Identifier: MIT
"""What the script tests share: cases reported in TAP, and child processes that
have deadlines and do not outlive the test.

Environment, set by meson: TLSSOCK_TEST_PRELOAD, the value of LD_PRELOAD that
loads the library; TLSSOCK_TEST_ASK, the built ask-for-tls.c; TLSSOCK_TEST_ZOO, the
certificates; TLSSOCK_TEST_EXAMPLES, the built examples.
"""
import contextlib
import ctypes
import os
import re
import select
import shutil
import signal
import subprocess
import tempfile
import time
import traceback

DEADLINE = 60  # seconds; sanitizers and valgrind are slow
TCP, TLS = "0", "205"
PR_SET_PDEATHSIG = 1
LIBC = ctypes.CDLL(None)
CLEAN = {k: v for k, v in os.environ.items() if not k.startswith(("TLSSOCK_", "LD_PRELOAD"))}

cases = []


class Skip(Exception):
    """Raised by a case that cannot run here, with the reason."""


def case(name):
    """Registers a function as a test case."""
    def register(function):
        cases.append((name, function))
        return function
    return register


def add_case(name, function, *args):
    cases.append((name, lambda: function(*args)))


def run_cases():
    """Runs all cases and prints TAP. Returns the exit status."""
    failed = 0
    print(f"1..{len(cases)}", flush=True)
    for number, (name, function) in enumerate(cases, 1):
        try:
            function()
            print(f"ok {number} - {name}", flush=True)
        except Skip as reason:
            print(f"ok {number} - {name} # SKIP {reason}", flush=True)
        except Exception:
            failed += 1
            for line in traceback.format_exc().splitlines():
                print("#", line)
            print(f"not ok {number} - {name}", flush=True)
    return 1 if failed else 0


def need(program):
    """Returns the program's path, or skips the case."""
    path = shutil.which(program)
    if not path:
        raise Skip(f"{program} is not installed")
    return path


def zoo(name):
    return os.path.join(os.environ["TLSSOCK_TEST_ZOO"], name)


def example(name):
    """Returns the path of a built example."""
    return os.path.join(os.environ["TLSSOCK_TEST_EXAMPLES"], name)


def script(name):
    """Returns the path of an example that is not compiled."""
    here = os.path.dirname(os.path.abspath(__file__))
    return os.path.join(here, "..", "..", "examples", name)


def environment(preload=True, **settings):
    """An environment without the test's own settings, with these."""
    env = {**CLEAN, **settings}
    if preload:
        env["LD_PRELOAD"] = os.environ["TLSSOCK_TEST_PRELOAD"]
    return env


def asking(env, protocol):
    """The environment for a program that is to get the protocol where it asks for TCP."""
    sanitizer, _, library = env["LD_PRELOAD"].rpartition(":")
    preload = [sanitizer, os.environ["TLSSOCK_TEST_ASK"], library]
    return {**env, "ASK_PROTOCOL": protocol, "LD_PRELOAD": ":".join(filter(None, preload))}


def version_settings(version):
    return {"GNUTLS_SYSTEM_PRIORITY_FILE": zoo("tls12.conf")} if version == "1.2" else {}


def server_settings(name="good"):
    return {"TLSSOCK_CERT": zoo(f"{name}.pem"), "TLSSOCK_KEY": zoo(f"{name}.key")}


def client_settings(ca="ca"):
    return {"TLSSOCK_CA": zoo(f"{ca}.pem")}


def die_with_parent():
    LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def run(command, env, stdin=b"", cwd=None):
    """Runs a program to its end. Returns its status and output."""
    return subprocess.run(command, env=env, input=stdin, cwd=cwd, timeout=DEADLINE,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          preexec_fn=die_with_parent)


def lead_group():
    die_with_parent()
    os.setpgid(0, 0)


class Process:
    """A program that is talked to while it runs; killed at the end of the
    `with` block, with its children. Output and errors come in one stream."""

    def __init__(self, command, env, cwd=None):
        self.command = command
        self.output = b""
        self.child = subprocess.Popen(command, env=env, cwd=cwd, bufsize=0,
                                      stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                      stderr=subprocess.STDOUT, preexec_fn=lead_group)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.child.pid, signal.SIGKILL)
        self.child.wait()
        self.child.stdin.close()
        self.child.stdout.close()

    def say(self, line):
        self.child.stdin.write(line)

    def read(self, end):
        """Adds what comes next to the output. Returns False at its end."""
        left = max(0, end - time.monotonic())
        if not select.select([self.child.stdout], [], [], left)[0]:
            raise AssertionError(f"{self.command} is silent after {self.output!r}")
        data = self.child.stdout.read(65536)
        self.output += data
        return bool(data)

    def expect(self, pattern):
        """Reads until the output has the pattern. Returns the match."""
        end = time.monotonic() + DEADLINE
        while not (match := re.search(pattern, self.output)):
            if not self.read(end):
                raise AssertionError(f"{self.command}: no {pattern!r} in {self.output!r}")
        return match

    def finish(self):
        """Ends the input and waits. Returns the exit status."""
        self.child.stdin.close()
        end = time.monotonic() + DEADLINE
        while self.read(end):
            pass
        return self.child.wait(DEADLINE)

    def stop(self, number=signal.SIGTERM):
        """Asks it to end, and waits. Returns the exit status."""
        self.child.send_signal(number)
        return self.finish()


class Folder(tempfile.TemporaryDirectory):
    """A directory for the time of a `with` block."""

    def __init__(self, **files):
        super().__init__(prefix="tlssock-test-")
        for name, text in files.items():
            with open(os.path.join(self.name, name), "w", encoding="ascii") as file:
                file.write(text)


def check(condition, *what):
    if not condition:
        raise AssertionError(*what)


def check_equal(found, wanted, *what):
    check(found == wanted, f"found {found!r}, wanted {wanted!r}", *what)
