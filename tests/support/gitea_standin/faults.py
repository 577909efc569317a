"""How the stand-in may misbehave. Each function makes what `GiteaStandin.misbehave` takes.

A fault may answer by itself before the call is carried out (`before` returns a Reply), do
something first and let the call go on (`before` returns None), or let the call be carried out and
spoil its answer (`after`).
"""

import json
import re
import threading
from dataclasses import dataclass, field


@dataclass(slots=True)
class Reply:
    """An answer to be sent; `drop` closes the connection in its place."""

    status: int
    data: object = None
    headers: dict = field(default_factory=dict)
    raw: bytes | None = None
    content_type: str = "application/json;charset=utf-8"
    drop: bool = False

    def body(self):
        if self.raw is not None:
            return self.raw
        return b"" if self.data is None else json.dumps(self.data).encode()


class Misbehaviour:
    """What to do to a call. `standin` owns the state, `call` is the ledger's entry."""

    def before(self, _standin, _call):
        return None

    def after(self, _standin, _call, reply):
        return reply

    def release(self):
        """Let go of whatever is held."""


class Fault:
    """One misbehaviour waiting for its calls; `hits` counts those it met."""

    def __init__(self, method, path, kind, times, after):
        self.method = method
        self.path = re.compile(path)
        self.kind = kind
        self.times = times
        self.skip = after
        self.hits = 0
        self.met = threading.Event()

    def take(self, call):
        """Count the call if it is one of ours. Called under the stand-in's lock."""
        matches = self.method in (call.method, "*") and self.path.search(call.path)
        if not matches or (self.times is not None and self.hits >= self.times):
            return False
        if self.skip:
            self.skip -= 1
            return False
        self.hits += 1
        self.met.set()
        return True

    def wait_until_hit(self, seconds=30):
        assert self.met.wait(seconds), f"no {self.method} {self.path.pattern} came"

    def release(self):
        self.kind.release()

    def cancel(self):
        """Do no further harm."""
        self.times = self.hits
        self.release()


class _Answer(Misbehaviour):
    """Answer instead of the forge; with `apply`, after the call was carried out."""

    def __init__(self, reply, *, apply=False):
        self.reply = reply
        self.apply = apply

    def before(self, _standin, _call):
        return None if self.apply else self.reply

    def after(self, _standin, _call, reply):
        return self.reply if self.apply else reply


class _Act(Misbehaviour):
    def __init__(self, act):
        self.act = act

    def before(self, standin, call):
        self.act(standin, call)


class _Hang(Misbehaviour):
    def __init__(self, *, apply, then_drop):
        self.apply = apply
        self.then_drop = then_drop
        self.released = threading.Event()

    def before(self, _standin, _call):
        if self.apply:
            return None
        self.released.wait()
        return Reply(0, drop=True) if self.then_drop else None

    def after(self, _standin, _call, reply):
        if self.apply:
            self.released.wait()
            return Reply(0, drop=True) if self.then_drop else reply
        return reply

    def release(self):
        self.released.set()


def message(text):
    return {"message": text, "url": "https://forge.example.invalid/api/swagger"}


def answer(status, text="something went wrong", *, headers=None, apply=False):
    """Any status with a message; `apply` carries the call out first."""
    return _Answer(Reply(status, message(text), headers or {}), apply=apply)


def drop_answer(*, apply=True):
    """Carry the call out (or not) and close the connection without a word."""
    return _Answer(Reply(0, drop=True), apply=apply)


def try_later():
    """405 on a merge: not mergeable, or still checking."""
    return answer(405, "Please try again later")


def not_allowed():
    return answer(405, "User not allowed to merge PR")


def conflict(style="merge"):
    said = "CONFLICT (content): Merge conflict in a\n"
    return _Answer(Reply(409, {"Style": style, "StdOut": said, "StdErr": "", "Err": {}}))


def head_out_of_date():
    return answer(409, "head out of date")


def push_out_of_date():
    return answer(409, "merge push out of date")


def push_rejected(text="denied by hook"):
    return answer(409, f"PushRejected with remote message: {text}")


def too_many(retry_after="1"):
    return answer(429, "slow down", headers={"Retry-After": retry_after})


def html(status=200):
    page = b"<!doctype html><title>Maintenance</title><p>Back soon."
    return _Answer(Reply(status, raw=page, content_type="text/html"))


def malformed(*, apply=False):
    return _Answer(Reply(200, raw=b'{"number": 1, "sta'), apply=apply)


def redirect(location, status=307):
    return _Answer(Reply(status, headers={"Location": location}))


def refuse_token():
    return answer(401, "invalid username, password or token")


def forbid():
    return answer(403, "token does not have at least one of required scope(s)")


def hang(*, apply=False, then_drop=True):
    """Say nothing until released."""
    return _Hang(apply=apply, then_drop=then_drop)


def close_pull(repo, number):
    """A person closes the pull request just before the call."""
    return _Act(lambda standin, _: standin.close_pull(repo, number))


def push_foreign(repo, branch, files=None):
    """Somebody pushes to the branch just before the call."""
    files = files or {"foreign.txt": "not ours\n"}
    return _Act(lambda standin, _: standin.commit(repo, branch, files, "A foreign commit"))


def move_base(repo, branch="main", files=None):
    """The base branch moves just before the call."""
    files = files or {"elsewhere.txt": "moved\n"}
    return _Act(lambda standin, _: standin.commit(repo, branch, files, "Move the base"))


def act(function):
    """Anything: `function(standin, call)` runs before the call."""
    return _Act(function)
