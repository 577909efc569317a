"""The floor: the same statements, out of the package, run by pgbench.

What Damascus adds to this is Python: the pool, the adaptation of values, the cycle, the log.
"""

from __future__ import annotations

import re
import subprocess
from collections.abc import Mapping
from pathlib import Path

from ground import CAP, Server
from psycopg.conninfo import conninfo_to_dict

from damascus.state.sql import sql

_NAME = re.compile(r"%\((\w+)\)s")
_TPS = re.compile(r"^tps = ([\d.]+)", re.MULTILINE)
NO_CAPS = {"usd_day": "NULL", "usd_month": "NULL"}
_FAILED = re.compile(r"^number of failed transactions: ([1-9]\d*)", re.MULTILINE)


def _by_phase(spec: str, build: str, review: str) -> str:
    return (
        f"(CASE :phase::text WHEN 'spec' THEN {spec} WHEN 'build' THEN {build} ELSE {review} END)"
    )


def _statement(name: str, values: Mapping[str, str]) -> str:
    # %% is how a percent sign is written where parameters are bound.
    return _NAME.sub(lambda found: values[found[1]], sql(name)).replace("%%", "%")


def script(statements: Mapping[str, str] | None = None) -> str:
    """One transition for pgbench: claim, start_run, call, cost, settle; `statements` replace."""
    worker = "'pgbench'"
    claim = {"cap": str(CAP), "stale": "'30 minutes'", "worker": worker, "broke": "'{}'"} | NO_CAPS
    start = {"item": ":id", "epoch": ":claim_epoch", "worker": worker, "uncaged": "NULL"}
    call = {
        "call": ":call",
        "item": ":id",
        "run": ":run_run_id",
        "phase": ":phase",
        "model": "'noop'",
        "at_most": "NULL",
    }
    null = "NULL"
    cost = {
        **call,
        "input_tokens": "'1000'",
        "output_tokens": "'100'",
        "cache_read_tokens": null,
        "cache_write_tokens": null,
        "usd": "'0.01'",
        "estimated": "false",
    }
    settle = {
        **start,
        "to": _by_phase("'build'", "'review'", "'merged'"),
        "event": _by_phase("'work.spec_ready'", "'work.built'", "'work.merged'"),
        "spec": _by_phase("'## Goal'", null, null),
        "test_command": _by_phase("""'["true"]'""", null, null),
        "branch": _by_phase(null, "'damascus-1-x'", null),
        "head_sha": _by_phase(null, f"'{'a' * 40}'", f"'{'a' * 40}'"),
        "base_sha": _by_phase(null, null, f"'{'b' * 40}'"),
        "merge_sha": _by_phase(null, null, f"'{'c' * 40}'"),
        "pr_number": _by_phase(null, "'1'", null),
        "pr_url": _by_phase(null, "'x'", null),
        "findings": _by_phase("'[]'", null, null),
        "verdict": "'pass'",
        "effective": "'pass'",
        "summary": "'Done.'",
        "details": "'{}'",
        "refund": "1",
        "fault": "false",
        "backoff": null,
        "keep_built": "false",
        "issue_kind": null,
        "issue_title": "''",
        "issue_body": "''",
        "issue_command": null,
        "questions": "'[]'",
    }
    texts = {
        "claim": _statement("claims.claim", claim) + " \\gset\n",
        "start_run": _statement("claims.start", start) + " \\gset run_\n",
        "call": "SELECT gen_random_uuid() AS call \\gset\n"
        + _statement("calls.sent", call)
        + ";\n",
        "cost": _statement("calls.settle", cost) + ";\n",
        "settle": _statement("claims.settle", settle) + ";\n",
    }
    return "".join({**texts, **(statements or {})}.values())


def run(
    on: Server, url: str, *, ticks: int, workers: int, directory: Path, text: str | None = None
) -> float:
    """Transitions per second."""
    file = directory / "transition.sql"
    file.write_text(text or script())
    answer = _pgbench(on, url, file, ticks=ticks, workers=workers)
    found = _TPS.search(answer)
    assert found, answer
    assert not _FAILED.search(answer), answer
    return float(found[1])


def _pgbench(on: Server, url: str, file: Path, *, ticks: int, workers: int) -> str:
    where = conninfo_to_dict(url)
    argv = [
        *(str(on.bin / "pgbench"), "-n", "-M", "prepared", "-f", str(file)),
        *("-c", str(workers), "-j", str(min(workers, 2)), "-t", str(ticks // workers)),
        *("-h", str(where["host"]), "-U", str(where["user"]), str(where["dbname"])),
    ]
    # The same session as a worker's (damascus.state.db).
    done = subprocess.run(
        argv,
        capture_output=True,
        text=True,
        check=False,
        env={"PGOPTIONS": "-c enable_seqscan=off -c jit=off"},
    )
    assert done.returncode == 0, done.stderr
    assert "aborted" not in done.stderr, done.stderr
    return done.stdout
