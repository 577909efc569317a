"""What a transition is made of: the four statements, and what triggers and foreign keys add.

    python benchmarks/anatomy.py [--rounds N]

pgbench runs the same transition, one client, on copies of one database: as it is, without the
`updated_at` trigger, without the foreign keys of `phase_runs`, without those of `cost_ledger`.
Processor time is that of the server's process; ratios are taken within a round.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from pathlib import Path

import floor
import psycopg
from ground import Queue, Server, build, refill, server

TICKS = 1500
VARIANTS: dict[str, tuple[str, ...]] = {
    "as it is": (),
    "no updated_at trigger": ("ALTER TABLE work_items DISABLE TRIGGER work_items_touch",),
    "no foreign key of phase_runs": (
        "ALTER TABLE phase_runs DROP CONSTRAINT phase_runs_item_id_fkey",
    ),
    "no foreign keys of cost_ledger": tuple(
        f"ALTER TABLE cost_ledger DROP CONSTRAINT cost_ledger_{column}_fkey"
        for column in ("item_id", "project_id", "run_id")
    ),
    "no index for full projects": ("DROP INDEX work_items_claim_order_in_project",),
}


def _reaped_ms(directory: Path) -> float:
    """Processor time of all server processes that have ended, in milliseconds."""
    postmaster = (directory / "postmaster.pid").read_text().split()[0]
    fields = Path(f"/proc/{postmaster}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[13]) + int(fields[14])) * 10.0  # ticks of a hundredth of a second


def _measure(on: Server, url: str, directory: Path) -> tuple[float, float]:
    """Milliseconds per transition: on the wall, of the processor."""
    refill(url)
    before = _reaped_ms(directory / "postgres")
    tps = floor.run(on, url, ticks=TICKS, workers=1, directory=directory)
    time.sleep(0.3)  # the server's process has ended and was counted
    return 1000 / tps, (_reaped_ms(directory / "postgres") - before) / TICKS


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    rounds = parser.parse_args().rounds
    with tempfile.TemporaryDirectory(prefix="damascus-benchmark-") as name:
        directory = Path(name)
        directory.chmod(0o755)
        with server(directory / "postgres") as on:
            urls: dict[str, str] = {}
            for n, (label, changes) in enumerate(VARIANTS.items()):
                queue = Queue(f"v{n}", 20_000)
                urls[label] = build(on, queue, ready=TICKS // 3 + 60, of="v0" if n else None)
                with psycopg.connect(urls[label], autocommit=True) as connection:
                    for change in changes:
                        connection.execute(change)
            found: dict[str, list[tuple[float, float]]] = {label: [] for label in urls}
            for _ in range(rounds):
                for label, url in urls.items():
                    found[label].append(_measure(on, url, directory))
    whole = found["as it is"]
    print("| | wall, of the whole | processor, of the whole |\n|---|---|---|")
    for label, figures in found.items():
        wall = statistics.median(a[0] / b[0] for a, b in zip(figures, whole, strict=True))
        cpu = statistics.median(a[1] / b[1] for a, b in zip(figures, whole, strict=True))
        print(f"| {label} | {wall:.2f} | {cpu:.2f} |")
    print(f"\nas it is: {statistics.median(a[1] for a in whole):.2f} ms of the server's processor")


if __name__ == "__main__":
    main()
