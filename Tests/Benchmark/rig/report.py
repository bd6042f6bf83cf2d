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
    # Of memory and time, less is better: then a ratio of a target or less reaches it.
    less_is_better: bool = False

    def ratio(self, subject, other):
        return self.measures[subject].median / self.measures[other].median

    def verdict(self, other):
        target = self.targets.get(other)
        if target is None:
            return ""
        ratio = self.ratio("Larder", other)
        reached = ratio <= target if self.less_is_better else ratio >= target
        sign = "≤" if self.less_is_better else "≥"
        return f" ({sign} {target}{'' if reached else ', missed'})"


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
    for subjects in groups(rows):
        names = list(subjects[0].measures)
        others = [name for name in names if not name.startswith("Larder")]
        if others:
            lines = [[f"{row.name}, {row.unit}"] + [f"{row.ratio('Larder', other):.2f}{row.verdict(other)}" for other in others]
                     for row in subjects]
            out += ["Larder / other:", "", *table([""] + others, lines), ""]
        lines = [[f"{row.name}, {row.unit}"] + [f"{m.text()} ({number(m.least)} to {number(m.most)})" for m in row.measures.values()]
                 for row in subjects]
        out += ["Medians (least to most):", "", *table([""] + names, lines), ""]
        for row in subjects:
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
