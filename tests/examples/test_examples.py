#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The examples, each against a peer that knows nothing of this library."""
import socket
import sys

from harness import (Folder, Process, add_case, check, check_equal, client_settings, environment,
                     example, need, run, run_cases, script, server_settings, zoo)

LINES = b"one line\nand another\n"
PYTHON = sys.executable

# name: the program and its first arguments; preloaded or linked
SERVERS = {
    "echo-server": ([example("echo-server")], True),
    "echo-server-linked": ([example("echo-server-linked")], False),
    "threaded-server.py": ([PYTHON, script("threaded-server.py")], True),
}
ECHO_CLIENTS = {
    "echo-client": ([example("echo-client")], True),
    "echo-client-linked": ([example("echo-client-linked")], False),
    "client.py": ([PYTHON, script("client.py")], True),
    "client.pl": (["perl", script("client.pl")], True),
    "client.sh": (["bash", script("client.sh")], True),
}
GETTERS = {
    "https-get": ([example("https-get")], True),
    "https-get-linked": ([example("https-get-linked")], False),
}
NEEDS = {"client.pl": "perl", "client.sh": "socat"}
ARGUMENTS = {**{name: ["localhost", "9"] for name in ECHO_CLIENTS},
             **{name: ["localhost", "9", "/"] for name in GETTERS}}

OPENSSL_PORT = rb"ACCEPT 127\.0\.0\.1:(\d+)"


def server(name, **settings):
    command, preload = SERVERS[name]
    return Process(command, environment(preload, **{**server_settings(), **settings}))


def port_of(process, pattern=rb"port (\d+)\n"):
    return process.expect(pattern)[1].decode()


def openssl_server(certificate, *arguments, cwd=None):
    return Process(["openssl", "s_server", "-4", "-accept", "127.0.0.1:0", *arguments,
                    "-cert", zoo(f"{certificate}.pem"), "-key", zoo(f"{certificate}.key")],
                   environment(False), cwd=cwd)


def free_port():
    """gnutls-serv cannot tell which port it was given: a port that was free just now."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return str(probe.getsockname()[1])


def get(name, port, host="localhost", ca="ca"):
    command, preload = GETTERS[name]
    return run([*command, host, port, "/page"], environment(preload, **client_settings(ca)))


def converse(client):
    """Has a client with TLS of its own say each line and wait for its echo."""
    for line in LINES.splitlines(keepends=True):
        client.say(line)
        client.expect(line.rstrip())
    return client.finish()


def log_lines(done):
    return [line for line in done.stderr.decode().splitlines() if line.startswith("tlssock:")]


def openssl_speaks_to(name):
    with server(name) as echo, Process(
            ["openssl", "s_client", "-brief", "-verify_return_error", "-CAfile", zoo("ca.pem"),
             "-verify_hostname", "localhost", "-connect", "127.0.0.1:" + port_of(echo)],
            environment(False)) as client:
        check_equal(converse(client), 0, client.output)
        check(b"Verification: OK" in client.output, client.output)


def gnutls_speaks_to(name):
    with server(name) as echo, Process(
            ["gnutls-cli", "--x509cafile", zoo("ca.pem"), "-p", port_of(echo), "localhost"],
            environment(False)) as client:
        check_equal(converse(client), 0, client.output)
        check(b"The certificate is trusted" in client.output, client.output)


def client_speaks_to(client, name):
    need(NEEDS.get(client, "sh"))
    command, preload = ECHO_CLIENTS[client]
    with server(name) as echo:
        done = run([*command, "localhost", port_of(echo)],
                   environment(preload, **client_settings()), LINES)
    check_equal((done.returncode, done.stdout), (0, LINES), done.stderr)


def client_refuses_other_root(client):
    need(NEEDS.get(client, "sh"))
    command, preload = ECHO_CLIENTS[client]
    with server("echo-server") as echo:
        done = run([*command, "localhost", port_of(echo)],
                   environment(preload, **client_settings("other-ca")), LINES)
    check(done.returncode != 0, done)
    check_equal(done.stdout.strip(), b"")


def fails_without_library(name, command):
    """Any error that is not from socket() could come after bytes in the clear."""
    need(NEEDS.get(name, "sh"))
    done = run([*command, *ARGUMENTS.get(name, [])], environment(False), LINES)
    check(done.returncode != 0, done)
    check(b"not supported" in done.stderr, done.stderr)
    check_equal(done.stdout.strip(), b"")


def fails_without_identity(name):
    command, preload = SERVERS[name]
    done = run(command, environment(preload))
    check(done.returncode != 0, done)
    check(b"listen: " in done.stderr or b"in server_activate" in done.stderr, done.stderr)
    check_equal(len(log_lines(done)), 1, done.stderr)
    check("certificate" in log_lines(done)[0], done.stderr)


def gets_page_from_openssl(name):
    with Folder(page="<p>a page</p>\n") as folder:
        with openssl_server("good", "-WWW", cwd=folder) as www:
            done = get(name, port_of(www, OPENSSL_PORT))
    check_equal(done.returncode, 0, done.stderr)
    check_equal(done.stdout.split(b"\r\n\r\n")[1], b"<p>a page</p>\n")


def gets_page_from_gnutls(name):
    port = free_port()
    with Process(["gnutls-serv", "--http", "--port", port, "--x509certfile", zoo("good.pem"),
                  "--x509keyfile", zoo("good.key")], environment(False)) as www:
        www.expect(rb"port %s\.\.\.done" % port.encode())
        done = get(name, port)
    check_equal(done.returncode, 0, done.stderr)
    check(done.stdout.startswith(b"HTTP/1.0 200 OK"), done.stdout)


def refuses(name, certificate, ca, reason):
    """The log must be one line that says who, which step and why."""
    with openssl_server(certificate, "-WWW") as www:
        done = get(name, port_of(www, OPENSSL_PORT), ca=ca)
        check_equal((done.returncode, done.stdout), (1, b""), done.stderr)
        log = log_lines(done)
        check_equal(len(log), 1, done.stderr)
        for word in ("localhost (127.0.0.1:", ": verifying the peer: ", reason):
            check(word in log[0], f"no {word!r} in {log[0]!r}")
    check(b"FILE:" not in www.output, www.output)


REFUSALS = [("wrong-name", "ca", "it was not issued for the name"),
            ("good", "other-ca", "leads to no trusted"), ("expired", "ca", "it expired on")]

for _name in SERVERS:
    add_case(f"openssl s_client speaks to {_name}", openssl_speaks_to, _name)
    add_case(f"gnutls-cli speaks to {_name}", gnutls_speaks_to, _name)
    add_case(f"{_name} without a certificate fails at listen()", fails_without_identity, _name)
for _name in ECHO_CLIENTS:
    for _server in "echo-server", "threaded-server.py":
        add_case(f"{_name} speaks to {_server}", client_speaks_to, _name, _server)
    add_case(f"{_name} refuses an unknown root", client_refuses_other_root, _name)
for _name in GETTERS:
    add_case(f"{_name} gets a page from openssl s_server", gets_page_from_openssl, _name)
    add_case(f"{_name} gets a page from gnutls-serv", gets_page_from_gnutls, _name)
    for _certificate, _ca, _reason in REFUSALS:
        add_case(f"{_name} refuses {_certificate} under {_ca}", refuses, _name, _certificate, _ca,
                 _reason)
for _name, (_command, _preload) in {**SERVERS, **ECHO_CLIENTS, **GETTERS}.items():
    if _preload:
        add_case(f"{_name} fails at socket() without the library", fails_without_library, _name,
                 _command)


if __name__ == "__main__":
    sys.exit(run_cases())
