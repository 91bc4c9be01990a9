#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""tlssock(1). Each policy/NAME.out has a command's arguments, behind a dollar, and what it says
of policy/NAME.conf; the last line its exit status. And whose policy a set-user-id program has.

Environment, set by meson: TLSSOCK_TEST_COMMAND, the command; TLSSOCK_TEST_ACT, a program that
is told by its arguments what to do with a TLS socket, linked with the library."""
import os
import pathlib
import shutil

from harness import Folder, Skip, add_case, case, check, check_equal, environment, run, run_cases

COMMAND = os.environ["TLSSOCK_TEST_COMMAND"]
ACT = os.environ["TLSSOCK_TEST_ACT"]
EXAMPLES = pathlib.Path(__file__).parent / "policy"
NOBODY = 65534
CONNECT = ["connect", "127.0.0.1", "9"]
BROKEN = "[all]\nwhat = this\n"


def said(arguments, policy, cwd=None, program=COMMAND):
    done = run([program, *arguments], environment(False, TLSSOCK_CONFIG=policy), cwd=cwd)
    return done.stdout.decode() + done.stderr.decode() + f"exit status {done.returncode}\n"


def example(path):
    """Several commands may stand in a file."""
    expected = path.read_text()
    found = ""
    for line in expected.splitlines():
        if line.startswith("$ tlssock "):
            arguments = line.removeprefix("$ tlssock ").split()
            found += line + "\n" + said(arguments, path.stem + ".conf", EXAMPLES)
    check_equal(found, expected)


@case("a policy that is not there, where it was asked for")
def missing():
    check_equal(said(["policy"], "/nonexistent/policy"),
                "/nonexistent/policy: cannot be read: No such file or directory\nexit status 1\n")


@case("wrong arguments")
def wrong_arguments():
    for arguments in ([], ["police"], ["policy", "--connect", "name"], ["policy", "x"],
                      ["policy", "--connect", "a:99999"], ["policy", "--listen", ":x"],
                      ["policy", "--connect", "a:1", "--listen", "b:1"], ["policy", "--what"],
                      ["policy", "--program", "curl"]):
        done = run([COMMAND, *arguments], environment(False))
        check_equal((done.returncode, done.stdout), (2, b""), arguments)
        check(b"Usage: tlssock" in done.stderr, done.stderr)


@case("a program that is a link")
def links():
    with Folder(policy="") as folder:
        folder = os.path.realpath(folder)
        program, link = (os.path.join(folder, name) for name in ("program", "link"))
        policy = os.path.join(folder, "policy")
        shutil.copy(COMMAND, program)
        os.symlink("program", link)
        for path, line in ((program, "line 3, [program it]"), (link, "default")):
            with open(policy, "w", encoding="ascii") as file:
                file.write(f"[program it]\nmatch-program = {path}\nminimum-version = 1.3\n")
            for asked, name in ((program, program), (link, f"{program} ({link})")):
                shown = said(["policy", "--program", asked], policy)
                check(f"program: {name}\n" in shown, shown)
                check(line in [row for row in shown.splitlines()
                               if row.startswith("minimum-version")][0], shown)
        check_equal(said(["policy", "--check"], policy),
                    f"{policy}:1: [program it]: match-program: {link} is a link: no program has "
                    f"that path, but {program}\nexit status 1\n")


@case("--help and --version")
def told():
    for arguments, what in ((["--help"], b"policy"), (["policy", "--help"], b"--connect"),
                            (["--version"], b"tlssock 0.")):
        done = run([COMMAND, *arguments], environment(False))
        check_equal((done.returncode, done.stderr), (0, b""))
        check(what in done.stdout, done.stdout)


def as_nobody(program, arguments, policy):
    """Runs it as nobody. Returns all that it said."""
    env = environment(False, TLSSOCK_CONFIG=policy)
    wrapper = ["setpriv", "--reuid", str(NOBODY), "--regid", str(NOBODY), "--clear-groups"]
    done = run([*wrapper, program, *arguments], env)
    return (done.stdout + done.stderr).decode()


def need_set_user_id(folder):
    if os.getuid() != 0 or not shutil.which("setpriv"):
        raise Skip("needs root and setpriv")
    if os.statvfs(folder).f_flag & os.ST_NOSUID or "NoNewPrivs:\t1" in pathlib.Path(
            "/proc/self/status").read_text():
        raise Skip("no set-user-id programs here")


def set_user_id(program, arguments, asks_file):
    """The same program as it is, then set-user-id: only then it has the system's policy."""
    with Folder(policy=BROKEN) as folder:
        need_set_user_id(folder)
        os.chmod(folder, 0o755)
        copy = shutil.copy(program, folder)
        policy = os.path.join(folder, "policy")
        os.chmod(copy, 0o755)
        said_plain = as_nobody(copy, arguments, policy)
        check(policy in said_plain and "what: unknown key" in said_plain, said_plain)
        os.chmod(copy, 0o4755)
        said_privileged = as_nobody(copy, arguments, policy)
        check(policy not in said_privileged, said_privileged)
        check(asks_file in said_privileged, said_privileged)


for path in sorted(EXAMPLES.glob("*.out")):
    add_case(f"policy: {path.stem}", example, path)
add_case("set-user-id: the command", set_user_id, COMMAND, ["policy"], "tlssock.conf")
add_case("set-user-id: a program", set_user_id, ACT, CONNECT, "connect: ECONNREFUSED")
raise SystemExit(run_cases())
