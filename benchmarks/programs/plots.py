# SPDX-License-Identifier: MIT
"""The plots of a run, by gnuplot, as SVG."""
import re
import shutil
import subprocess

COLOURS = {
    "tcp": "#999999", "plain": "#999999", "gnutls": "#4477aa", "openssl": "#228833",
    "native": "#228833", "tlssock": "#cc3311", "tlssock-preload": "#ee7733", "preloaded": "#cc3311",
    "preloaded server": "#ee7733", "stunnel": "#aa3377", "haproxy": "#66ccee", "hitch": "#ccbb44",
    "floor: TCP and AEAD": "#000000", "AEAD alone": "#555555",
}
HEAD = """set terminal svg size 820,400 font "sans-serif,12" background rgb "white"
set output "{path}"
set title "{title}"
set ylabel "{unit}"
set grid ytics lc rgb "#dddddd"
set key outside right
set bmargin 4
set border 3
set tics nomirror
"""
ONE_CONNECTION = re.compile(r"bulk, (\d+)-byte writes, 65536-byte reads")


def quoted(values):
    return " ".join("-" if value is None else f"{value:.6g}" for value in values)


def run_gnuplot(text):
    subprocess.run(["gnuplot"], input=text, text=True, check=True)


def blocks(series):
    """Data of each series, as gnuplot's named blocks. Returns their text."""
    return "".join(f"$d{i} << EOD\n" + "\n".join(map(quoted, rows)) + "\nEOD\n"
                   for i, (_, rows) in enumerate(series))


def lines(path, title, unit, series):
    """series: [(contender, [(x, median, low, high), ...])]"""
    text = HEAD.format(path=path, title=title, unit=unit) + blocks(series)
    text += 'set logscale x 2\nset logscale y\nset xlabel "bytes in a write"\nset format x "%.0f"\n'
    text += "plot " + ", ".join(
        f'$d{i} using 1:2:3:4 with yerrorlines lw 2 pt 7 ps 0.5 lc rgb "{COLOURS[name]}" '
        f'{"dt 2 " if name.startswith("floor") else ""}title "{name}"' for i, (name, _) in enumerate(series))
    run_gnuplot(text + "\n")


def bars(path, title, unit, groups, series):
    """groups: names; series: [(contender, [(median, low, high) or None, ...])]"""
    width = 0.8 / len(series)
    rows = []
    for at, (name, values) in enumerate(series):
        shift = (at - (len(series) - 1) / 2) * width
        rows.append((name, [(group + shift, *value, width * 0.92)
                            for group, value in enumerate(values) if value]))
    text = HEAD.format(path=path, title=title, unit=unit) + blocks(rows)
    ticks = ", ".join(f'"{name}" {at}' for at, name in enumerate(groups))
    text += f"set xtics ({ticks})\nset xrange [-0.6:{len(groups) - 0.4}]\nset yrange [0:*]\n"
    text += "set style fill solid 0.85\nplot " + ", ".join(
        f'$d{i} using 1:2:5 with boxes lc rgb "{COLOURS[name]}" title "{name}", '
        f'$d{i} using 1:2:3:4 with yerrorbars lc rgb "#333333" pt 7 ps 0.2 notitle'
        for i, (name, _) in enumerate(rows))
    run_gnuplot(text + "\n")


def figure(run, case, contender, metric):
    result = run.get(case, contender, metric)
    return (result["median"], result["low"], result["high"]) if result else None


def draw_bulk(run, path):
    sizes = {case: int(match[1]) for case in run.cases() if (match := ONE_CONNECTION.fullmatch(case))}
    series = []
    for name in COLOURS:
        rows = [(size, *found) for case, size in sorted(sizes.items(), key=lambda item: item[1])
                if (found := figure(run, case, name, "throughput"))]
        if rows:
            series.append((name, rows))
    if series:
        lines(path, "Throughput, one connection", "MB/s", series)
    return bool(series)


def grouped(run, path, title, unit, bundle):
    """bundle: {group: (case, metric)}"""
    bundle = {name: pair for name, pair in bundle.items() if pair[0] in run.cases()}
    series = []
    for name in COLOURS:
        values = [figure(run, *(case, name, metric)) for case, metric in bundle.values()]
        if any(values):
            series.append((name, values))
    if series:
        bars(path, title, unit, list(bundle), series)
    return bool(series)


def draw_cpu(run, path):
    case = "bulk, 16384-byte writes, 65536-byte reads"
    return grouped(run, path, "CPU for a GB, 16 KB writes, one connection", "seconds",
                   {"sender": (case, "sender_cpu"), "receiver": (case, "receiver_cpu")})


def draw_pingpong(run, path):
    case = "ping-pong, 64 bytes"
    return grouped(run, path, "A round trip of 64 bytes", "µs", {"p50": (case, "p50"), "p99": (case, "p99")})


def draw_handshakes(run, path):
    bundle = {f"{kind}, {key}": (f"{kind} handshakes, one after another, {key}", "rate")
              for kind in ("full", "resumed") for key in ("ECDSA", "RSA")}
    return grouped(run, path, "Handshakes a second, one after another", "1/s", bundle)


def draw_nginx(run, path):
    cases = [case for case in run.cases() if case.startswith("nginx")]
    return grouped(run, path, "wrk on nginx, 50 connections", "requests a second",
                   {case.split(",")[1].strip(): (case, "requests") for case in cases})


def draw_redis(run, path):
    cases = [case for case in run.cases() if case.startswith("redis GET")]
    return grouped(run, path, "redis-benchmark, GET", "requests a second",
                   {case.removeprefix("redis GET, ").replace(", ", ",\\n"): (case, "requests")
                    for case in cases})


DRAW = {"bulk": draw_bulk, "cpu": draw_cpu, "pingpong": draw_pingpong, "handshakes": draw_handshakes,
        "nginx": draw_nginx, "redis": draw_redis}


def draw(run, name, folder):
    """Whether there was something to draw."""
    return bool(shutil.which("gnuplot")) and DRAW[name](run, folder / f"{name}.svg")
