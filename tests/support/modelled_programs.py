"""Damascus's programs beside a database, with the demonstration's model and a quick agent."""

from __future__ import annotations

import json
import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from damascus.demo.model_server import ModelServer
from damascus.demo.script import SHORTEN, SLUGS, DemoModel
from support.processes import Programs
from support.scripted_tasks import as_url

# It writes at once what the demonstration's model would have mini write: that loads LiteLLM first,
# 2.5 s of processor time. (The demonstration, `up` and the whole flow are tested with mini.)
AGENT = """#!{python}
import pathlib, sys

checkout, prompt = map(pathlib.Path, sys.argv[1:])
for title, files in {stories!r}.items():
    if title in prompt.read_text():
        for name, text in files.items():
            (checkout / name).write_text(text)
"""


@contextmanager
def modelled_programs(home: Path, database_url: str, **settings: str) -> Generator[Programs]:
    """Programs below `home` whose model is scripted; it is their `model`. `settings` win."""
    agent = home / "agent"
    stories = {part.title: part.files(0) for part in (SLUGS, SHORTEN)}
    agent.write_text(AGENT.format(python=sys.executable, stories=stories))
    agent.chmod(0o755)
    with ModelServer(DemoModel()) as model:
        given = {
            "DAMASCUS_DATABASE_URL": as_url(database_url),
            "DAMASCUS_LLM_MODEL": "openai/gpt-4o-mini",
            "DAMASCUS_LLM_API_BASE": model.openai_base,
            "DAMASCUS_LLM_API_KEY": "sk-canary-of-the-model",
            "DAMASCUS_BUILDER": "command",
            "DAMASCUS_COMMAND_ARGV": json.dumps([str(agent), "{checkout}", "{prompt_file}"]),
        }
        with Programs(home, **{**given, **settings}) as programs:
            programs.model = model
            yield programs
