"""Claude Code behind the `Builder` port: headless, and deaf to the repository it works in."""

from __future__ import annotations

import re
import uuid
from collections.abc import Mapping, Sequence

from damascus.builders import claude_result, environment, outcomes
from damascus.builders.reach import Reach
from damascus.domain.conditions import model_subject
from damascus.errors import ConfigurationError
from damascus.ports import BuildOutcome, BuildRequest, ClaimGuard, Command, Sandbox

ANTHROPIC = "https://api.anthropic.com"
SESSIONS = uuid.uuid5(uuid.NAMESPACE_URL, "urn:damascus:session")
CONFINED = frozenset(
    {"bubblewrap", "container"}
)  # sandboxes inside which the agent needs no rules of its own
ALLOWED = ("Read", "Edit", "Write", "NotebookEdit", "Glob", "Grep", "Task", "TodoWrite")
ALLOWED_COMMANDS = ("ls", "cat", "git diff", "git log", "git show", "git status", "git grep")
# Reaching out, leaving the checkout, and outliving the attempt are no part of the work.
DISALLOWED = (
    "WebFetch",
    "WebSearch",
    "EnterWorktree",
    "ExitWorktree",
    "CronCreate",
    "ScheduleWakeup",
    "SendMessage",
)
FIRST_WORD = re.compile(r"[A-Za-z0-9_./+-]+")


class ClaudeCode:
    """Runs `claude -p` against an Anthropic-compatible gateway, or Anthropic itself.

    `base_url`, `auth_token`, `model` and `small_model` (background calls; the same when None) are
    the gateway's; without a `base_url` the token is a key of Anthropic's. The agent's own commands
    can read the token: give it one that is limited, never a master key. The repository's settings,
    hooks and MCP servers are not loaded: left to itself, Claude Code would let them run commands
    and send the token elsewhere.

    Inside bubblewrap the agent may use every tool but those that reach out: what protects is the
    sandbox, and an allow-list would not (who may write a test and run it may run anything). In any
    other sandbox it gets `allowed_tools` and the shell commands that begin with one of
    `test_programs` or read-only git, and all else is denied, counted in the outcome's reason.

    `reach` is what it may reach, by default the gateway alone.
    The cost is Claude Code's own guess (an alias it does not know is priced as a model it does),
    so it is marked as estimated, and the limit in US dollars can be passed by one turn.
    `max_retries` bounds how often it repeats a call that failed; without a bound a refused token
    kept it silent for more than a minute. `grace` is how many seconds it has to end after it was
    told to, or after it has written its result.
    """

    name = "claude"

    def __init__(
        self,
        executable: str = "claude",
        *,
        base_url: str | None,
        auth_token: str | None,
        model: str | None,
        small_model: str | None = None,
        path: str,
        reach: Reach | None = None,
        max_retries: int = 3,
        allowed_tools: Sequence[str] = ALLOWED,
        test_programs: Sequence[str] = (),
        extra_env: Mapping[str, str] | None = None,
        output_cap: int = 1_000_000,
        grace: float = 10.0,
    ) -> None:
        self._executable = executable
        self._base_url = base_url
        self._token = _needed(auth_token, "DAMASCUS_CLAUDE_AUTH_TOKEN")
        self._model = _needed(model, "DAMASCUS_CLAUDE_MODEL")
        self.model = model_subject(self._model, base_url)
        self._small_model = small_model or self._model
        self._path = path
        self._reach = reach or Reach(environment.egress(base_url or ANTHROPIC))
        self._max_retries = max_retries
        self._allowed = (*allowed_tools, *_shell_rules(test_programs))
        self._extra = dict(extra_env or {})
        self._output_cap = output_cap
        self._grace = grace
        if "ANTHROPIC_API_KEY" in self._extra:
            raise ConfigurationError(
                "ANTHROPIC_API_KEY must not be given to Claude Code beside a token: both would be "
                "sent to the gateway. Put the key into DAMASCUS_CLAUDE_AUTH_TOKEN."
            )

    def build(self, request: BuildRequest, sandbox: Sandbox, guard: ClaimGuard) -> BuildOutcome:
        """Run Claude Code to its end. Raises SandboxError, ConfigurationError."""
        if request.usd is not None and request.usd <= 0:
            return outcomes.NOTHING_LEFT
        workspace = request.workspace
        program, shown = environment.locate(self._executable, self._path, sandbox)
        confined = sandbox.name in CONFINED
        env = environment.prepare(workspace, self._path, {**request.env, **self._variables()})
        env["CLAUDE_CODE_TMPDIR"] = env["TMPDIR"]
        stream = claude_result.Stream()
        finished = sandbox.run(
            Command(
                argv=(str(program), *self._arguments(request, confined=confined)),
                cwd=request.cwd,
                env=env,
                writable=(workspace.checkout, workspace.home),
                readable=(*shown, *request.readable),
                layers=request.layers,
                shown=request.shown,
                own_program=True,
                timeout=request.seconds,
                grace=self._grace,
                **self._reach.for_command(),
                output_cap=self._output_cap,
                # A file, because a pipe left open makes it hang, and an argv holds 128 KiB.
                stdin=environment.write_private(workspace.root / "prompt.md", request.prompt),
                log=workspace.log,
                finished_when=stream,
            ),
            guard,
        )
        outcome = claude_result.judge(finished, stream, model=self._model, subject=self.model)
        return outcomes.presentable(outcome, [self._token])

    def _variables(self) -> dict[str, str]:
        models = dict.fromkeys(
            (
                "ANTHROPIC_MODEL",
                "ANTHROPIC_DEFAULT_OPUS_MODEL",
                "ANTHROPIC_DEFAULT_SONNET_MODEL",
                "CLAUDE_CODE_SUBAGENT_MODEL",
            ),
            self._model,
        )
        return {
            **self._credentials(),
            **models,
            "ANTHROPIC_DEFAULT_HAIKU_MODEL": self._small_model,
            "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1",
            "DISABLE_AUTOUPDATER": "1",
            "CLAUDE_CODE_MAX_RETRIES": str(self._max_retries),
            "IS_SANDBOX": "1",  # else it refuses to skip permissions where the worker is root
            **self._extra,
        }

    def _credentials(self) -> dict[str, str]:
        """A gateway takes a token, Anthropic itself a key; both at once would both be sent."""
        if self._base_url is None:
            return {"ANTHROPIC_API_KEY": self._token}
        return {"ANTHROPIC_BASE_URL": self._base_url, "ANTHROPIC_AUTH_TOKEN": self._token}

    def _arguments(self, request: BuildRequest, *, confined: bool) -> list[str]:
        arguments = ["-p", "--output-format", "stream-json", "--verbose"]
        if request.directory:  # it may read, and where the project lets it change, what lies around
            arguments += ["--add-dir", str(request.workspace.checkout)]
        arguments += ["--max-turns", str(request.turns)]
        if request.usd is not None:
            arguments += ["--max-budget-usd", format(request.usd.normalize(), "f")]
        if confined:
            arguments += ["--permission-mode", "bypassPermissions"]
        else:
            arguments += ["--permission-mode", "dontAsk"]
            arguments += ["--allowedTools", ",".join(self._allowed)]
        arguments += ["--disallowedTools", ",".join(DISALLOWED)]
        arguments += ["--setting-sources", "user", "--strict-mcp-config"]
        arguments += ["--session-id", str(uuid.uuid5(SESSIONS, request.session))]
        return [*arguments, "--no-session-persistence"]


def _shell_rules(programs: Sequence[str]) -> list[str]:
    """Permission rules for commands that begin with one of these words."""
    words = dict.fromkeys((*ALLOWED_COMMANDS, *filter(FIRST_WORD.fullmatch, programs)))
    return [rule for word in words for rule in (f"Bash({word})", f"Bash({word} *)")]


def _needed(value: str | None, setting: str) -> str:
    if not value:
        raise ConfigurationError(f"Claude Code needs {setting}: set it, or choose another builder.")
    return value
