# SPDX-License-Identifier: MIT
"""Servers for the benchmarks of other people's programs: an identity, proxies in front of a
port (by bench-stage), and programs that are plain, that do TLS natively, or that have the
library preloaded."""
import contextlib
import os
import subprocess

from harness import DEADLINE, TLS, Process, asking, check, die_with_parent, environment
from unmodified import reserved_port, until

TICK = os.sysconf("SC_CLK_TCK")
# What GnuTLS must not have for the suite to be chosen.
DISABLED = {"TLS_AES_128_GCM_SHA256": ("AES-256-GCM", "CHACHA20-POLY1305", "AES-128-CCM"),
            "TLS_AES_256_GCM_SHA384": ("AES-128-GCM", "CHACHA20-POLY1305", "AES-128-CCM"),
            "TLS_CHACHA20_POLY1305_SHA256": ("AES-256-GCM", "AES-128-GCM", "AES-128-CCM")}


def listens(port):
    """Asked of the kernel: a connection would be one that the server serves."""
    wanted = f":{port:04X}"
    with open("/proc/net/tcp", encoding="ascii") as table:
        rows = [line.split() for line in table]
    return any(row[1].endswith(wanted) and row[3] == "0A" for row in rows[1:])


def cpu_of(processes):
    """CPU seconds so far of the processes."""
    ticks = 0
    for process in processes:
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            with open(f"/proc/{process}/stat", encoding="ascii") as file:
                fields = file.read().rpartition(")")[2].split()
            ticks += int(fields[11]) + int(fields[12])
    return ticks / TICK


def group_of(leader):
    """The processes of a group."""
    for name in filter(str.isdigit, os.listdir("/proc")):
        with contextlib.suppress(ProcessLookupError, FileNotFoundError):
            if os.getpgid(int(name)) == leader:
                yield int(name)


class Stage:
    """The identity, and what starts proxies. All goes at the end of the `with` block."""

    def __init__(self, program, cipher):
        self.cipher = cipher
        self.child = subprocess.Popen([program], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                      text=True, bufsize=1, preexec_fn=die_with_parent)
        self.identity = self.child.stdout.readline().strip()
        self.priority = os.path.join(os.path.dirname(self.identity), "gnutls-priority")
        with open(self.priority, "w", encoding="ascii") as file:
            file.write("[overrides]\n")
            file.writelines(f"tls-disabled-cipher = {name}\n" for name in DISABLED[cipher])

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.child.stdin.close()
        self.child.wait(DEADLINE)
        self.child.stdout.close()

    def file(self, name):
        return os.path.join(self.identity, name)

    def ask(self, line):
        self.child.stdin.write(line + "\n")
        return self.child.stdout.readline().strip()

    @contextlib.contextmanager
    def proxies(self, kind, port):
        """Gives where to connect, and the proxies' processes; without a kind the port."""
        if not kind:
            yield port, []
            return
        answer = self.ask(f"{kind} {self.cipher} {port}").split()
        check(len(answer) == 2, f"{kind} does not start")
        try:
            yield int(answer[0]), [int(process) for process in answer[1].split(",")]
        finally:
            self.ask("stop")

    def version(self, kind):
        answer = self.ask(f"version {kind}")
        return None if answer == "none" else answer

    def environment(self, preload):
        """Of a program, with the library in it or without."""
        if not preload:
            return environment(False)
        env = asking(environment(), TLS)
        return {**env, "TLSSOCK_CERT": self.file("cert.pem"), "TLSSOCK_KEY": self.file("key.pem"),
                "TLSSOCK_CA": self.file("ca.pem"), "GNUTLS_SYSTEM_PRIORITY_FILE": self.priority}

    @contextlib.contextmanager
    def server(self, command, preload, cwd=None):
        """A server on a free port, of which its command is made. Gives the port and its
        process. It says little: its output is not read."""
        with reserved_port() as port:
            words = command(port)
            with Process(words, self.environment(preload), cwd) as process:
                until(lambda: process.child.poll() is not None or listens(port), f"{words}: silent")
                check(process.child.poll() is None, f"{words} ended")
                yield port, process.child.pid


def measured(command, env, processes):
    """Runs a client. Returns its output, and the CPU seconds of the processes meanwhile."""
    before = cpu_of(processes)
    done = subprocess.run(command, env=env, capture_output=True, text=True, timeout=4 * DEADLINE,
                          preexec_fn=die_with_parent, check=False)
    used = cpu_of(processes) - before
    check(done.returncode == 0, command, done.stdout[-500:], done.stderr[-500:])
    return done.stdout, used
