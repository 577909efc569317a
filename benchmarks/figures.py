"""What was measured, and the ratios in it."""

from __future__ import annotations

import statistics
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from ground import SAYS

Key = tuple[str, str, int]  # contender, queue, workers
Of = Callable[[Iterable[float]], float]  # max, or the median


@dataclass
class Figures:
    """Transitions per second, one figure per round."""

    rounds: dict[Key, list[float]] = field(default_factory=dict)

    def add(self, key: Key, tps: float) -> None:
        """One more round."""
        self.rounds.setdefault(key, []).append(tps)
        print(f"  {key[0]:14} {SAYS[key[1]]:32} {key[2]} workers {tps:8.0f}/s", file=sys.stderr)

    def ratio(self, key: Key, to: Key, of: Of) -> float | None:
        """The median of the ratios taken round by round; or the ratio of the two best rounds."""
        if to not in self.rounds:
            return None
        mine, others = self.rounds[key], self.rounds[to]
        if of is statistics.median:
            return of(a / b for a, b in zip(mine, others, strict=True))
        return of(mine) / of(others)


def summary(figures: Figures, *, of: Of) -> list[dict[str, object]]:
    """One row per contender, queue and number of workers."""
    rows: list[dict[str, object]] = []
    for key, rounds in sorted(figures.rounds.items(), key=lambda row: (row[0][2], row[0])):
        name, queue, workers = key
        row: dict[str, object] = {
            "contender": name,
            "queue": queue,
            "workers": workers,
            "per_second": round(of(rounds)),
        }
        to: dict[str, Key | None] = {
            "of_floor": ("floor", queue, workers),
            "of_procrastinate": ("procrastinate", "", workers),
            "of_1_thousand": (name, "k1", workers),
            "of_none_ahead": (name, "m1", workers) if queue.startswith("m1_") else None,
        }
        for column, other in to.items():
            ratio = None if other is None else figures.ratio(key, other, of)
            row[column] = None if ratio is None else round(ratio, 2)
        rows.append(row)
    return rows


def table(rows: list[dict[str, object]]) -> str:
    """The same for people, as Markdown."""
    columns = ("of_floor", "of_procrastinate", "of_1_thousand", "of_none_ahead")
    lines = [
        "| | workers | per second | of the floor | of Procrastinate | of 1k rows | of none ahead |",
        "|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        first = f"{row['contender']}, {SAYS[str(row['queue'])]}"
        ratios = ("" if row[column] is None else row[column] for column in columns)
        cells = (first, row["workers"], row["per_second"], *ratios)
        lines.append("| " + " | ".join(str(cell) for cell in cells) + " |")
    return "\n".join(lines)
