#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Other people's programs, unmodified: plain, with their own TLS, with the library preloaded,
and with proxies in front. Rounds in which each runs once; the first changes.

See ../README.md. Exits with 1 if something could not be measured, never for a figure."""
import argparse
import json
import os
import pathlib
import platform
import shutil
import signal
import sys

HERE = pathlib.Path(__file__).resolve().parent
for place in "tests/support", "tests/programs":
    sys.path.insert(0, str(HERE.parent.parent / place))


def parse():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--build", required=True, help="the build directory")
    parser.add_argument("--measures", default="nginx,redis,iperf,startup")
    parser.add_argument("--contenders", help="a list; all of each measure without it")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=1.0, help="about, for one run of one")
    parser.add_argument("--cipher", default="TLS_AES_128_GCM_SHA256")
    parser.add_argument("--json", help="writes every value there")
    return parser.parse_args()


ARGUMENTS = parse()
BUILD = pathlib.Path(ARGUMENTS.build).resolve()
os.environ.update(TLSSOCK_TEST_VERSION="1.3", TLSSOCK_TEST_ZOO=str(BUILD),
                  TLSSOCK_TEST_PRELOAD=str(BUILD / "src/libtlssock.so"),
                  TLSSOCK_TEST_ASK=str(BUILD / "benchmarks/libask-for-tls.so"))

import iperf  # noqa: E402
import nginx  # noqa: E402
import redis  # noqa: E402
import startup  # noqa: E402
from stage import Stage  # noqa: E402
from tally import Tally  # noqa: E402

MEASURES = {"nginx": nginx, "redis": redis, "iperf": iperf, "startup": startup}
PROXIES = "stunnel", "haproxy", "hitch"


def chosen(measure, stage):
    """The measure's contenders that are asked for and installed, {name: what it is}."""
    wanted = ARGUMENTS.contenders.split(",") if ARGUMENTS.contenders else None
    found = {}
    for name, contender in measure.CONTENDERS.items():
        proxy = contender.get("proxy")
        if wanted and name not in wanted:
            continue
        if proxy and not stage.version(proxy):
            print(f"{name}: {proxy} is not installed", file=sys.stderr)
            continue
        found[name] = contender
    return found


def run_round(tally, stage, measure, number, failed):
    contenders = list(chosen(measure, stage).items())
    for case in measure.CASES:
        for at in range(len(contenders)):
            name, contender = contenders[(at + number) % len(contenders)]
            if (case, name) in failed:
                continue
            try:
                runs = measure.run(stage, case, contender, ARGUMENTS.seconds)
                for label, figures, *who in runs:
                    tally.add(label, who[0] if who else name, number, figures)
            except Exception as problem:  # one contender's; the others go on
                print(f"{name}: FAILED: {case}: {problem!r}", file=sys.stderr)
                failed.add((case, name))


def run_all(stage):
    tally, failed = Tally(), set()
    measures = [MEASURES[name] for name in ARGUMENTS.measures.split(",")]
    for measure in list(measures):
        missing = [program for program in measure.NEEDS if not shutil.which(program)]
        if missing:
            print(f"{measure.__name__}: {', '.join(missing)} not installed", file=sys.stderr)
            measures.remove(measure)
        tally.goals += measure.GOALS
    for number in range(ARGUMENTS.rounds):
        print(f"round {number + 1} of {ARGUMENTS.rounds}", file=sys.stderr)
        for measure in measures:
            run_round(tally, stage, measure, number, failed)
    for measure in measures:
        for program, version in measure.versions():
            tally.fact(program, "version", version)
    return tally, not failed


def processor():
    with open("/proc/cpuinfo", encoding="ascii") as file:
        names = [line.partition(": ")[2].strip() for line in file if line.startswith("model name")]
    return names[0] if names else "unknown processor"


def congestion():
    with open("/proc/sys/net/ipv4/tcp_congestion_control", encoding="ascii") as file:
        return file.read().strip()


def main():
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    signal.signal(signal.SIGHUP, lambda *_: sys.exit(1))
    load = os.getloadavg()[0]
    with Stage(str(BUILD / "benchmarks/bench-stage"), ARGUMENTS.cipher) as stage:
        tally, fine = run_all(stage)
    tally.show("preloaded", ["native", *PROXIES])
    if ARGUMENTS.json:
        with open(ARGUMENTS.json, "w", encoding="utf-8") as file:
            json.dump({"processor": processor(), "kernel": platform.release(),
                       "congestion": congestion(),
                       "processors": os.cpu_count(), "cipher": ARGUMENTS.cipher,
                       "rounds": ARGUMENTS.rounds, "seconds": ARGUMENTS.seconds,
                       "load_before": round(load, 1), "load_after": round(os.getloadavg()[0], 1),
                       "contenders": tally.facts,
                       "results": list(tally.results()), "goals": list(tally.verdicts())},
                      file, indent=1)
    return 0 if fine else 1


if __name__ == "__main__":
    sys.exit(main())
