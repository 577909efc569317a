"""How long a person waits for the command line, and what an idle worker weighs.

    python benchmarks/doors.py [--json]

Wall time of `damascus --help` and `damascus status` (median and best of nine), resident memory of a
`taskiq worker` that has looked once and found nothing, and whether litellm is in it.
"""

from __future__ import annotations

import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from ground import server

from damascus.state import schema
from support.redis_server import RedisServer


def _wall(argv: list[str], env: dict[str, str]) -> tuple[float, float]:
    seconds = []
    for _ in range(9):
        since = time.perf_counter()
        subprocess.run(argv, env=env, check=True, stdout=subprocess.DEVNULL)
        seconds.append(time.perf_counter() - since)
    return statistics.median(seconds), min(seconds)


def _tree(pid: int) -> list[int]:
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [pid, *(found for child in children for found in _tree(int(child)))]


def _resident(pid: int) -> float:
    """Megabytes."""
    status = Path(f"/proc/{pid}/status").read_text()
    found = re.search(r"VmRSS:\s+(\d+) kB", status)
    return int(found[1]) / 1024 if found else 0.0


def main() -> None:
    """Run and print."""
    program = str(Path(sys.executable).parent / "damascus")
    figures: dict[str, object] = {}
    with tempfile.TemporaryDirectory(prefix="damascus-benchmark-") as name:
        directory = Path(name)
        directory.chmod(0o755)
        with server(directory / "postgres") as on, RedisServer(directory) as redis:
            url = on.database("doors")
            schema.init(url)
            env = {
                "PATH": os.environ["PATH"],
                "HOME": name,
                "DAMASCUS_HOME": name,
                "DAMASCUS_DATABASE_URL": url,
                "DAMASCUS_REDIS_URL": redis.url,
            }
            for words in (["--help"], ["status"], ["status", "--json"]):
                median, best = _wall([program, *words], env)
                label = "damascus " + " ".join(words)
                figures[label] = {"seconds_median": round(median, 3), "best": round(best, 3)}
            figures["idle worker"] = _idle_worker(env, directory / "worker.log")
    print(json.dumps(figures, indent=2))


def _idle_worker(env: dict[str, str], log: Path) -> dict[str, object]:
    argv = [
        *(sys.executable, "-X", "importtime", "-m", "taskiq", "worker", "damascus.tasks:broker"),
        *("--workers", "1", "--max-async-tasks", "4", "--max-threadpool-threads", "4"),
    ]
    with log.open("w") as output:
        worker = subprocess.Popen(argv, env=env, stdout=output, stderr=output)
        try:
            for _ in range(600):
                if " is ready" in log.read_text(errors="replace"):
                    break
                time.sleep(0.1)
            time.sleep(2)
            sizes = {pid: round(_resident(pid)) for pid in _tree(worker.pid)}
        finally:
            worker.terminate()
            worker.wait(timeout=30)
    imported = log.read_text(errors="replace")
    return {
        # Taskiq's supervisor, its resource tracker, and the worker itself, which is the largest.
        "resident_mb": sorted(sizes.values(), reverse=True),
        "imports_litellm": bool(re.search(r"import time:.*\| +litellm$", imported, re.MULTILINE)),
    }


if __name__ == "__main__":
    main()
