"""A world to break things in: a forge, a scripted model, a database, and real worker processes.

`history` (JSON lines) holds what the tests were promised and what was done: accepted stories,
cycles, agents. `support.checker` reads it.
"""

import json
import os
import signal
import subprocess
import sys
from contextlib import ExitStack, suppress
from pathlib import Path
from urllib.parse import urlencode

from psycopg.conninfo import conninfo_to_dict

from damascus.config import load
from damascus.demo.model_script import Say
from damascus.demo.model_server import ModelServer
from damascus.domain.story import read_story
from support import forked, scripted_agent
from support.fault_worker import LightApp, Recorder, work
from support.fresh import age
from support.gitea_standin import GiteaStandin
from support.patience import patience, wait_until
from support.scripted_tasks import as_url
from support.specs import GOOD_SPEC

REPO = "ada/shop"
CANARY = "canary-token-5f3a9c"  # of the forge: it must turn up nowhere
TEST = """import unittest


class Begin(unittest.TestCase):
    def test_there_is_something(self):
        self.assertTrue(True)
"""


class FaultWorld:
    """Enter it with `with`; leaving ends every process it started."""

    def __init__(self, root, database_url):
        self.root = Path(root)
        self.url = as_url(database_url)
        self.home = self.root / "home"
        self.home.mkdir(exist_ok=True)
        self.history_path = self.root / "history.jsonl"
        self.agents_path = self.root / "agents.jsonl"
        self.history = Recorder(self.history_path)
        self.log = self.root / "workers.log"
        self.agent_seconds = "0"
        self.processes = []
        self._stack = ExitStack()

    def __enter__(self):
        self.forge = self._stack.enter_context(GiteaStandin(self.root / "forge", token=CANARY))
        self.forge.add_repo(*REPO.split("/"), {"README.md": "# Shop\n", "test_begin.py": TEST})
        spec = GOOD_SPEC.replace("pytest -q", "python3 -m unittest -q")
        self.model = self._stack.enter_context(ModelServer(lambda _: Say(spec)))
        self.app = self._stack.enter_context(LightApp(self.settings("observer")))
        self.app.store.projects.add(
            name="shop",
            forge="gitea",
            repo=f"{self.forge.url}/{REPO}",
            base_branch="main",
            # The agent's work is a file that no test looks at: it has no evidence to show.
            policy={
                "test_timeout_seconds": 60,
                "test_command_policy": "trust-spec",
                "test_evidence": "exit-status",
                "allow_unmeasured": True,
            },
            actor="test",
        )
        return self

    def __exit__(self, *_):
        for process in self.processes:
            self.kill(process)
        self._stack.close()

    # -- arranging

    def accept(self, count=1):
        """Accept stories as a person does; their item numbers."""
        known = len(self.lines("accepted"))
        items = []
        for number in range(known + 1, known + count + 1):
            text = f"# Story {number}\n\nDo it.\n".encode()
            done = self.app.store.items.ingest(
                "shop", read_story(text, name=f"s{number}.md"), actor="t"
            )
            self.history.write(accepted=done.key, item=done.item_id, outcome=done.outcome)
            items.append(done.item_id)
        return items

    def environment(self, name, **more):
        agent = [sys.executable, scripted_agent.__file__, str(self.agents_path)]
        return {
            "DAMASCUS_HOME": str(self.home),
            "DAMASCUS_DATABASE_URL": more.pop("database_url", self.url),
            "DAMASCUS_WORKER_NAME": name,
            "DAMASCUS_GITEA_URL": self.forge.url,
            "DAMASCUS_GITEA_TOKEN": CANARY,
            "DAMASCUS_LLM_MODEL": "openai/scripted",
            "DAMASCUS_LLM_API_BASE": self.model.openai_base if hasattr(self, "model") else "",
            "DAMASCUS_BUILDER": "command",
            "DAMASCUS_COMMAND_ARGV": json.dumps(
                [*agent, "{checkout}", "{session}", self.agent_seconds]
            ),
            "DAMASCUS_AGENT_PATH": f"{Path(sys.executable).parent}:/usr/local/bin:/usr/bin:/bin",
            "DAMASCUS_SANDBOX": "plain",
            "DAMASCUS_BUDGET_CYCLES": "5",
            "DAMASCUS_BUDGET_USD": "1",
            **{f"DAMASCUS_{name.upper()}": str(value) for name, value in more.items()},
        }

    def settings(self, name, **more):
        values = self.environment(name, **more)
        given = {key.removeprefix("DAMASCUS_").lower(): value for key, value in values.items()}
        given["command_argv"] = json.loads(given["command_argv"])
        return load(_env_file=None, **given)

    # -- workers

    def worker(self, name, *, seconds=60, forever=0, **more):
        """Start a worker process, the leader of a group of its own.

        It ends when all rest, or after `seconds`; with `forever` only then.
        """
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(self.root),
            **self.environment(name, **more),
        }
        argv = ("support.fault_worker", str(self.history_path), str(seconds), str(forever))
        with self.log.open("ab") as log:
            process = forked.start(argv, env=environment, cwd=self.home, stdout=log, stderr=log)
        self.processes.append(process)
        return process

    def kill(self, process):
        """Kill the whole group of a worker, frozen or not."""
        if process.poll() is None:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
        process.wait()

    def stop(self, process):
        """Ask a worker to end, and wait for it."""
        if process.poll() is None:
            process.send_signal(signal.SIGTERM)
        with suppress(subprocess.TimeoutExpired):
            process.wait(patience(30))
        self.kill(process)

    def finish_here(self, name="heir", *, seconds=60, **more):
        """Work as another worker, in this process, until all items rest."""
        with LightApp(self.settings(name, **more)) as app:
            assert work(app, self.history, seconds=seconds), f"not at rest\n{self.told()}"

    def let_claims_go_stale(self):
        """Turn the database's clock, as far as claims and waits are concerned: an hour passes."""
        age(self.app.db)

    def let_waits_end(self):
        """Let the time pass that items wait after a fault, and for what was away."""
        with self.app.db.connection() as connection:
            connection.execute("UPDATE work_items SET not_before = now() WHERE not_before > now()")
            connection.execute("UPDATE conditions SET probe_at = now() WHERE probe_at > now()")

    def url_through(self, port):
        """The database's address by way of a proxy on the loopback interface."""
        parts = conninfo_to_dict(self.url)
        query = {k: v for k, v in parts.items() if k not in ("host", "port", "dbname")}
        query |= {"host": "127.0.0.1", "port": str(port), "sslmode": "disable"}
        return f"postgresql:///{parts['dbname']}?{urlencode(query)}"

    # -- looking

    def lines(self, key, path=None):
        path = path or self.history_path
        text = path.read_text().splitlines() if path.exists() else []
        return [line for line in map(json.loads, text) if key in line]

    def agents(self):
        return self.lines("agent", self.agents_path)

    def item(self, number):
        return self.app.store.items.get(number)

    def told(self):
        log = self.log.read_text("utf-8", "replace")[-3000:] if self.log.exists() else ""
        history = self.history_path.read_text()[-3000:] if self.history_path.exists() else ""
        return f"-- log\n{log}\n-- history\n{history}"

    def until(self, true, what, *, seconds=40):
        return wait_until(true, what, seconds=seconds, tell=self.told)
