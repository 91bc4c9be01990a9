# SPDX-License-Identifier: MIT
"""iperf3, one stream: how much comes over, and what it costs each side."""
import json
import subprocess

from stage import measured

NEEDS = ("iperf3",)
CONTENDERS = {"plain": {}, "preloaded": {"preload": True}, "stunnel": {"proxy": "stunnel"}}
CASE = "iperf3, one stream, 128 KB writes"
CASES = {CASE: None}
GOALS = []


def run(stage, case, contender, seconds):
    def command(port):
        return ["iperf3", "-s", "-B", "127.0.0.1", "-p", str(port)]
    with stage.server(command, contender.get("preload")) as (port, _):
        with stage.proxies(contender.get("proxy"), port) as (connect, proxies):
            client = ["iperf3", "-4", "-c", "localhost", "-p", str(connect), "-J", "-O", "1", "-t",
                      str(max(1, round(2 * seconds)))]
            output, _ = measured(client, stage.environment(contender.get("preload")), [])
    end = json.loads(output)["end"]
    received, cpu = end["sum_received"], end["cpu_utilization_percent"]
    gigabytes = received["bytes"] / received["seconds"] / 1e9
    figures = {"throughput": gigabytes * 1e3}
    if not proxies:  # its own processes are not all of it there
        figures["sender_cpu"] = cpu["host_total"] / 100 / gigabytes
        figures["receiver_cpu"] = cpu["remote_total"] / 100 / gigabytes
    yield case, figures


def versions():
    said = subprocess.run(["iperf3", "--version"], capture_output=True, text=True, check=False)
    yield "iperf3", said.stdout.split()[1]
