#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Programs written for the Secure Socket API and for Zephyr's sockets, with nothing but
their names: they compile as they are, and speak with OpenSSL's and GnuTLS's tools."""
import contextlib
import os
import shlex
import socket
import sys
import tempfile

from harness import (Folder, Process, add_case, check, check_equal, environment, run, run_cases,
                     zoo)

HERE = os.path.dirname(os.path.abspath(__file__))
SAMPLES = ["ssa/client-auth", "ssa/echo-server", "ssa/https-client", "zephyr/echo-server",
           "zephyr/http-get", "zephyr/psk-client"]
PAGE = "<p>a page</p>\n"
KEY = "0102030405060708090a0b0c0d0e0f10"
OTHER_KEY = KEY.replace("0102", "0201")
VERSIONS = ["1.2", "1.3"]
PSK = "NORMAL:-KX-ALL:+ECDHE-PSK"


def sample(name):
    return os.path.join(os.environ["TLSSOCK_TEST_SAMPLES"], name.replace("/", "_").replace("-", "_"))


def clean():
    return environment(False)


def compiles(name):
    """With the headers as they are installed, and every warning."""
    with tempfile.TemporaryDirectory() as root:
        done = run(["meson", "install", "-C", os.environ["TLSSOCK_TEST_BUILD"], "--no-rebuild",
                    "--tags", "devel", "--destdir", root], clean())
        check_equal(done.returncode, 0, done.stdout, done.stderr)
        include = [folder for folder, _, files in os.walk(root) if "tlssock.h" in files]
        check_equal(len(include), 1)
        done = run([*shlex.split(os.environ["CC"]), "-fsyntax-only", "-Wall", "-Wextra", "-Werror",
                    "-I", include[0], os.path.join(HERE, name + ".c")], clean())
    check_equal((done.returncode, done.stderr), (0, b""))


def s_server(version, *arguments, identity=("-cert", zoo("good.pem"), "-key", zoo("good.key")),
             cwd=None):
    return Process(["openssl", "s_server", "-4", "-accept", "127.0.0.1:0",
                    "-tls" + version.replace(".", "_"), *identity, *arguments], clean(), cwd=cwd)


def openssl_port(process):
    return process.expect(rb"ACCEPT 127\.0\.0\.1:(\d+)")[1].decode()


@contextlib.contextmanager
def gnutls_serv(version, *arguments, kx="NORMAL",
                identity=("--x509certfile", zoo("good.pem"), "--x509keyfile", zoo("good.key"))):
    """It cannot tell which port it was given: one that was free just now."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = str(probe.getsockname()[1])
    with Process(["gnutls-serv", "--port", port, "--priority",
                  f"{kx}:-VERS-ALL:+VERS-TLS{version}", *identity, *arguments], clean()) as server:
        server.expect(rb"listening on IPv4[^\n]*done")
        yield port


def get(name, port, ca="ca"):
    return run([sample(name), "localhost", port, "/page", zoo(f"{ca}.pem")], clean())


def gets_page_from_openssl(name, version):
    with Folder(page=PAGE) as folder, s_server(version, "-WWW", cwd=folder) as www:
        done = get(name, openssl_port(www))
    check_equal(done.returncode, 0, done)
    check(done.stdout.decode().replace("\r", "").endswith("\n\n" + PAGE), done)


def gets_page_from_gnutls(name, version):
    with gnutls_serv(version, "--http") as port:
        done = get(name, port)
    check_equal(done.returncode, 0, done)
    check(b"HTTP/1.0 200 OK" in done.stdout and f"TLS{version}".encode() in done.stdout, done)


def says_who_it_was(version):
    with Folder(page=PAGE) as folder, s_server(version, "-WWW", cwd=folder) as www:
        done = get("ssa/https-client", openssl_port(www))
    check(b"CN=Test good with " in done.stderr, done)


def refuses_other_root(name, status):
    with s_server("1.3", "-www") as www:
        done = get(name, openssl_port(www), "other-ca")
    check_equal(done.returncode, 1, done)
    check(status in done.stdout + done.stderr, done)
    check(b"HTTP" not in done.stdout, done)


def echo_server(name, clients):
    return Process([sample(name), zoo("good.pem"), zoo("good.key"), str(clients)], clean())


def openssl_client(port, version):
    return Process(["openssl", "s_client", "-brief", "-verify_return_error", "-CAfile",
                    zoo("ca.pem"), "-verify_hostname", "localhost", "-servername", "localhost",
                    "-connect", "127.0.0.1:" + port, "-tls" + version.replace(".", "_")], clean())


def gnutls_client(port, version):
    return Process(["gnutls-cli", "--x509cafile", zoo("ca.pem"), "-p", port, "--priority",
                    f"NORMAL:-VERS-ALL:+VERS-TLS{version}", "localhost"], clean())


def say(client, text):
    client.say(text + b"\n")
    client.expect(text)


def serves_both(name, version, at_once):
    """Each client is told its lines; where the server can, both at the same time."""
    with echo_server(name, 2) as server:
        port = server.expect(rb"port (\d+)\n")[1].decode()
        with openssl_client(port, version) as first:
            say(first, b"one line")
            if not at_once:
                check_equal(first.finish(), 0, first.output)
            with gnutls_client(port, version) as second:
                say(second, b"another line")
                if at_once:
                    say(first, b"and one more")
                    check_equal(first.finish(), 0, first.output)
                check_equal(second.finish(), 0, second.output)
        check_equal(server.finish(), 0, server.output)
        if not at_once:
            check_equal(server.output.count(b"client asked for localhost"), 2, server.output)


def refuses_to_serve(name, error):
    """A key that is not the certificate's."""
    done = run([sample(name), zoo("good.pem"), zoo("client.key"), "1"], clean())
    check_equal(done.returncode, 1, done)
    check(error in done.stdout + done.stderr, done)


def authenticate(port, identity="client"):
    return run([sample("ssa/client-auth"), "localhost", port, zoo(f"{identity}.pem"),
                zoo(f"{identity}.key"), zoo("ca.pem")], clean(), b"stressed\n")


def shows_openssl_its_certificate(version):
    with s_server(version, "-rev", "-Verify", "1", "-verify_return_error", "-CAfile",
                  zoo("ca.pem")) as server:
        done = authenticate(openssl_port(server))
        server.expect(rb"CN ?= ?Test Client")
    check_equal((done.returncode, done.stdout), (0, b"desserts\n"), done)


def shows_gnutls_its_certificate(version):
    with gnutls_serv(version, "--echo", "--require-client-cert", "--verify-client-cert",
                     "--x509cafile", zoo("ca.pem")) as port:
        done = authenticate(port)
    check_equal((done.returncode, done.stdout), (0, b"stressed\n"), done)


def is_refused_by_openssl(version):
    with s_server(version, "-rev", "-Verify", "1", "-verify_return_error", "-CAfile",
                  zoo("ca.pem")) as server:
        done = authenticate(openssl_port(server), "unknown-root")
    check_equal((done.returncode, done.stdout), (1, b""), done)
    check(b"the peer refused" in done.stderr, done)


def shares_a_key(port):
    return run([sample("zephyr/psk-client"), port], clean(), b"stressed\n")


def shares_a_key_with_openssl(version, key):
    with s_server(version, "-rev", "-psk", key, "-psk_identity", "Client_identity",
                  identity=["-nocert"]) as server:
        done = shares_a_key(openssl_port(server))
    if key == KEY:
        check_equal((done.returncode, done.stdout), (0, b"desserts\n"), done)
    else:
        check_equal((done.returncode, done.stdout), (1, b"connect: 103\n"), done)


def shares_a_key_with_gnutls(version):
    with Folder(keys=f"Client_identity:{KEY}\n") as folder, gnutls_serv(
            version, "--echo", kx=PSK,
            identity=["--pskpasswd", os.path.join(folder, "keys")]) as port:
        done = shares_a_key(port)
    check_equal((done.returncode, done.stdout), (0, b"stressed\n"), done)


def takes_no_certificate(version):
    """Zephyr's way to say so: TLS_PEER_VERIFY_NONE. Who has no key is refused all the same."""
    with s_server(version, "-rev") as server:
        done = shares_a_key(openssl_port(server))
    check_equal((done.returncode, done.stdout), (1, b"connect: 103\n"), done)


for one in SAMPLES:
    add_case(f"{one} compiles with the installed headers", compiles, one)
for tls in VERSIONS:
    for getter in ["ssa/https-client", "zephyr/http-get"]:
        add_case(f"{getter}, openssl s_server, TLS {tls}", gets_page_from_openssl, getter, tls)
        add_case(f"{getter}, gnutls-serv, TLS {tls}", gets_page_from_gnutls, getter, tls)
    add_case(f"ssa/https-client names its peer, TLS {tls}", says_who_it_was, tls)
    add_case(f"ssa/echo-server, both tools, TLS {tls}", serves_both, "ssa/echo-server", tls, False)
    add_case(f"zephyr/echo-server, both tools, TLS {tls}", serves_both, "zephyr/echo-server", tls,
             True)
    add_case(f"ssa/client-auth, openssl s_server, TLS {tls}", shows_openssl_its_certificate, tls)
    add_case(f"ssa/client-auth, gnutls-serv, TLS {tls}", shows_gnutls_its_certificate, tls)
    add_case(f"zephyr/psk-client, openssl s_server, TLS {tls}", shares_a_key_with_openssl, tls, KEY)
    add_case(f"zephyr/psk-client, another key, TLS {tls}", shares_a_key_with_openssl, tls,
             OTHER_KEY)
    add_case(f"zephyr/psk-client, gnutls-serv, TLS {tls}", shares_a_key_with_gnutls, tls)
    add_case(f"zephyr/psk-client, a certificate instead, TLS {tls}", takes_no_certificate, tls)
add_case("ssa/client-auth is refused by openssl s_server", is_refused_by_openssl, "1.2")
add_case("ssa/https-client refuses another root", refuses_other_root, "ssa/https-client",
         b"Protocol error")
add_case("zephyr/http-get refuses another root", refuses_other_root, "zephyr/http-get", b"103")
add_case("ssa/echo-server, another's key", refuses_to_serve, "ssa/echo-server", b"Protocol error")
add_case("zephyr/echo-server, another's key", refuses_to_serve, "zephyr/echo-server",
         b"TLS_SEC_TAG_LIST")
sys.exit(run_cases())
