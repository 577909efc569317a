"""A real Gitea on a free loopback port, and a forge world on it.

`DAMASCUS_TEST_GITEA` names the program and `DAMASCUS_TEST_GITEA_STATIC` the directory with its
`templates` and `options` (only for a program that was built without them inside). Without the
first, nothing here runs.
"""

import os
import subprocess
import time
from contextlib import suppress
from pathlib import Path

import httpx

from damascus.forge.gitea import GiteaForge
from support.forge_worlds import FILES, World
from support.gitea_standin.git import ENV, commit, git
from support.patience import patience
from support.redis_server import free_port

PROGRAM = os.environ.get("DAMASCUS_TEST_GITEA", "")
STATIC = os.environ.get("DAMASCUS_TEST_GITEA_STATIC", "")
SCOPES = "write:repository,write:issue,read:user"
SETTINGS = """\
WORK_PATH = {root}
RUN_MODE = prod
{unsafe}
[server]
HTTP_ADDR = 127.0.0.1
HTTP_PORT = {port}
ROOT_URL = {url}/
LOCAL_ROOT_URL = {url}/
DISABLE_SSH = true
OFFLINE_MODE = true
{static}
[database]
DB_TYPE = sqlite3
PATH = {root}/gitea.db
[repository]
ROOT = {root}/repositories
[security]
INSTALL_LOCK = true
SECRET_KEY = only-for-tests
INTERNAL_TOKEN = only-for-tests
PASSWORD_HASH_ALGO = pbkdf2_v2
[log]
MODE = file
LEVEL = Warn
ROOT_PATH = {root}/log
[mailer]
ENABLED = false
[actions]
ENABLED = false
[api]
MAX_RESPONSE_ITEMS = 5
[indexer]
ISSUE_INDEXER_TYPE = db
[cron]
ENABLED = false
"""


def until(what):
    """Wait until `what` gives something true; that."""
    for _ in range(600):
        if found := what():
            return found
        time.sleep(0.05)
    raise AssertionError("it did not come to pass")


class RealGitea:
    """Running inside a `with`, its state below `root`.

    `ada` is a person who administers the server and owns its repositories; `damascus` is the
    robot, who may write to them and no more. Each has a token.
    """

    def __init__(self, root):
        self.root = Path(root)
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._config = self.root / "app.ini"
        # Its own, not `ENV`: Gitea writes to git's global configuration, whatever file that is.
        self._environment = {
            "PATH": ENV["PATH"],
            "LANG": ENV["LANG"],
            "HOME": str(self.root),
            "GITEA_WORK_DIR": str(self.root),
        }
        self._process = None
        self._numbers = 0

    def __enter__(self):
        self._config.write_text(
            SETTINGS.format(
                root=self.root,
                port=self.port,
                url=self.url,
                static=f"STATIC_ROOT_PATH = {STATIC}" if STATIC else "",
                unsafe="" if os.getuid() else "I_AM_BEING_UNSAFE_RUNNING_AS_ROOT = true",
            )
        )
        self._command("migrate")
        self.add_user("ada", "--admin")
        self.add_user("damascus")
        self.token = self.make_token("damascus", SCOPES)
        self.person = httpx.Client(
            base_url=f"{self.url}/api/v1",
            headers={"Authorization": f"token {self.make_token('ada', 'all')}"},
            timeout=patience(30),
            trust_env=False,
        )
        self._process = subprocess.Popen(
            [PROGRAM, "web", "--config", str(self._config)],
            env=self._environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        self._await()
        self.version = self.api("GET", "/version")["version"]
        return self

    def __exit__(self, *_):
        self.person.close()
        if self._process:
            self._process.terminate()
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(patience(20))
            self._process.kill()
            self._process.wait()

    @property
    def log(self):
        path = self.root / "log" / "gitea.log"
        return path.read_text("utf-8", "replace")[-4000:] if path.is_file() else ""

    def add_user(self, name, *flags):
        words = ("--username", name, "--random-password", "--must-change-password=false")
        self._command("admin", "user", "create", *words, "--email", f"{name}@e.invalid", *flags)

    def make_token(self, name, scopes, title="tests"):
        words = ("--username", name, "--token-name", title, "--scopes", scopes, "--raw")
        done = self._command("admin", "user", "generate-access-token", *words)
        return done.stdout.split()[-1]

    def api(self, method, path, body=None, **settings):
        """Act as the person; what the API says."""
        answer = self.person.request(method, path, json=body, **settings)
        assert answer.is_success, f"{method} {path}: {answer.status_code} {answer.text}{self.log}"
        return answer.json() if answer.content else None

    def add_repo(self, branch="main", name=None):
        """An empty repository of ada's that the robot may write to; its full name."""
        self._numbers += 1
        name = name or f"engine-{self._numbers}"
        form = {"name": name, "private": True, "default_branch": branch}
        self.api("POST", "/user/repos", form)
        rights = {"permission": "write"}
        self.api("PUT", f"/repos/ada/{name}/collaborators/damascus", rights)
        return f"ada/{name}"

    def path(self, name):
        """The bare repository on the server's disk: to be read, never to be written."""
        return self.root / "repositories" / f"{name}.git"

    def _command(self, *words):
        done = subprocess.run(
            [PROGRAM, *words, "--config", str(self._config)],
            env=self._environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, f"gitea {words[0]}: {done.stdout}{done.stderr}{self.log}"
        return done

    def _await(self):
        for _ in range(600):
            with suppress(httpx.TransportError):
                if self.person.get("/version").is_success:
                    return
            assert self._process.poll() is None, f"gitea ended at once\n{self.log}"
            time.sleep(0.1)
        raise AssertionError(f"gitea does not answer\n{self.log}")


class RealGiteaWorld(World):
    """A repository of its own on the server; people push to it over HTTP as everybody does."""

    def __init__(self, server, scratch, *, branch="main", files=FILES):
        self.server = server
        self.name = server.add_repo(branch)
        self.path = server.path(self.name)
        self.api_path = f"/repos/{self.name}"
        self.checkout = Path(scratch) / "person"
        self.checkout.mkdir(parents=True)
        git(self.checkout, "init", "--quiet", "--bare", ".")
        self.commit(branch, files, "Begin")
        # The server notes in its own time that the repository is not empty any more.
        until(lambda: not server.api("GET", self.api_path)["empty"])
        self.forge = self.client()

    def client(self, **settings):
        owner, name = self.name.split("/")
        given = {
            "base_url": self.server.url,
            "owner": owner,
            "name": name,
            "token": self.server.token,
            "merge_patience": 20.0,
            "transport": httpx.HTTPTransport(),  # which no proxy of the environment gets between
            **settings,
        }
        return GiteaForge(**given)

    def another(self, name):
        return self.client(name=name)

    def commit(self, branch, files, message="A commit", *, start=None):
        theirs = "+refs/heads/*:refs/heads/*"
        git(self.checkout, "fetch", "--quiet", "--prune", str(self.path), theirs)
        parent = git(self.checkout, "rev-parse", f"refs/heads/{start}") if start else None
        sha = commit(self.checkout, branch, files, message, parent)
        self.push(f"+refs/heads/{branch}:refs/heads/{branch}")
        return sha

    def push(self, *words, where=None, check=True):
        """Push as the robot, in the way `remote()` says; git's output."""
        remote = self.client_remote()
        header = {
            "GIT_CONFIG_COUNT": "1",
            "GIT_CONFIG_KEY_0": "http.extraHeader",
            "GIT_CONFIG_VALUE_0": remote.header,
        }
        where = where or self.checkout
        return git(where, "push", "--quiet", remote.url, *words, env=header, check=check)

    def client_remote(self):
        forge = self.client()
        forge.close()
        return forge.remote()

    def close_pull(self, number):
        self.server.api("PATCH", f"{self.api_path}/pulls/{number}", {"state": "closed"})

    def comments(self, number):
        rows = self.server.api("GET", f"{self.api_path}/issues/{number}/comments")
        return [row["body"] for row in rows]

    def status(self, sha):
        rows = self.server.api("GET", f"{self.api_path}/statuses/{sha}?sort=recentupdate")
        newest = max(rows, key=lambda row: row["id"])
        return newest["status"], newest["description"]
