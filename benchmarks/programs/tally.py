# SPDX-License-Identifier: MIT
"""Figures by case, contender and metric, a value for each round: medians, ratios, goals,
tables, and the JSON that the C driver writes too."""
import statistics

# name: title, unit, decimals, whether less is better
METRICS = {
    "throughput": ("throughput", "MB/s", 0, False),
    "requests": ("requests", "1/s", 0, False),
    "p50": ("p50", "µs", 0, True),
    "p99": ("p99", "µs", 0, True),
    "sender_cpu": ("sender's CPU", "s/GB", 3, True),
    "receiver_cpu": ("receiver's CPU", "s/GB", 3, True),
    "server_cpu": ("server's CPU", "µs", 1, True),
    "start": ("a start", "ms", 2, True),
    "more": ("more", "ms", 2, True),
}
NAME_WIDTH, CELL_WIDTH = 26, 22


def spread(values):
    """Half of what lies between the quartiles, nearest rank, as statistics.c has it."""
    ordered = sorted(values)
    low, high = (ordered[max(0, -(-len(ordered) * part // 4) - 1)] for part in (1, 3))
    return (high - low) / 2


class Tally:
    def __init__(self):
        self.values = {}  # (case, contender, metric): {round: value}
        self.facts = []
        self.goals = []  # (case, metric, contender, against or None, bound, text)

    def add(self, case, contender, number, figures):
        for metric, value in figures.items():
            self.values.setdefault((case, contender, metric), {})[number] = value

    def fact(self, contender, name, text):
        self.facts.append({"contender": contender, "fact": name, "text": text})

    def cases(self):
        return list(dict.fromkeys(case for case, _, _ in self.values))

    def contenders(self, case):
        return list(dict.fromkeys(who for at, who, _ in self.values if at == case))

    def metrics(self, case):
        found = {metric for at, _, metric in self.values if at == case}
        return [metric for metric in METRICS if metric in found]

    def advantage(self, case, one, other, metric):
        """How many times as good one is as the other: the median of the rounds' ratios."""
        ours, others = (self.values.get((case, who, metric), {}) for who in (one, other))
        pairs = [(ours[at], others[at]) for at in ours.keys() & others.keys()]
        ratios = [b / a if METRICS[metric][3] else a / b for a, b in pairs if a and b]
        return statistics.median(ratios) if ratios else None

    def verdicts(self):
        """Each goal for which there are figures."""
        for case, metric, contender, against, bound, text in self.goals:
            if against:
                value = self.advantage(case, contender, against, metric)
                met = value is not None and value >= bound
            else:
                values = self.values.get((case, contender, metric), {}).values()
                value = statistics.median(values) if values else None
                met = value is not None and value <= bound
            if value is not None:
                yield {"case": case, "goal": text, "bound": bound, "value": value, "met": met}

    def results(self):
        for (case, contender, metric), rounds in self.values.items():
            values = list(rounds.values())
            yield {"case": case, "contender": contender, "metric": metric,
                   "unit": METRICS[metric][1], "median": statistics.median(values),
                   "low": min(values), "high": max(values), "values": values}

    def show(self, ours, references):
        """Prints a table for each case."""
        verdicts = list(self.verdicts())
        for case in self.cases():
            metrics = self.metrics(case)
            titles = (", ".join(METRICS[metric][:2]) for metric in metrics)
            print(f"{case}\n{'':{NAME_WIDTH}}" + "".join(f"{t:>{CELL_WIDTH}}" for t in titles))
            for contender in self.contenders(case):
                self.show_row(case, contender, metrics)
            for other in references:
                self.show_ratios(case, ours, other, metrics)
            for verdict in verdicts:
                if verdict["case"] == case:
                    print(f"  goal: {verdict['goal']}: {verdict['value']:.2f},",
                          "met" if verdict["met"] else "MISSED")
            print()

    def show_row(self, case, contender, metrics):
        row = f"  {contender:{NAME_WIDTH - 2}}"
        for metric in metrics:
            values = list(self.values.get((case, contender, metric), {}).values())
            cell = ""
            if values:
                middle = statistics.median(values)
                part = spread(values) / abs(middle) * 100 if middle else 0
                cell = f"{middle:.{METRICS[metric][2]}f} ±{part:3.0f}%"
            row += f"{cell:>{CELL_WIDTH}}"
        print(row)

    def show_ratios(self, case, ours, other, metrics):
        ratios = [self.advantage(case, ours, other, metric) for metric in metrics]
        if other != ours and any(ratios):
            cells = (f"{ratio:.2f}     " if ratio else "-" for ratio in ratios)
            print(f"  vs {other:{NAME_WIDTH - 5}}" + "".join(f"{c:>{CELL_WIDTH}}" for c in cells))
