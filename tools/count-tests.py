#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""count-tests.py LOG...: sums the cases of meson's test logs (testlog.json).

Prints each failed case, each skipped one with its reason, and as the last line
the sums. A test program that crashed, timed out or broke off counts as one
failed case more, whatever it had reported. Exit status 1 if a case failed or
none passed."""
import collections
import json
import pathlib
import re
import sys

CASE = re.compile(r"(?P<bad>not )?ok\b\s*\d*\s*(?:- )?(?P<name>[^#]*)(?P<skip>#\s*skip\S*)?\s*(?P<why>.*)",
                  re.IGNORECASE)
# What test_skip() says; cmocka's own line has the name of the case instead.
SKIPS = re.compile(r"# skip: (?P<why>.*)")
PLAN_SKIPS = re.compile(r"1\.\.0\s*#\s*skip\S*\s*(?P<why>.*)", re.IGNORECASE | re.MULTILINE)


def cases_of(test):
    """Yields outcome, name and reason of each case of one run of a test program."""
    output = test["stdout"] or ""
    seen = collections.Counter()
    said = ""
    for line in output.splitlines():
        if match := SKIPS.match(line):
            said = match["why"]
        elif match := CASE.match(line):
            outcome = "skipped" if match["skip"] else "failed" if match["bad"] else "passed"
            seen[outcome] += 1
            name, why = match["name"].strip(), match["why"]
            if outcome == "skipped" and not name:
                name, why = why, said
            yield outcome, f"{test['name']}: {name}", why
    if test["result"] not in ("OK", "SKIP"):
        # An exit status alone may just say that cases failed.
        broke_off = test["result"] in ("TIMEOUT", "INTERRUPT") or test["returncode"] < 0
        if broke_off or not seen["failed"]:
            yield "failed", test["name"], f"{test['result']}, exit status {test['returncode']}"
    elif not seen:
        why = PLAN_SKIPS.search(output)
        yield ("passed" if test["result"] == "OK" else "skipped", test["name"],
               why["why"] if why else "")


def read(paths):
    """Yields the name of each log and each run of a test program in it."""
    for path in paths:
        with open(path, encoding="utf-8") as log:
            for line in log:
                yield pathlib.Path(path).stem, json.loads(line)


def main():
    sums = collections.Counter()
    told = collections.defaultdict(collections.Counter)
    for log, test in read(sys.argv[1:]):
        for outcome, name, why in cases_of(test):
            sums[outcome] += 1
            if outcome != "passed":
                told[f"{outcome}: {name}" + (f" ({why})" if why else "")][log] += 1
    for line, logs in sorted(told.items()):
        print(line, "in", ", ".join(log if times == 1 else f"{log} {times} times"
                                    for log, times in logs.items()))
    print(f"{sums['passed']} passed, {sums['failed']} failed, {sums['skipped']} skipped")
    return 1 if sums["failed"] or not sums["passed"] else 0


sys.exit(main())
