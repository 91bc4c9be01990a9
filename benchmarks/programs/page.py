#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Prints the goals of a run, and writes its page, with plots beside it in a directory of the
page's name without its ending."""
import argparse
import json
import pathlib

import plots
from tally import METRICS, spread

# What the C driver has more: title, unit, decimals, whether less is better.
TITLES = {
    **METRICS,
    "rate": ("handshakes", "1/s", 0, False),
    "first_byte": ("first byte", "µs", 0, True),
    "slow_p99": ("p99, slow", "µs", 1, True),
    "slowdown": ("ratio of p99", "", 2, True),
    "client_cpu": ("client's CPU", "µs", 1, True),
    "server_calls": ("system calls", "", 2, True),
    "idle_calls": ("idle calls", "1/s", 1, True),
    "idle_cpu": ("idle CPU", "ms/s", 2, True),
    "client_heap": ("client's heap", "KB", 2, True),
    "server_heap": ("server's heap", "KB", 2, True),
    "client_resident": ("client's RSS", "KB", 2, True),
    "server_resident": ("server's RSS", "KB", 2, True),
    "call": ("a call", "ns", 2, True),
    "call_instructions": ("a call", "instructions", 1, True),
}
BUSY = ("**The machine was busy with other things than this run: rates and latencies, and the goals "
        "that are made of them, are not to be relied on, CPU times are by a fifth or so.**\n\n")
FLOOR, PARTS_OF_FLOOR = "floor: TCP and AEAD", ("tcp", "AEAD alone")
HEAD = """# Performance

Made by `./bench`; to repeat it, run that on a Debian 12 machine that does nothing else.
`./bench --quick` takes a few minutes, `./bench --help` tells how to choose. What is measured
and how: [benchmarks/README.md](../benchmarks/README.md).

{machine}

Figures are medians of the rounds, ± half of what lies between their quartiles. *tlssock* is
the library linked, *tlssock-preload* and *preloaded* the same put into a program that knows
nothing of it. *stunnel* stands on both ends; *haproxy* and *hitch* end TLS in front of a plain
server; their CPU counts as that of their side.
"""


class Run:
    """The figures of both JSON files."""

    def __init__(self, parts):
        self.results = [result for part in parts for result in part["results"]]
        self.goals = [goal for part in parts for goal in part["goals"]]
        self.facts = [fact for part in parts for fact in part["contenders"]]
        self.found = {(r["case"], r["contender"], r["metric"]): r for r in self.results}

    def cases(self):
        return list(dict.fromkeys(result["case"] for result in self.results))

    def contenders(self, case):
        return list(dict.fromkeys(r["contender"] for r in self.results if r["case"] == case))

    def metrics(self, case):
        found = {result["metric"] for result in self.results if result["case"] == case}
        return [metric for metric in TITLES if metric in found]

    def get(self, case, contender, metric):
        return self.found.get((case, contender, metric))

    def median(self, case, contender, metric):
        result = self.get(case, contender, metric)
        return result["median"] if result else None


def cell(result, metric):
    if not result:
        return ""
    _, _, decimals, _ = TITLES[metric]
    half = spread(result["values"])
    if metric == "call":
        return f"{result['median']:.{decimals}f} ± {half:.{decimals}f}"
    part = half / abs(result["median"]) * 100 if result["median"] else 0
    return f"{result['median']:.{decimals}f} ± {part:.0f} %"


def of_floor(run, case, contender, metric):
    """What part of the contender's cost, or of the floor's rate, is the floor's."""
    floor, own = (run.median(case, who, metric) for who in (FLOOR, contender))
    if not floor or not own or contender in (FLOOR, *PARTS_OF_FLOOR):
        return ""
    return f" ({(floor / own if TITLES[metric][3] else own / floor) * 100:.0f} %)"


def row(cells):
    return "| " + " | ".join(cells) + " |\n"


def table(run, case):
    metrics = run.metrics(case)
    text = f"**{case}**\n\n"
    text += row([""] + [", ".join(filter(None, TITLES[metric][:2])) for metric in metrics])
    text += row(["---"] + ["---:"] * len(metrics))
    for contender in run.contenders(case):
        cells = [cell(run.get(case, contender, metric), metric) +
                 of_floor(run, case, contender, metric) for metric in metrics]
        text += row([contender, *cells])
    return text + "\n"


def goals_table(run):
    text = row(["case", "goal", "value", ""]) + row(["---", "---", "---:", "---"])
    for goal in run.goals:
        text += row([goal["case"], goal["goal"], f"{goal['value']:.2f}",
                     "met" if goal["met"] else "**missed**"])
    return text + "\n"


SECTIONS = [
    ("Throughput, one connection", ("bulk, ",), ("bulk", "cpu"),
     "In brackets: the floor's part of a cost, or of the floor's rate what was reached. The floor is"
     " TCP's cost and that of the AEAD alone, the faster of GnuTLS's and OpenSSL's."),
    ("Round trips", ("ping-pong",), ("pingpong",), ""),
    ("Handshakes", ("full handshakes", "resumed handshakes"), ("handshakes",),
     "*first byte* is the time from connect to the first byte of an answer."),
    ("Requests", ("requests", "a crowd"), (), ""),
    ("nginx", ("nginx",), ("nginx",), "By wrk with one thread; nginx has one worker."),
    ("redis", ("redis",), ("redis",), ""),
    ("iperf3", ("iperf3",), (), ""),
    ("Memory", ("memory",), (), ""),
    ("Plain descriptors", (" on a plain descriptor",), (), ""),
    ("Start-up", ("start of",), (), ""),
]


def belongs(case, words):
    return any(case.startswith(word) or (word.startswith(" ") and word in case) for word in words)


def plain_table(run, cases):
    """A line for each call, since the rows are the same."""
    names = list(dict.fromkeys(who for case in cases for who in run.contenders(case)))
    text = row(["ns", *names]) + row(["---"] + ["---:"] * len(names))
    for case in cases:
        text += row([case.split(" on a plain")[0]] +
                    [cell(run.get(case, name, "call"), "call") for name in names])
    return text + "\n"


def section(run, folder, title, words, pictures, remark):
    cases = [case for case in run.cases() if belongs(case, words)]
    if not cases:
        return ""
    text = f"## {title}\n\n" + (remark + "\n\n" if remark else "")
    for picture in pictures:
        if plots.draw(run, picture, folder):
            text += f"![{title}: {picture}]({folder.name}/{picture}.svg)\n\n"
    if title.startswith("Plain"):
        return text + plain_table(run, cases)
    return text + "".join(table(run, case) for case in cases)


def machine(parts, run):
    """parts: the C driver's file first, if it is there."""
    part = parts[0]
    names = dict.fromkeys(f"{fact['contender']}: {fact['text']}" for fact in run.facts
                          if fact["fact"] == "version" and fact["contender"] != "AEAD alone")
    loads = "; ".join(f"{part['load_before']} before, {part['load_after']} after"
                      for part in parts if "load_after" in part)
    counts = [part["rounds"] for part in parts]
    rounds = f"{min(counts)} to {max(counts)}" if min(counts) < max(counts) else counts[0]
    busy = any(part.get("load_before", 0) > part["processors"] for part in parts)
    return (f"{part['processor']}, {part['processors']} CPUs, Linux {part['kernel']}, "
            f"TCP with {part['congestion']}; "
            f"{part['cipher']} but where another one is named, TLS 1.3, P-256; {rounds} rounds. "
            f"Load averages of the machine: {loads}; what a run itself makes is 1 to 2.\n\n"
            f"{BUSY if busy else ''}Versions: {'; '.join(names)}.")


def write_page(page, notes, parts, run):
    folder = page.with_suffix("")
    folder.mkdir(exist_ok=True)
    text = HEAD.format(machine=machine(parts, run)) + "\n## Goals\n\n" + goals_table(run)
    if notes and notes.exists():
        text += notes.read_text(encoding="utf-8") + "\n"
    for entry in SECTIONS:
        text += section(run, folder, *entry)
    page.write_text(text.rstrip() + "\n", encoding="utf-8")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--page", type=pathlib.Path)
    parser.add_argument("--notes", type=pathlib.Path, help="text to put behind the goals")
    parser.add_argument("figures", nargs="+", type=pathlib.Path, help="JSON; those that are missing are not missed")
    arguments = parser.parse_args()
    parts = [json.loads(path.read_text(encoding="utf-8")) for path in arguments.figures if path.exists()]
    if not parts:
        raise SystemExit("no figures")
    run = Run(parts)
    if arguments.page:
        write_page(arguments.page, arguments.notes, parts, run)
    for goal in run.goals:
        print(f"{'met   ' if goal['met'] else 'MISSED'} {goal['value']:8.2f}  {goal['case']}: {goal['goal']}")


if __name__ == "__main__":
    main()
