"""The API answers as its OpenAPI document says, whether or not the document allows the question.

DAMASCUS_TEST_SCHEMATHESIS_EXAMPLES says how many tries each address gets beside those that the
document itself gives rise to, PYTEST_SCHEMATHESIS_SEED which ones.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from damascus.domain.work import Verdict
from support.api_server import serving
from support.cycles import accept, settle

# Streams have no end, and sign-outs would end what the others need.
LEFT_OUT = ("stream_events", "sign_out")
# Whether a repository or a command can be used no document can say: 422 is an answer to good data.
CONFIG = """
[[operations]]
include-operation-id = "add_project"
checks.positive_data_acceptance.enabled = false

[[operations]]
include-operation-id = "change_project"
checks.positive_data_acceptance.enabled = false

# A filter that chooses everything is refused, and what an act needs depends on the act.
[[operations]]
include-operation-id = "bulk_items"
checks.positive_data_acceptance.enabled = false

[[operations]]
include-operation-id = "bulk_answer"
checks.positive_data_acceptance.enabled = false
"""


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_schemathesis_finds_nothing(database_url, home, tmp_path):
    (tmp_path / "schemathesis.toml").write_text(CONFIG)
    with serving(database_url, home) as api:
        for number in range(6):
            accept(api.app.store, f"s{number}")
        claims = api.claims()
        for verdict in (Verdict.SPEC_AMBIGUOUS, Verdict.OVER_BUDGET, Verdict.PASS):
            claim = claims.claim()
            claims.start(claim)
            settle(claims, claim, verdict)
        done = subprocess.run(
            [
                str(Path(sys.executable).with_name("schemathesis")),
                "run",
                f"{api.url}/openapi.json",
                "--header",
                f"Authorization: Bearer {api.token}",
                "--phases",
                "examples,coverage,fuzzing",
                "--max-examples",
                os.environ.get("DAMASCUS_TEST_SCHEMATHESIS_EXAMPLES", "8"),
                "--seed",
                os.environ.get("PYTEST_SCHEMATHESIS_SEED", "1"),
                *(word for name in LEFT_OUT for word in ("--exclude-operation-id", name)),
            ],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            check=False,
        )
    assert done.returncode == 0, done.stdout[-6000:]
