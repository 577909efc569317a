"""The HTTP side: threads, connections, authentication, faults, and the ledger."""

import contextlib
import json
import re
import socket
import traceback
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qsl, unquote, urlsplit

from . import api, smart_http
from .faults import Reply, message

_GIT = re.compile(r"/([^/]+/[^/]+)\.git/(info/refs|git-upload-pack|git-receive-pack)")


class Server(ThreadingHTTPServer):
    daemon_threads = False
    block_on_close = True
    request_queue_size = 128

    def __init__(self, address, standin):
        self.standin = standin
        self.open_sockets = set()
        super().__init__(address, Handler)

    def process_request(self, request, client_address):
        self.open_sockets.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request):
        self.open_sockets.discard(request)
        super().shutdown_request(request)

    def close_connections(self):
        """End the connections that clients keep alive, so that their threads end."""
        for connection in list(self.open_sockets):
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def handle_error(self, request, client_address):
        """A client that goes away is no fault of ours; anything else is answered as a 500."""


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    wbufsize = -1

    def log_message(self, *_):
        """Quiet: the ledger remembers."""

    def __getattr__(self, name):
        """Every method is answered the same way: `do_GET`, `do_POST` and so on are one."""
        if name.startswith("do_"):
            return self._answer
        raise AttributeError(name)

    def _answer(self):
        standin = self.server.standin
        parts = urlsplit(self.path)
        headers = {name.lower(): value for name, value in self.headers.items()}
        query = dict(parse_qsl(parts.query))
        call = standin.ledger.open(self.command, parts.path, query, headers)
        body = self._body()
        try:
            reply = self._reply(standin, call, parts.query, body)
        except Exception as fault:  # noqa: BLE001 - told by the 500 and by `errors`
            standin.errors.append(traceback.format_exc())
            reply = Reply(500, message(repr(fault)))
        if reply.drop:
            self.close_connection = True
            return
        call.status, call.answer = reply.status, reply.data
        self._send(reply)

    def _reply(self, standin, call, query_string, body):
        in_git = _GIT.fullmatch(call.path)
        person = standin.user_of(_token(call))
        call.who = person.login if person else None
        if not in_git and body:
            with contextlib.suppress(ValueError):
                call.body = json.loads(body)
        faults = standin.faults_for(call)
        for fault in faults:
            reply = fault.kind.before(standin, call)
            if reply is not None:
                return reply
        if in_git:
            reply = _serve_git(standin, call, in_git[1], query_string, body)
        elif person is None:
            reply = Reply(401, message("invalid username, password or token"))
        else:
            reply = api.dispatch(standin, call, person)
        for fault in faults:
            reply = fault.kind.after(standin, call, reply)
        return reply

    def _body(self):
        if self.headers.get("Transfer-Encoding", "").lower() == "chunked":
            chunks = []
            while size := int(self.rfile.readline().split(b";")[0], 16):
                chunks.append(self.rfile.read(size))
                self.rfile.readline()
            self.rfile.readline()
            return b"".join(chunks)
        return self.rfile.read(int(self.headers.get("Content-Length") or 0))

    def _send(self, reply):
        content = reply.body()
        self.send_response(reply.status)
        for name, value in reply.headers.items():
            self.send_header(name, value)
        if reply.status != 204:
            self.send_header("Content-Type", reply.content_type)
            self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if reply.status != 204:
            self.wfile.write(content)


def _token(call):
    authorization = call.headers.get("authorization", "")
    kind, _, value = authorization.partition(" ")
    if kind.lower() in ("token", "bearer"):
        return value
    return smart_http.token_of(authorization)


def _serve_git(standin, call, name, query_string, body):
    def plain(status, text, **headers):
        return Reply(status, headers=headers, raw=text.encode(), content_type="text/plain")

    if call.who is None:
        return plain(401, "Unauthorized\n", **{"WWW-Authenticate": 'Basic realm="Gitea"'})
    repo = standin.find_repo(unquote(name))
    if repo is None:
        return plain(404, "Repository not found\n")
    if smart_http.is_write(call.path, call.query):
        person = standin.users[call.who]
        allowed = person.scopes is None or "write:repository" in person.scopes
        if repo.archived or not person.push or not allowed:
            return plain(403, "This repo is archived or you may not push.\n")
        if call.method == "POST":
            encoding = call.headers.get("content-encoding")
            call.updates = smart_http.ref_updates(body, encoding)
            with repo.lock:
                reply = smart_http.serve(standin.root, call, query_string, body)
                standin.pushed(repo, call.updates)
            return reply
    return smart_http.serve(standin.root, call, query_string, body)
