"""Damascus's programs beside a database, with the demonstration's model and the agent mini."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

from damascus.demo.model_server import ModelServer
from damascus.demo.script import DemoModel
from support.processes import Programs
from support.scripted_tasks import as_url


@contextmanager
def modelled_programs(home: Path, database_url: str, **settings: str) -> Generator[Programs]:
    """Programs below `home` whose model is scripted; it is their `model`. `settings` win."""
    with ModelServer(DemoModel()) as model:
        given = {
            "DAMASCUS_DATABASE_URL": as_url(database_url),
            "DAMASCUS_LLM_MODEL": "openai/gpt-4o-mini",
            "DAMASCUS_LLM_API_BASE": model.openai_base,
            "DAMASCUS_LLM_API_KEY": "sk-canary-of-the-model",
            "DAMASCUS_BUILDER": "mini",
        }
        with Programs(home, **{**given, **settings}) as programs:
            programs.model = model
            yield programs
