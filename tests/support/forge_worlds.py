"""A forge with a repository behind it, and hands to act there as other people do."""

from pathlib import Path

import httpx

from damascus.forge.gitea import GiteaForge
from damascus.forge.local import LocalForge
from support.gitea_standin import GiteaStandin
from support.gitea_standin.git import branch_sha, commit, git, init_bare

NAME = "ada/engine"
FILES = {"README.md": "engine\n", "code.txt": "one\ntwo\nthree\n"}


class World:
    """What every kind of forge lets a test do and see."""

    def feature(self, branch="feature", files=None):
        """A branch off main with one commit; its SHA."""
        return self.commit(branch, files or {"new.txt": "new\n"}, "Add a file", start="main")

    def open(self, branch="feature", files=None):
        """A feature with its pull request."""
        self.feature(branch, files)
        return self.forge.ensure_pull(head=branch, base="main", title="Add", body="Why not.")

    def merge(self, pull, style="merge", head_sha=None):
        return self.forge.merge(
            pull.number,
            head_sha=head_sha or pull.head_sha,
            style=style,
            title="Add a file (#1)",
            message="It passed.",
        )

    def head(self, branch="main"):
        return branch_sha(self.path, branch)

    def log(self, branch="main"):
        """(SHA, parents, whole message) along the first parent, newest first."""
        text = git(self.path, "log", "--first-parent", "--format=%H%x09%P%x09%B%x00", branch)
        rows = [row.strip().split("\t", 2) for row in text.split("\0") if row.strip()]
        return [(sha, parents.split(), message.strip()) for sha, parents, message in rows]

    def read(self, path, ref="main"):
        return git(self.path, "show", f"{ref}:{path}", check=False)

    def close(self):
        self.forge.close()


class GiteaWorld(World):
    def __init__(self, root):
        self.standin = GiteaStandin(root).start()
        self.standin.add_repo(*NAME.split("/"), FILES)
        self.path = self.standin.repo(NAME).path
        self.naps = []
        self.forge = self.client()

    def client(self, **settings):
        """Another client; it does not sleep but remembers how long it would have."""
        given = {
            "base_url": self.standin.url,
            "owner": "ada",
            "name": "engine",
            "token": self.standin.token,
            "transport": httpx.HTTPTransport(),  # which no proxy of the environment gets between
            "sleep": self.naps.append,
            "jitter": lambda: 1.0,
        }
        return GiteaForge(**{**given, **settings})

    def another(self, name):
        return self.client(name=name)

    def commit(self, branch, files, message="A commit", *, start=None):
        return self.standin.commit(NAME, branch, files, message, start=start)

    def close_pull(self, number):
        self.standin.close_pull(NAME, number)

    def comments(self, number):
        return self.standin.comments(NAME, number)

    def status(self, sha):
        _, state, description = self.standin.statuses(NAME, sha)[-1]
        return state, description

    def close(self):
        super().close()
        self.standin.close()
        assert not self.standin.errors, "\n".join(self.standin.errors)


class LocalWorld(World):
    def __init__(self, root, *, bare):
        self.path = Path(root) / ("engine.git" if bare else "engine")
        self.bare = bare
        if bare:
            init_bare(self.path, "main")
        else:
            self.path.mkdir(parents=True)
            git(self.path, "init", "--quiet", "--initial-branch=main", ".")
        self.commit("main", FILES, "Begin")
        self.forge = LocalForge(self.path)

    @property
    def git_dir(self):
        return self.path if self.bare else self.path / ".git"

    def another(self, name):
        return LocalForge(self.path.with_name(name))

    def commit(self, branch, files, message="A commit", *, start=None):
        parent = branch_sha(self.path, start) if start else None
        sha = commit(self.path, branch, files, message, parent)
        if branch == "main" and not self.bare:
            git(self.path, "reset", "--quiet", "--hard")
        return sha

    def close_pull(self, number):
        self.forge.close_pull(number)

    def comments(self, number):
        return list(self.forge.comments(number))

    def status(self, sha):
        return self.forge.status(sha)


KINDS = {
    "gitea": GiteaWorld,
    "local bare": lambda root: LocalWorld(root, bare=True),
    "local with a working tree": lambda root: LocalWorld(root, bare=False),
}
