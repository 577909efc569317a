"""`GiteaStandin`: the server, its state, and the verbs in which tests speak of it."""

import itertools
import tempfile
import threading
from pathlib import Path

from . import faults as kinds
from .faults import Fault, Reply, message
from .git import branch_sha, commit, git, init_bare, try_merge
from .ledger import Ledger
from .server import Server
from .state import Comment, Repo, User, now

TOKEN = "standin-token-0123456789abcdef"


class GiteaStandin:
    """A forge of its own below `root`; start it with `with`. Safe to use from several threads.

    `looks_too_early` opens a pull request beside an equal one, as happens when two are asked for
    at the same moment; `largest_page` caps what a listing gives at once.
    """

    def __init__(self, root=None, *, port=0, token=TOKEN, login="damascus"):
        self._own = None
        if root is None:
            self._own = tempfile.TemporaryDirectory(prefix="gitea-standin-")
            root = self._own.name
        self.root = Path(root)
        self.root.mkdir(parents=True, exist_ok=True)
        self.token = token
        self.ledger = Ledger()
        self.errors = []
        self.looks_too_early = False
        self.largest_page = 50
        self.users = {}
        self._tokens = {}
        self._repos = {}
        self._faults = []
        self._trees = {}
        self._lock = threading.RLock()
        self._ids = itertools.count(1)
        self.add_user(login, token)
        self._human = User(self.next_id(), "human")
        self._server = Server(("127.0.0.1", port), self)
        self._thread = threading.Thread(
            target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, name="gitea-standin"
        )
        self._started = False

    # -- life ------------------------------------------------------------------------------

    @property
    def url(self):
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def start(self):
        self._started = True
        self._thread.start()
        return self

    def close(self):
        """Let go of every hanging call, end every connection and thread."""
        for fault in self._faults:
            fault.cancel()
        if self._started:
            self._server.shutdown()
            self._thread.join()
        self._server.close_connections()
        self._server.server_close()
        if self._own:
            self._own.cleanup()

    def __enter__(self):
        return self.start()

    def __exit__(self, kind, error, trace):
        self.close()
        if kind is None:
            assert not self.errors, "the stand-in itself failed:\n" + "\n".join(self.errors)

    def next_id(self):
        return next(self._ids)

    # -- arranging -------------------------------------------------------------------------

    def add_user(self, login, token, *, push=True, scopes=None):
        """A user with one token; `scopes` are those of the token, None all of them."""
        known = None if scopes is None else frozenset(scopes)
        self.users[login] = self._tokens[token] = User(self.next_id(), login, push, known)

    def revoke(self, token):
        self._tokens.pop(token)

    def user_of(self, token):
        return self._tokens.get(token)

    def add_repo(self, owner, name, files=None, *, branch="main", archived=False):
        """A bare repository with one commit, or the one that lies there already; its full name."""
        path = self.root / owner / f"{name}.git"
        if not path.exists():
            init_bare(path, branch)
            commit(path, branch, files or {"README.md": f"# {name}\n"}, "Begin")
        branch = git(path, "symbolic-ref", "--short", "HEAD")
        repo = Repo(self.next_id(), owner, name, path, branch, archived=archived)
        with self._lock:
            self._repos[repo.full_name] = repo
        return repo.full_name

    def adopt(self):
        """Serve the repositories that lie below the root already (pull requests are not kept)."""
        for path in sorted(self.root.glob("*/*.git")):
            self.add_repo(path.parent.name, path.stem)

    def misbehave(self, method, path, kind, *, times=1, after=0):
        """Spoil the next `times` calls (None: all) that match, once `after` of them went well.

        `path` is a regular expression searched in the raw path, `/api/v1` and all; `method` may be
        `*`. Returns the Fault: `hits`, `wait_until_hit()`, `release()`, `cancel()`.
        """
        fault = Fault(method, path, kind, times, after)
        with self._lock:
            self._faults.append(fault)
        return fault

    def faults_for(self, call):
        with self._lock:
            taken = [fault for fault in self._faults if fault.take(call)]
        call.faults = [type(fault.kind).__name__.strip("_") for fault in taken]
        return taken

    # -- looking ---------------------------------------------------------------------------

    def find_repo(self, name):
        with self._lock:
            return self._repos.get(name)

    def repo(self, name):
        found = self.find_repo(name)
        assert found, f"the stand-in has no repository {name}; it has {sorted(self._repos)}"
        return found

    def clone_url(self, name):
        return f"{self.url}/{name}.git"

    def pulls(self, name=None, state=None):
        """The pull requests (state objects, not JSON) of one repository, or of all."""
        repos = [self.repo(name)] if name else list(self._repos.values())
        found = []
        for repo in repos:
            with repo.lock:
                found += [repo.pull(pull.number) for pull in list(repo.pulls)]
        return [pull for pull in found if state in (None, pull.state)]

    def pull(self, name, number):
        repo = self.repo(name)
        with repo.lock:
            found = repo.pull(number)
        assert found, f"{name} has no pull request #{number}"
        return found

    def head(self, name, branch="main"):
        """The SHA of a branch, or None."""
        return branch_sha(self.repo(name).path, branch)

    def log(self, name, branch="main"):
        """Commits of a branch along the first parent, newest first: (SHA, parents, subject)."""
        form = "--format=%H%x09%P%x09%s"
        lines = git(self.repo(name).path, "log", "--first-parent", form, f"refs/heads/{branch}")
        return [(s, p.split(), t) for s, p, t in (x.split("\t", 2) for x in lines.splitlines())]

    def read(self, name, path, ref="main"):
        """The text of a file at a branch or commit (stripped), or None."""
        return git(self.repo(name).path, "show", f"{ref}:{path}", check=False)

    def comments(self, name, number):
        return [one.body for one in self.pull(name, number).comments]

    def statuses(self, name, sha):
        """(context, state, description) of a commit, oldest first."""
        found = self.repo(name).statuses.get(sha, [])
        return [(one.context, one.state, one.description) for one in found]

    def calls(self, method=None, path=""):
        """The calls so far with that method whose path matches the regular expression."""
        pattern = kinds.re.compile(path)
        return [
            call
            for call in self.ledger.calls()
            if method in (None, call.method) and pattern.search(call.path)
        ]

    def pushes(self, name=None):
        """Ref updates pushed over HTTP, in order: (who, old, new, ref)."""
        prefix = f"/{name}.git/" if name else "/"
        found = self.calls("POST", r"/git-receive-pack$")
        return [(c.who, *u) for c in found if c.path.startswith(prefix) for u in c.updates]

    # -- acting ----------------------------------------------------------------------------

    def commit(self, name, branch, files, message="A commit", *, start=None):
        """Commit onto a branch as somebody else would; a new branch starts at branch `start`."""
        repo = self.repo(name)
        with repo.lock:
            parent = branch_sha(repo.path, start) if start else None
            return commit(repo.path, branch, files, message, parent)

    def close_pull(self, name, number):
        """A person closes it without merging."""
        pull = self.pull(name, number)
        pull.state, pull.closed_at = "closed", now()

    def comment_as_human(self, name, number, body):
        self.pull(name, number).comments.append(Comment(self.next_id(), body, self._human))

    def merge_as_human(self, name, number):
        repo, pull = self.repo(name), self.pull(name, number)
        with repo.lock:
            reply = self.merge(repo, pull, "merge", f"Merge #{number} by hand", self._human)
        assert reply.status == 200, reply
        return pull.merge_sha

    def pushed(self, repo, updates):
        for _, new, ref in updates:
            name = ref.removeprefix("refs/heads/")
            if set(new) == {"0"} and branch_sha(repo.path, name) is None:
                repo.branch_deleted(name)

    def merged_tree(self, repo, base_sha, head_sha):
        """(tree, "") of the real merge, or (None, what git said); each pair is merged once."""
        key = repo.id, base_sha, head_sha
        if key not in self._trees:
            self._trees[key] = try_merge(repo.path, base_sha, head_sha)
        return self._trees[key]

    def merge(self, repo, pull, style, words, person):
        """Merge for real, the repository's lock held; the Reply."""
        base_sha = branch_sha(repo.path, pull.base)
        tree, said = self.merged_tree(repo, base_sha, pull.head_sha)
        if tree is None and repo.known_conflicts:
            return Reply(405, message("Please try again later"))
        if tree is None:
            return Reply(409, {"Style": style, "StdOut": said, "StdErr": "", "Err": {}})
        parents = ["-p", base_sha] + (["-p", pull.head_sha] if style == "merge" else [])
        sha = git(repo.path, "commit-tree", tree, *parents, "-F", "-", stdin=words)
        git(repo.path, "update-ref", f"refs/heads/{pull.base}", sha, base_sha)
        pull.state, pull.merged, pull.merge_sha, pull.merged_by = "closed", True, sha, person
        pull.merged_at = pull.closed_at = pull.updated_at = now()
        return Reply(200)

    # -- expecting -------------------------------------------------------------------------

    def expect_merged(self, name, number):
        """Assert that it is merged, by exactly one commit of the base branch; that commit's SHA."""
        pull = self.pull(name, number)
        assert pull.merged, f"#{number} of {name} is {pull.state}, not merged"
        on_base = [sha for sha, _, _ in self.log(name, pull.base)]
        assert on_base.count(pull.merge_sha) == 1, f"{pull.merge_sha} is not on {pull.base}"
        by_head = [
            sha for sha, parents, _ in self.log(name, pull.base) if pull.head_sha in parents[1:]
        ]
        assert by_head in ([], [pull.merge_sha]), f"#{number} was merged more than once: {by_head}"
        return pull.merge_sha

    def expect_not_merged(self, name, number):
        pull = self.pull(name, number)
        assert not pull.merged, f"#{number} of {name} is merged as {pull.merge_sha}"
        return pull

    def expect_one_pull(self, name, head):
        """Assert that the branch ever had exactly one pull request; it."""
        found = [pull for pull in self.pulls(name) if pull.head == head]
        assert len(found) == 1, f"{head} has {len(found)} pull requests in {name}"
        return found[0]
