# SPDX-License-Identifier: MIT
"""redis-benchmark on redis-server: GET and SET, one client and 50, alone and in pipelines."""
import csv
import functools
import subprocess

from harness import Folder
from stage import group_of, measured

NEEDS = "redis-server", "redis-benchmark"
CONTENDERS = {
    "plain": {},
    "native": {"native": True, "native_client": True},
    "preloaded": {"preload": True, "preload_client": True},
    "preloaded server": {"preload": True, "native_client": True},
    "stunnel": {"proxy": "stunnel"},
    "haproxy": {"proxy": "haproxy", "native_client": True},
    "hitch": {"proxy": "hitch", "native_client": True},
}
# clients, requests in a pipeline, requests in about a second of plain TCP
# of one client; of 50 in several seconds, since in the time that redis-benchmark counts are
# the handshakes of the library's clients, and not of those that speak TLS by themselves.
CASES = {(1, 1): 15_000, (50, 1): 360_000, (1, 16): 100_000, (50, 16): 2_400_000}


def label(word, clients, pipeline):
    people = f"{clients} client{'s' if clients > 1 else ''}"
    return f"redis {word}, {people}" + (f", pipelines of {pipeline}" if pipeline > 1 else "")


GOALS = [(label(word, 50, pipeline), "requests", who, against, bound, text)
         for word in ("GET", "SET") for pipeline in (1, 16)
         for who, against, bound, text in (
             ("preloaded", "native", 1.0, "at least redis's own TLS"),
             ("preloaded server", "native", 1.0, "the server alone: at least redis's own TLS"),
             ("preloaded", "stunnel", 3.0, "at least 3 times stunnel on both ends"))]


def start_command(stage, contender, folder, port):
    command = ["redis-server", "--bind", "127.0.0.1", "--save", "", "--dir", folder,
               "--loglevel", "warning"]
    if not contender.get("native"):
        return [*command, "--port", str(port)]
    return [*command, "--port", "0", "--tls-port", str(port), "--tls-auth-clients", "no",
            "--tls-cert-file", stage.file("cert.pem"), "--tls-key-file", stage.file("key.pem"),
            "--tls-ca-cert-file", stage.file("ca.pem"), "--tls-protocols", "TLSv1.3",
            "--tls-ciphersuites", stage.cipher]


def client_command(stage, contender, port, clients, pipeline, count):
    command = ["redis-benchmark", "-h", "localhost", "-p", str(port), "-t", "set,get", "--csv",
               "-c", str(clients), "-P", str(pipeline), "-n", str(count)]
    if contender.get("native_client"):
        command += ["--tls", "--cacert", stage.file("ca.pem"), "--tls-ciphersuites", stage.cipher]
    return command


def run(stage, case, contender, seconds):
    clients, pipeline = case
    count = max(1000, int(CASES[case] * seconds / 2))
    with Folder() as folder:
        command = functools.partial(start_command, stage, contender, folder)
        with stage.server(command, contender.get("preload"), folder) as (port, process):
            with stage.proxies(contender.get("proxy"), port) as (connect, proxies):
                env = stage.environment(contender.get("preload_client"))
                ask = functools.partial(client_command, stage, contender, connect, clients, pipeline)
                measured(ask(clients * pipeline * 4), env, [])
                output, used = measured(ask(count), env, [*group_of(process), *proxies])
    for row in csv.DictReader(output.splitlines()):
        yield label(row["test"], clients, pipeline), {
            "requests": float(row["rps"]), "p50": float(row["p50_latency_ms"]) * 1e3,
            "p99": float(row["p99_latency_ms"]) * 1e3, "server_cpu": used / (2 * count) * 1e6}


def versions():
    said = subprocess.run(["redis-server", "--version"], capture_output=True, text=True,
                          check=False).stdout
    yield "redis", said.split("v=")[1].split()[0]
