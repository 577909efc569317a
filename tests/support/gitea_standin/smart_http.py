"""Git over smart HTTP: the real `git http-backend`, behind Basic authentication."""

import gzip
import subprocess
import tempfile
from base64 import b64decode

from .faults import Reply
from .git import ENV

ZERO = "0" * 40


def token_of(authorization):
    """The token in a Basic header, where the forge looks for it: the password, or the user name
    when the password is empty or `x-oauth-basic`."""
    kind, _, value = (authorization or "").partition(" ")
    if kind.lower() != "basic":
        return None
    try:
        name, _, password = b64decode(value, validate=True).decode().partition(":")
    except ValueError:
        return None
    return name if password in ("", "x-oauth-basic") else password


def is_write(path, query):
    return path.endswith("/git-receive-pack") or query.get("service") == "git-receive-pack"


def ref_updates(body, encoding):
    """The commands at the head of a push: (old, new, ref) each."""
    data = gzip.decompress(body) if encoding == "gzip" else body
    updates, at = [], 0
    while at + 4 <= len(data) and (size := int(data[at : at + 4], 16)):
        line = data[at + 4 : at + size].split(b"\0")[0].decode().strip()
        at += size
        if not line.startswith(("shallow ", "push-cert")):
            old, new, ref = line.split(" ", 2)
            updates.append((old, new, ref))
    return updates


def serve(root, call, query_string, body):
    """Run the backend for one request."""
    headers = call.headers
    env = {
        **ENV,
        "GIT_PROJECT_ROOT": str(root),
        "GIT_HTTP_EXPORT_ALL": "1",
        "PATH_INFO": call.path,
        "QUERY_STRING": query_string,
        "REQUEST_METHOD": call.method,
        "CONTENT_TYPE": headers.get("content-type", ""),
        "CONTENT_LENGTH": str(len(body)),
        "HTTP_CONTENT_ENCODING": headers.get("content-encoding", ""),
        "GIT_PROTOCOL": headers.get("git-protocol", ""),
        "REMOTE_USER": call.who or "",
        "REMOTE_ADDR": "127.0.0.1",
    }
    with tempfile.TemporaryFile() as spool:
        spool.write(body)
        spool.seek(0)
        done = subprocess.run(
            ["git", "http-backend"], stdin=spool, capture_output=True, env=env, check=False
        )
    head, _, content = done.stdout.partition(b"\r\n\r\n")
    fields = {}
    for line in head.decode().splitlines():
        name, _, value = line.partition(":")
        fields[name.strip().lower()] = value.strip()
    if done.returncode and not head:
        raise RuntimeError(f"git http-backend: {done.stderr.decode()}")
    status = int(fields.pop("status", "200").split()[0])
    kind = fields.pop("content-type", "text/plain")
    fields.pop("content-length", None)
    return Reply(status, headers=fields, raw=content, content_type=kind)
