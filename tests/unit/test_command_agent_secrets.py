"""Which variables of a command agent are searched for in every text."""

from __future__ import annotations

import pytest

from damascus.builders.command_entry import ENTRY, CommandSettings

PLAIN = (
    "/usr/local/bin:/usr/bin:/bin",
    "/home/builder/.cache/agent",
    "~/work",
    "de_DE.UTF-8",
    "C.UTF-8",
    "us-east-1",
    "production",
    "8192",
)
SECRET = (
    "q7Zt-canary/91xLm=42",
    "ghp_" + "a1B2" * 9,
    "a9f3c1d2e4b5",
    "hunter2-9xQ",
    "9f/Ab+c/XyZ12q",
)


@pytest.mark.parametrize("value", PLAIN)
def test_what_plainly_is_no_secret_stays_readable(monkeypatch, value):
    monkeypatch.setenv("AGENT_VALUE", value)
    assert not list(ENTRY.secrets(CommandSettings(env=("AGENT_VALUE",))))


@pytest.mark.parametrize("value", SECRET)
def test_anything_else_is_a_secret(monkeypatch, value):
    monkeypatch.setenv("AGENT_VALUE", value)
    assert list(ENTRY.secrets(CommandSettings(env=("AGENT_VALUE",)))) == [value]
