# SPDX-License-Identifier: MIT
"""wrk asks nginx for files over connections that stay: requests a second, and what one costs
the server's side."""
import functools
import os
import re
import subprocess

from harness import Folder
from stage import group_of, measured

NEEDS = "nginx", "wrk"
CONTENDERS = {
    "plain": {},
    "native": {"native": True, "scheme": "https"},
    "preloaded": {"preload": True, "scheme": "https"},
    "stunnel": {"proxy": "stunnel"},
    "haproxy": {"proxy": "haproxy", "scheme": "https"},
    "hitch": {"proxy": "hitch", "scheme": "https"},
}
SMALL = "nginx, 1 KB answers, 50 connections that stay"
SMALL_FILE = "nginx, 1 KB answers by sendfile, 50 connections that stay"
LARGE_FILE = "nginx, 100 KB answers by sendfile, 50 connections that stay"
# bytes, sendfile: nginx's own default is off, Debian's is on
CASES = {SMALL: (1024, "off"), SMALL_FILE: (1024, "on"), LARGE_FILE: (100 * 1024, "on")}
GOALS = [
    (SMALL, "requests", "preloaded", "native", 0.97, "at least 0.97 of nginx's own TLS"),
    (SMALL_FILE, "requests", "preloaded", "native", 0.97, "at least 0.97 of nginx's own TLS"),
    (LARGE_FILE, "requests", "preloaded", "native", 1.0, "at least nginx's own TLS"),
]
CONFIGURATION = """
daemon off;
user {user};
worker_processes 1;
error_log /dev/null crit;
pid {folder}/pid;
events {{ worker_connections 1024; }}
http {{
    access_log off;
    sendfile {sendfile};
    tcp_nopush {sendfile};
    keepalive_requests 1000000000;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    {tls}
    server {{
        listen 127.0.0.1:{port}{ssl};
        root {folder};
    }}
}}
"""
TLS = """ssl_protocols TLSv1.3;
    ssl_ecdh_curve prime256v1;
    ssl_conf_command Ciphersuites {cipher};
    ssl_certificate {cert};
    ssl_certificate_key {key};"""
UNITS = {"us": 1, "ms": 1e3, "s": 1e6, "m": 60e6}


def start_command(stage, contender, folder, sendfile, port):
    tls = TLS.format(cipher=stage.cipher, cert=stage.file("cert.pem"), key=stage.file("key.pem"))
    native = contender.get("native")
    # Root's workers would be nobody, whose the identity is not.
    user = "root" if os.getuid() == 0 else "nobody"
    path = os.path.join(folder, "conf")
    with open(path, "w", encoding="ascii") as file:
        file.write(CONFIGURATION.format(folder=folder, user=user, tls=tls if native else "",
                                        port=port, sendfile=sendfile, ssl=" ssl" if native else ""))
    return ["nginx", "-e", "stderr", "-p", folder, "-c", path]


def microseconds(text):
    number, unit = re.fullmatch(r"([\d.]+)([a-z]+)", text).groups()
    return float(number) * UNITS[unit]


def figures(output, used):
    errors = re.search(r"Socket errors.*|Non-2xx.*", output)
    if errors:
        raise AssertionError(errors[0])
    count = int(re.search(r"(\d+) requests in", output)[1])
    rate = float(re.search(r"Requests/sec: +([\d.]+)", output)[1])
    p50, p99 = (microseconds(re.search(rf" {part}% +(\S+)", output)[1]) for part in (50, 99))
    return {"requests": rate, "p50": p50, "p99": p99, "server_cpu": used / count * 1e6}


def run(stage, case, contender, seconds):
    length, sendfile = CASES[case]
    with Folder() as folder:
        with open(os.path.join(folder, "file"), "wb") as file:
            file.write(os.urandom(length))
        command = functools.partial(start_command, stage, contender, folder, sendfile)
        with stage.server(command, contender.get("preload")) as (port, process):
            with stage.proxies(contender.get("proxy"), port) as (connect, proxies):
                url = f"{contender.get('scheme', 'http')}://localhost:{connect}/file"
                wrk = ["wrk", "-t", "1", "-c", "50", "--latency"]
                env = stage.environment(False)
                measured([*wrk, "-d", "1", url], env, [])
                output, used = measured([*wrk, "-d", str(max(1, round(2 * seconds))), url], env,
                                           [*group_of(process), *proxies])
    yield case, figures(output, used)


def versions():
    said = subprocess.run(["nginx", "-v"], capture_output=True, text=True, check=False).stderr
    yield "nginx", said.strip().rpartition("/")[2]
