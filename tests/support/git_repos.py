"""Real repositories for tests: bare ones, people who push to them, and git over HTTP."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from support.patience import patience

WHO = {
    f"GIT_{role}_{key}": value
    for role in ("AUTHOR", "COMMITTER")
    for key, value in {"NAME": "A Person", "EMAIL": "person@example.org"}.items()
}


def git(where: Path, *words: str, check: bool = True) -> str:
    """Run git as a person would, but without anybody's configuration; returns its output."""
    done = subprocess.run(
        ["git", "-c", "init.defaultBranch=main", "-c", "protocol.file.allow=always", *words],
        cwd=where,
        env={
            "PATH": os.environ["PATH"],
            "HOME": str(where),
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_CONFIG_GLOBAL": os.devnull,
            "LC_ALL": "C",
            **WHO,
        },
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
    )
    if check and done.returncode:
        raise AssertionError(f"git {words} failed: {done.stderr}")
    return done.stdout.strip()


class BareRepository:
    """A bare repository with a person who has a clone of it and pushes."""

    def __init__(self, root: Path, name: str = "remote") -> None:
        self.path = root / f"{name}.git"
        self.person = root / f"{name}-person"
        git(root, "init", "-q", "--bare", str(self.path))
        git(root, "clone", "-q", str(self.path), str(self.person))

    def push(
        self, files: Mapping[str, str | None] | None = None, *, branch: str = "main", on: str = ""
    ) -> str:
        """Commit `files` (None deletes) onto `branch`, or onto `on` for a new one; its SHA."""
        git(self.person, "fetch", "-q", "--prune", "origin")
        start = on or (f"origin/{branch}" if self.sha(branch) else "")
        git(self.person, "checkout", "-q", "-f", "-B", branch, *([start] if start else []))
        for name, text in (files or {}).items():
            path = self.person / name
            if text is None:
                path.unlink()
            else:
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(text.encode("utf-8", "surrogateescape"))
        return self.commit(branch)

    def commit(self, branch: str = "main", message: str = "By a person") -> str:
        """Commit and push whatever is in the person's working tree; returns the SHA."""
        git(self.person, "add", "-A")
        git(self.person, "commit", "-q", "--allow-empty", "-m", message)
        git(self.person, "push", "-q", "-f", "origin", f"HEAD:refs/heads/{branch}")
        return git(self.person, "rev-parse", "HEAD")

    def sha(self, branch: str) -> str:
        """Where `branch` is now; empty when there is none."""
        return git(self.path, "for-each-ref", "--format=%(objectname)", f"refs/heads/{branch}")

    def show(self, name: str, ref: str = "main") -> str:
        return git(self.path, "show", f"{ref}:{name}")

    def paths(self, ref: str = "main") -> list[str]:
        return git(self.path, "ls-tree", "-r", "--name-only", ref).splitlines()


@dataclass
class GitOverHTTP:
    """What a server of git over HTTP was asked, and how it is to answer.

    `large` are the objects of Git LFS, by their hash, for all repositories together; None
    while their server answers with the status `trouble`. With `token`
    set every request needs `Authorization: token <token>`. `answer` set to a status
    is given to every request instead; `location` is sent with it.
    """

    url: str
    token: str | None = None
    answer: int | None = None
    location: str = ""
    hang: threading.Event | None = None
    large: dict[str, bytes] | None = field(default_factory=dict)
    trouble: int = 503
    asked: list[tuple[str, str | None]] = field(default_factory=list)


@contextlib.contextmanager
def serve(root: Path, *, token: str | None = None) -> Iterator[GitOverHTTP]:
    """Serve the bare repositories below `root` on loopback with git's own http-backend."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    state = GitOverHTTP(f"http://127.0.0.1:{server.server_port}", token)
    server.state, server.root = state, root
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield state
    finally:
        if state.hang is not None:
            state.hang.set()
        server.shutdown()
        thread.join()
        server.server_close()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: object) -> None:
        pass

    def do_GET(self) -> None:
        self._serve()

    def do_POST(self) -> None:
        self._serve()

    def do_PUT(self) -> None:
        self._serve()

    def _body(self) -> bytes:
        if self.headers.get("Transfer-Encoding", "").lower() != "chunked":
            return self.rfile.read(int(self.headers.get("Content-Length") or 0))
        body = b""
        while size := int(self.rfile.readline(), 16):
            body += self.rfile.read(size)
            self.rfile.readline()
        self.rfile.readline()
        return body

    def _plain(self, status: int, **headers: str) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def _serve(self) -> None:
        state: GitOverHTTP = self.server.state
        body = self._body()
        given = self.headers.get("Authorization")
        state.asked.append((self.path, given))
        if state.hang is not None:
            state.hang.wait(patience(60))
            self.close_connection = True
        elif state.answer is not None:
            self._plain(state.answer, **({"Location": state.location} if state.location else {}))
        elif state.token is not None and given != f"token {state.token}":
            self._plain(401, WWW_Authenticate='Basic realm="git"')
        elif "/info/lfs/" in self.path:
            self._large(state, body)
        else:
            self._backend(body)

    def _large(self, state: GitOverHTTP, body: bytes) -> None:
        """Answer like a server of Git LFS: the batch API, and the basic transfer."""
        oid = self.path.rpartition("/")[2]
        if state.large is None:
            self._plain(state.trouble)
        elif self.command == "PUT":
            state.large[oid] = body
            self._plain(200)
        elif self.command == "GET":
            self._content(200, "application/octet-stream", state.large[oid])
        else:
            asked = json.loads(body)
            answers = [self._about(state, asked["operation"], one) for one in asked["objects"]]
            told = json.dumps({"transfer": "basic", "objects": answers}).encode()
            self._content(200, "application/vnd.git-lfs+json", told)

    def _about(self, state: GitOverHTTP, operation: str, one: dict[str, Any]) -> dict[str, Any]:
        there = one["oid"] in state.large
        if operation == "download" and not there:
            return {**one, "error": {"code": 404, "message": "no such object"}}
        place = self.path.partition("/info/lfs/")[0]
        action = {
            "href": f"{state.url}{place}/info/lfs/objects/{one['oid']}",
            "header": {"Authorization": f"token {state.token}"} if state.token else {},
        }
        return {**one, "actions": {} if operation == "upload" and there else {operation: action}}

    def _content(self, status: int, kind: str, content: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def _backend(self, body: bytes) -> None:
        path, _, query = self.path.partition("?")
        done = subprocess.run(
            ["git", "-c", "http.receivepack=true", "http-backend"],
            env={
                "PATH": os.environ["PATH"],
                "HOME": "/nonexistent",
                "GIT_CONFIG_NOSYSTEM": "1",
                "GIT_PROJECT_ROOT": str(self.server.root),
                "GIT_HTTP_EXPORT_ALL": "1",
                "REMOTE_USER": "person",
                "PATH_INFO": path,
                "QUERY_STRING": query,
                "REQUEST_METHOD": self.command,
                "CONTENT_TYPE": self.headers.get("Content-Type", ""),
                "CONTENT_LENGTH": str(len(body)),
                "HTTP_CONTENT_ENCODING": self.headers.get("Content-Encoding", ""),
                "GIT_PROTOCOL": self.headers.get("Git-Protocol", ""),
            },
            input=body,
            capture_output=True,
            check=False,
        )
        head, _, content = done.stdout.partition(b"\r\n\r\n")
        headers = dict(line.split(": ", 1) for line in head.decode().splitlines() if ": " in line)
        status = int(headers.pop("Status", "200").split()[0]) if head else 500
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)
