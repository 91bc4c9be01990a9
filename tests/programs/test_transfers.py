#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Unmodified programs that move bytes, files and mail over TLS.

Usage: test_transfers.py curl | http | netcat | smtp | socat | wget."""
import contextlib
import os
import re
import signal
import sys
from concurrent.futures import ThreadPoolExecutor

import native
from harness import (DEADLINE, TLS, Folder, Process, add_case, check, check_equal, environment,
                     need, run, run_cases, zoo)
from unmodified import (add_both, finish, native_client, native_server, reserved_port, start,
                        stop)

CLIENTS = 5
BULK = os.urandom(1_000_000)
FILES = {"/small": b"small\n", "/large": os.urandom(10_000_000)}


def answer_http(connection):
    """Files by GET; how much came by PUT; the connection stays while the client wants it."""
    with connection.makefile("rwb") as stream:
        stays = True
        while stays and (request := stream.readline()):
            headers = b"".join(iter(stream.readline, b"\r\n")).lower()
            length = re.search(rb"content-length: (\d+)", headers)
            came = stream.read(int(length[1])) if length else b""
            name = request.split()[1].decode()
            answer = b"%d\n" % len(came) if came else FILES[name]
            stream.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(answer) + answer)
            stream.flush()
            stays = b"connection: close" not in headers


def gets_files(protocol, command):
    """Both files in one connection."""
    with native_server(protocol, 1, answer_http) as server:
        urls = [f"http://localhost:{server.port}{name}" for name in FILES]
        status, output, errors = finish([*command, *urls], protocol)
        check_equal((status, errors), (0, b""))
        check(output == b"".join(FILES.values()), "other files came")
        server.finish()


def gets_openssl(command):
    """From openssl s_server, which ends with the connection."""
    with Folder(page="a page\n") as folder:
        listen = ["openssl", "s_server", "-4", "-WWW", "-accept", "127.0.0.1:0", "-naccept", "1",
                  "-cert", zoo("good.pem"), "-key", zoo("good.key")]
        with Process(listen, environment(False), folder) as server:
            port = server.expect(rb"ACCEPT 127\.0\.0\.1:(\d+)")[1].decode()
            check_equal(finish([*command, f"http://localhost:{port}/page"], TLS),
                        (0, b"a page\n", b""))
            check_equal(server.finish(), 0)


def puts_file(protocol):
    with native_server(protocol, 1, answer_http) as server:
        command = ["curl", "-sS", "-H", "Expect:", "-T", "-"]
        url = f"http://localhost:{server.port}/put"
        command += ["-H", f"Content-Length: {len(BULK)}", "-H", "Transfer-Encoding:"]
        check_equal(finish([*command, url], protocol, BULK), (0, b"%d\n" % len(BULK), b""))
        server.finish()


def refuses_stranger(command):
    """A server that is not who it says is no server."""
    context = native.server_context(zoo("wrong-name.pem"), zoo("wrong-name.key"), "1.3")
    with native.Server(context, 1) as server:
        status, output, _ = finish([*command, f"http://localhost:{server.port}/small"], TLS)
        check(status != 0)
        check_equal(output, b"")


def http_client(protocol):
    text = ("import http.client, sys\n"
            "c = http.client.HTTPConnection('localhost', int(sys.argv[1]))\n"
            "for name in '/small', '/large':\n"
            "    c.request('GET', name)\n"
            "    sys.stdout.buffer.write(c.getresponse().read())\n"
            "c.request('PUT', '/put', b'x' * 1000000)\n"
            "sys.stdout.buffer.write(c.getresponse().read())\n")
    with native_server(protocol, 1, answer_http) as server:
        status, output, errors = finish([sys.executable, "-c", text, str(server.port)], protocol)
        check_equal((status, errors), (0, b""))
        check(output == b"".join(FILES.values()) + b"1000000\n", "other files came")
        server.finish()


def http_server(protocol):
    command = [sys.executable, "-u", "-m", "http.server", "--bind", "127.0.0.1", "0"]
    scheme = "https" if protocol == TLS else "http"
    with Folder() as folder:
        for name, data in FILES.items():
            with open(folder + name, "wb") as file:
                file.write(data)
        with start(command, protocol, folder) as server:
            port = server.expect(rb"port (\d+)")[1].decode()
            for name, data in FILES.items():
                url = f"{scheme}://localhost:{port}{name}"
                done = run(["curl", "-sS", "--cacert", zoo("ca.pem"), url], environment(False))
                check_equal((done.returncode, done.stderr), (0, b""))
                check(done.stdout == data, "another file came")
            stop(server, signal.SIGINT)


def talk(protocol, port):
    """A native client of an echo server, that ends first."""
    with native_client(protocol, port) as connection:
        connection.settimeout(0)
        if protocol == TLS:
            check(native.exchange(connection, BULK) == BULK, "other bytes came back")
        else:
            connection.settimeout(DEADLINE)
            connection.sendall(b"brief")
            check_equal(connection.recv(100), b"brief")
        connection.settimeout(DEADLINE)


def echoes(protocol, command):
    """The program's standard input to a native server, and back to its output."""
    with native_server(protocol, 1, native.echo) as server:
        words = [word.format(port=server.port) for word in command]
        status, output, errors = finish(words, protocol, BULK)
        check_equal((status, errors), (0, b""))
        check(output == BULK, "other bytes came back")
        server.finish()


@contextlib.contextmanager
def socat_serving(protocol, target):
    with reserved_port() as port:
        listen = f"TCP4-LISTEN:{port},bind=localhost,reuseaddr,fork"
        with start([need("socat"), "-d", "-d", listen, target], protocol) as server:
            server.expect(rb"listening on")
            yield port
            stop(server, status=128 + signal.SIGTERM)


def socat_serves(protocol):
    with socat_serving(protocol, "EXEC:cat") as port, ThreadPoolExecutor(CLIENTS) as pool:
        for done in [pool.submit(talk, protocol, port) for _ in range(CLIENTS)]:
            done.result(DEADLINE)


def socat_relays(protocol):
    """TLS on both sides of one process."""
    with native_server(protocol, CLIENTS, native.echo) as server:
        with socat_serving(protocol, f"TCP:localhost:{server.port}") as port:
            with ThreadPoolExecutor(CLIENTS) as pool:
                for done in [pool.submit(talk, protocol, port) for _ in range(CLIENTS)]:
                    done.result(DEADLINE)
            server.finish()


def socat_serves_tool(command):
    """A command-line client of OpenSSL or GnuTLS, which is told when to end."""
    with socat_serving(TLS, "EXEC:cat") as port:
        words = [word.format(port=port) for word in command]
        with Process([need(words[0]), *words[1:]], environment(False)) as client:
            client.say(b"one line\n")
            client.expect(rb"one line\n")
            check_equal(client.finish(), 0)


def netcat_serves(protocol):
    with reserved_port() as port:
        command = [need("nc.openbsd"), "-v", "-l", "-N", "127.0.0.1", str(port)]
        with start(command, protocol) as server:
            server.expect(rb"Listening on.*\n")
            server.say(b"from the server\n")
            server.child.stdin.close()
            with native_client(protocol, port) as connection:
                connection.sendall(b"from the client\n")
                check_equal(connection.makefile("rb").read(), b"from the server\n")
            check_equal(server.finish(), 0)
            check(server.output.endswith(b"from the client\n"), server.output)


def answer_smtp(connection):
    """As much of a mail server as smtplib asks for; the mail comes back in the last reply."""
    with connection.makefile("rwb") as stream:
        def say(text):
            stream.write(text + b"\r\n")
            stream.flush()
        say(b"220 localhost")
        while (word := stream.readline()[:4].upper()) != b"QUIT":
            if word == b"DATA":
                say(b"354 go on")
                mail = b"".join(iter(stream.readline, b".\r\n"))
                say(b"250 %d bytes" % len(mail))
            else:
                say(b"250 yes")
        say(b"221 goodbye")


def smtp_client(protocol):
    text = ("import smtplib, sys\n"
            "with smtplib.SMTP('localhost', int(sys.argv[1])) as smtp:\n"
            "    print(smtp.sendmail('a@localhost', ['b@localhost', 'c@localhost'],\n"
            "                        'Subject: s\\r\\n\\r\\n' + 'line\\r\\n' * 50000))\n")
    with native_server(protocol, 1, answer_smtp) as server:
        check_equal(finish([sys.executable, "-c", text, str(server.port)], protocol),
                    (0, b"{}\n", b""))
        server.finish()


SOCAT = ["socat", "-t", "30", "-", "TCP:localhost:{port}"]
NETCAT = ["nc.openbsd", "-N", "localhost", "{port}"]
CURL = ["curl", "-sS"]
WGET = ["wget", "-q", "-t", "1", "-O", "-"]
OPENSSL = ["openssl", "s_client", "-quiet", "-no_ign_eof", "-verify_return_error", "-CAfile",
           zoo("ca.pem"), "-connect", "127.0.0.1:{port}"]
GNUTLS = ["gnutls-cli", "--x509cafile", zoo("ca.pem"), "-p", "{port}", "localhost"]


def add_fetcher(program, command):
    need(program)
    add_both(f"{program}: files from a native server", gets_files, command)
    add_case(f"{program}: a page from openssl s_server", gets_openssl, command)
    add_case(f"{program}: nothing from a stranger", refuses_stranger, command)


def main(kind):
    if kind == "curl":
        add_fetcher("curl", CURL)
        add_both("curl: a file to a native server", puts_file)
    elif kind == "wget":
        add_fetcher("wget", WGET)
    elif kind == "http":
        add_both("http.client and a native server", http_client)
        add_both("http.server and a native client", http_server)
    elif kind == "smtp":
        add_both("smtplib and a native server", smtp_client)
    elif kind == "socat":
        add_both("socat: from its input to a native server", echoes, SOCAT)
        add_both("socat: native clients, a child for each", socat_serves)
        add_both("socat: before a native server", socat_relays)
        add_case("socat: openssl s_client", socat_serves_tool, OPENSSL)
        add_case("socat: gnutls-cli", socat_serves_tool, GNUTLS)
    else:
        add_both("netcat: from its input to a native server", echoes, NETCAT)
        add_both("netcat: a native client", netcat_serves)
    return run_cases()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
