#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Unmodified web servers, asked by curl with OpenSSL and by each other.

Usage: test_web.py SERVER."""
import contextlib
import os
import sys

from harness import TLS, Folder, Process, check, check_equal, environment, need, run_cases, zoo
from unmodified import (add_both, finish, identity, native_server, reserved_port, start, stop)

SIZES = {"small": 100, "middle": 100_000, "large": 10_000_000}
TOGETHER = 24

NGINX = """
daemon off;
user nobody nogroup;
worker_processes 3;
error_log stderr notice;
pid {folder}/pid;
env TLSSOCK_CA;
env ASK_PROTOCOL;
events {{ }}
http {{
    access_log off;
    sendfile {sendfile};
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    server {{
        listen 127.0.0.1:{port};
        root {folder};
        location /behind/ {{ proxy_pass http://localhost:{behind}/; }}
    }}
}}
"""
APACHE = """
ServerRoot {folder}
ServerName localhost
LoadModule mpm_prefork_module {modules}/mod_mpm_prefork.so
LoadModule authz_core_module {modules}/mod_authz_core.so
Listen 127.0.0.1:{port}
User nobody
Group nogroup
PidFile {folder}/pid
DefaultRuntimeDir {folder}
ErrorLog /dev/stderr
StartServers 3
EnableSendfile {sendfile}
DocumentRoot {folder}
"""
SERVERS = {
    "nginx": (["nginx", "-e", "stderr", "-p", "{folder}", "-c", "{folder}/conf"], NGINX,
              rb"start worker process \d+\n(?s:.*start worker process \d+\n){2}"),
    "apache": (["apache2", "-D", "FOREGROUND", "-f", "{folder}/conf"], APACHE,
               rb"resuming normal operations"),
}


class Site(Folder):
    """Files to serve, and an identity. The workers of root's servers are nobody, who may see
    the files; the key only if it is public, since their own clients show it too."""

    def __init__(self, is_public=False):
        super().__init__()
        os.chmod(self.name, 0o755)
        secrets = os.path.join(self.name, "secrets")
        os.mkdir(secrets, 0o755 if is_public else 0o700)
        self.identity = identity(secrets)
        if is_public:
            os.chmod(self.identity["TLSSOCK_KEY"], 0o644)
        self.files = {name: os.urandom(size) for name, size in SIZES.items()}
        for name, data in self.files.items():
            with open(os.path.join(self.name, name), "wb") as file:
                file.write(data)

    def __enter__(self):
        return self

    def url(self, protocol, port, name):
        scheme = "https" if protocol == TLS else "http"
        return f"{scheme}://localhost:{port}/{name}"


@contextlib.contextmanager
def serving(protocol, kind, site, **values):
    """The server with the site; it must end well. Gives its port."""
    command, text, ready = SERVERS[kind]
    values = {"sendfile": "off", "behind": 9, "folder": site.name,
              "modules": "/usr/lib/apache2/modules", **values}
    with reserved_port() as port:
        with open(os.path.join(site.name, "conf"), "w", encoding="ascii") as file:
            file.write(text.format(port=port, **values))
        command = [word.format(**values) for word in command]
        with start(command, protocol, **site.identity) as server:
            server.expect(ready)
            yield port
            stop(server)


def fetch(site, protocol, port, names, *options):
    """Gets the files with a curl that knows nothing of the library. Returns its output."""
    command = ["curl", "-sS", "--cacert", zoo("ca.pem"), *options]
    with Folder() as folder:
        for at, name in enumerate(names):
            command += ["-o", f"{folder}/{at}", site.url(protocol, port, name)]
        with Process(command, environment(False)) as curl:
            check_equal(curl.finish(), 0, curl.output)
        for at, name in enumerate(names):
            with open(f"{folder}/{at}", "rb") as file:
                check(file.read() == site.files[name.split("/")[-1]], f"another {name} came")
    return curl.output


def serves_files(protocol, kind, sendfile):
    """All in one connection, which stays."""
    with Site() as site, serving(protocol, kind, site, sendfile=sendfile) as port:
        said = fetch(site, protocol, port, ["small", "large", "middle", "small"],
                     "-w", "%{http_code} %{num_connects}\\n")
        check_equal(said, b"200 1\n200 0\n200 0\n200 0\n")


def serves_many(protocol, kind, sendfile):
    """Connections at once, each file in its own."""
    with Site() as site, serving(protocol, kind, site, sendfile=sendfile) as port:
        fetch(site, protocol, port, ["middle"] * TOGETHER, "-Z", "-H", "Connection: close")


def serves_unmodified(protocol, kind):
    """Both ends ask for TCP and get the protocol."""
    with Site() as site, serving(protocol, kind, site) as port:
        url = f"http://localhost:{port}/middle"
        check_equal(finish(["curl", "-sS", url, url], protocol),
                    (0, site.files["middle"] * 2, b""))


def stands_before(protocol, kind):
    """The server behind is native; the one before speaks the protocol on both sides."""
    with Site(is_public=True) as site:
        def answer(connection):
            with connection.makefile("rwb") as stream:
                name = stream.readline().split()[1].decode()[1:]
                while stream.readline().strip():
                    pass
                body = site.files[name]
                stream.write(b"HTTP/1.0 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body) + body)
        with native_server(protocol, 2, answer) as behind:
            with serving(protocol, kind, site, behind=behind.port) as port:
                fetch(site, protocol, port, ["behind/middle", "behind/small"])
            behind.finish()


def main(kind):
    need(SERVERS[kind][0][0])
    add_both(f"{kind}: files in one connection", serves_files, kind, "off")
    add_both(f"{kind}: files by sendfile in one connection", serves_files, kind, "on")
    add_both(f"{kind}: many connections", serves_many, kind, "off")
    add_both(f"{kind}: many connections, sendfile", serves_many, kind, "on")
    add_both(f"{kind}: and an unmodified curl", serves_unmodified, kind)
    if kind == "nginx":
        add_both(f"{kind}: before a native server", stands_before, kind)
    return run_cases()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
