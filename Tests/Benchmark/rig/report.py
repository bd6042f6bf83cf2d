"""What was measured, as tables: Larder against each other, and the medians themselves."""

import dataclasses
import json


@dataclasses.dataclass
class Measure:
    """The median of some samples, how far they lay apart, and what is to be known besides."""

    median: float
    least: float
    most: float
    count: int
    note: str = ""

    @classmethod
    def of(cls, samples, note=""):
        ordered = sorted(samples)
        middle = len(ordered) // 2
        median = ordered[middle] if len(ordered) % 2 else (ordered[middle - 1] + ordered[middle]) / 2
        return cls(median, ordered[0], ordered[-1], len(ordered), note)

    def noting(self, note):
        return dataclasses.replace(self, note=f"{note}; {self.note}")

    def text(self):
        return number(self.median)


@dataclasses.dataclass
class Row:
    """One thing that was measured of several systems; targets are what Larder's share of another's must be."""

    name: str
    unit: str
    measures: dict
    targets: dict = dataclasses.field(default_factory=dict)
    # What the medians themselves must reach.
    limit: float = None
    # Of memory and time, less is better: then a target is reached by what is not above it.
    less_is_better: bool = False

    @property
    def title(self):
        return f"{self.name}, {self.unit}"

    def ratio(self, subject, other):
        return self.measures[subject].median / self.measures[other].median

    def verdict(self, value, target):
        """What is said behind a figure that has a target."""
        if target is None:
            return ""
        reached = value <= target if self.less_is_better else value >= target
        return f" ({'≤' if self.less_is_better else '≥'} {number(target)}{'' if reached else ', missed'})"

    def ratio_text(self, other):
        ratio = self.ratio("Larder", other)
        return f"{ratio:.2f}{self.verdict(ratio, self.targets.get(other))}"

    def median_text(self, name):
        measure = self.measures[name]
        spread = f" [{number(measure.least)} … {number(measure.most)}]" if measure.count > 1 else ""
        return measure.text() + spread + self.verdict(measure.median, self.limit)


def number(value):
    if value >= 1000:
        return f"{value:,.0f}"
    return f"{value:.3g}"


def table(head, lines):
    yield "| " + " | ".join(head) + " |"
    yield "| --- |" + " ---: |" * (len(head) - 1)
    for line in lines:
        yield "| " + " | ".join(line) + " |"


def render(rows):
    """Markdown: ratios first, then medians with their spread, then notes."""
    out = []
    for alike in groups(rows):
        names = list(alike[0].measures)
        others = [name for name in names if not name.startswith("Larder")]
        if others and "Larder" in names:
            out += ["Larder / other:", ""]
            out += [*table(["", *others], [[row.title, *map(row.ratio_text, others)] for row in alike]), ""]
        out += ["Medians [least … most]:", ""]
        out += [*table(["", *names], [[row.title, *map(row.median_text, names)] for row in alike]), ""]
        for row in alike:
            out += [f"- {row.name}, {name}: {measure.note}" for name, measure in row.measures.items() if measure.note]
        out.append("")
    return "\n".join(out)


def groups(rows):
    """Rows with the same systems share their tables."""
    found = {}
    for row in rows:
        found.setdefault(tuple(row.measures), []).append(row)
    return found.values()


def as_json(rows):
    return json.dumps([dataclasses.asdict(row) for row in rows], indent=1)
