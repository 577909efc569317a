"""The endpoints below `/api/v1`: what each does and answers, case by case as Gitea does."""

import re
from urllib.parse import unquote

from . import shapes
from .faults import Reply, message
from .git import branch_sha, branches, git
from .state import Comment, Pull, Status, now

_STYLES = ("merge", "squash")


class RefusalError(Exception):
    def __init__(self, status, text=""):
        super().__init__(text)
        self.reply = Reply(status, message(text))


def not_found():
    return RefusalError(404, "not found")


ROUTES = []


def route(method, template):
    pattern = re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", template)
    pattern = re.sub(r"\{(\w+):any\}", r"(?P<\1>.+)", pattern)

    def register(function):
        ROUTES.append((method, re.compile(pattern), template, function))
        return function

    return register


class Request:
    """One call, its repository and its user found."""

    def __init__(self, standin, call, person, names):
        self.standin = standin
        self.call = call
        self.person = person
        self.names = names
        self.url = standin.url
        self.form = call.body if isinstance(call.body, dict) else {}
        self.repo = None
        if "owner" in names:
            self.repo = standin.find_repo(f"{names['owner']}/{names['repo']}")
            if self.repo is None:
                raise not_found()

    def unarchived(self):
        if self.repo.archived:
            raise RefusalError(423, f"{self.repo.full_name} is archived")

    def required(self, *names):
        """What the forge looks for in the form before it looks for anything else."""
        for name in names:
            if not self.form.get(name):
                raise RefusalError(422, f"[{name.capitalize()}]: Required")

    def writing(self):
        if not self.person.push:
            raise RefusalError(403, "user should have permission to write to the repository")

    def pull(self):
        number = self.names["index"]
        found = self.repo.pull(int(number)) if number.isdecimal() else None
        if found is None:
            raise not_found()
        return found

    def shape(self, pull):
        repo = self.repo
        base_sha = branch_sha(repo.path, pull.base) or ""
        mergeable = False
        if pull.state == "open":
            mergeable = self.standin.merged_tree(repo, base_sha, pull.head_sha)[0] is not None
        head_sha = branch_sha(repo.path, pull.head)
        return shapes.pull(repo, pull, self.url, mergeable, base_sha=base_sha, live_sha=head_sha)

    def page(self, rows):
        most = self.standin.largest_page
        limit = min(int(self.call.query.get("limit", most)), most)
        start = (max(int(self.call.query.get("page", 1)), 1) - 1) * limit
        return Reply(200, rows[start : start + limit], {"X-Total-Count": str(len(rows))})


def dispatch(standin, call, person):
    """Answer one call to the API. The repository's lock is held throughout."""
    raw = call.path.removeprefix("/api/v1")
    for method, pattern, _, function in ROUTES:
        if method == call.method and (match := pattern.fullmatch(raw)):
            names = {key: unquote(value) for key, value in match.groupdict().items()}
            if scope := lacking(person, method, raw):
                text = "token does not have at least one of required scope(s), required="
                return Reply(403, message(f"{text}[{scope}]"))
            try:
                request = Request(standin, call, person, names)
                if request.repo is None:
                    return function(request)
                with request.repo.lock:
                    return function(request)
            except RefusalError as refusal:
                return refusal.reply
    return Reply(404, raw=b"404 page not found\n", content_type="text/plain")


def lacking(person, method, path):
    """The scope that the token lacks for this call, or None."""
    if not path.startswith("/repos/") or person.scopes is None:
        return None
    kind = "issue" if "/issues/" in path else "repository"
    enough = {f"write:{kind}"} if method != "GET" else {f"read:{kind}", f"write:{kind}"}
    return None if person.scopes & enough else min(enough)


@route("GET", "/version")
def version(_request):
    return Reply(200, {"version": "1.26.0+standin"})


@route("GET", "/user")
def current_user(request):
    return Reply(200, shapes.user(request.person))


@route("GET", "/repos/{owner}/{repo}")
def get_repo(request):
    return Reply(200, shapes.repository(request.repo, request.url, request.person))


@route("GET", "/repos/{owner}/{repo}/branches")
def list_branches(request):
    path = request.repo.path
    return request.page(
        [
            shapes.branch(request.repo, name, branch_sha(path, name), request.person)
            for name in branches(path)
        ]
    )


@route("GET", "/repos/{owner}/{repo}/branches/{branch:any}")
def get_branch(request):
    name = request.names["branch"]
    if not (sha := branch_sha(request.repo.path, name)):
        raise not_found()
    return Reply(200, shapes.branch(request.repo, name, sha, request.person))


@route("GET", "/repos/{owner}/{repo}/contents/{filepath:any}")
def get_contents(request):
    """A list for a directory, one object for anything else."""
    ref = branch_sha(request.repo.path, request.call.query.get("ref", request.repo.default_branch))
    path = request.names["filepath"]
    look = ("--literal-pathspecs", "ls-tree", "-z", ref, "--")
    listing = git(request.repo.path, *look, path) if ref else ""
    if not listing:
        raise not_found()
    if not listing.startswith("040000 "):
        return Reply(200, shapes.content(listing))
    inside = git(request.repo.path, *look, f"{path}/")
    return Reply(200, [shapes.content(line) for line in inside.split("\0") if line])


@route("DELETE", "/repos/{owner}/{repo}/branches/{branch:any}")
def delete_branch(request):
    request.unarchived()
    request.writing()
    name, repo = request.names["branch"], request.repo
    if not (sha := branch_sha(repo.path, name)):
        raise not_found()
    if name == repo.default_branch:
        raise RefusalError(403, "can not delete default or pull request target branch")
    git(repo.path, "update-ref", "-d", f"refs/heads/{name}", sha)
    repo.branch_deleted(name)
    return Reply(204)


@route("GET", "/repos/{owner}/{repo}/pulls")
def list_pulls(request):
    state = request.call.query.get("state", "open")
    for pull in request.repo.pulls:
        request.repo.follow(pull)
    oldest_first = request.call.query.get("sort") == "oldest"
    rows = sorted(request.repo.pulls, key=lambda pull: pull.number, reverse=not oldest_first)
    return request.page([request.shape(p) for p in rows if state in ("all", p.state)])


@route("POST", "/repos/{owner}/{repo}/pulls")
def create_pull(request):
    request.unarchived()
    request.required("head", "base", "title")
    repo, form = request.repo, request.form
    head, base = form["head"], form["base"]
    if head == base:
        raise RefusalError(
            422, "Invalid PullRequest: There are no changes between the head and the base"
        )
    head_sha, base_sha = branch_sha(repo.path, head), branch_sha(repo.path, base)
    if not head_sha or not base_sha:
        raise not_found()
    for other in () if request.standin.looks_too_early else repo.pulls:
        if not other.merged and other.state == "open" and (other.head, other.base) == (head, base):
            raise RefusalError(
                409, f"pull request already exists for these targets [id: {other.id}]"
            )
    number = len(repo.pulls) + 1
    pull = Pull(
        id=request.standin.next_id(),
        number=number,
        title=form["title"],
        body=form.get("body", ""),
        head=head,
        base=base,
        user=request.person,
        head_sha=head_sha,
        merge_base=git(repo.path, "merge-base", base_sha, head_sha, check=False) or "",
    )
    repo.pulls.append(pull)
    return Reply(201, request.shape(pull))


@route("GET", "/repos/{owner}/{repo}/pulls/{index}")
def get_pull(request):
    return Reply(200, request.shape(request.pull()))


@route("PATCH", "/repos/{owner}/{repo}/pulls/{index}")
def edit_pull(request):
    pull, form = request.pull(), request.form
    if "state" in form and pull.merged:
        raise RefusalError(412, "cannot change state of this pull request, it was already merged")
    pull.title = form.get("title") or pull.title
    pull.body = form.get("body", pull.body)
    if "state" in form:
        pull.state = form["state"]
        pull.closed_at = now() if pull.state == "closed" else None
    pull.updated_at = now()
    return Reply(201, request.shape(pull))


@route("GET", "/repos/{owner}/{repo}/pulls/{index}/merge")
def is_merged(request):
    if not request.pull().merged:
        raise not_found()
    return Reply(204)


@route("POST", "/repos/{owner}/{repo}/pulls/{index}/merge")
def merge_pull(request):
    pull, form, repo = request.pull(), request.form, request.repo
    if pull.merged:
        raise RefusalError(405, "The PR is already merged")
    if pull.state == "closed":
        raise not_found()
    request.unarchived()
    if not request.person.push:
        raise RefusalError(405, "User not allowed to merge PR")
    if pull.title.upper().startswith(("WIP:", "[WIP]")):
        raise RefusalError(405, "Work in progress PRs cannot be merged")
    style = form.get("Do")
    if style not in _STYLES:
        raise RefusalError(422, "[Do]: Required" if not style else "[Do]: In")
    if form.get("head_commit_id") and form["head_commit_id"] != pull.head_sha:
        raise RefusalError(409, "head out of date")
    title = form.get("MergeTitleField", "").strip() or f"Merge pull request '{pull.title}'"
    text = form.get("MergeMessageField", "").strip()
    words = f"{title}\n\n{text}" if text else title
    return request.standin.merge(repo, pull, style, words, request.person)


@route("GET", "/repos/{owner}/{repo}/pulls/{base}/{head:any}")
def find_pull(request):
    """The oldest there ever was, closed or not, also when there is an open one."""
    names = request.names["head"], request.names["base"]
    found = [pull for pull in request.repo.pulls if (pull.head, pull.base) == names]
    if not found:
        raise not_found()
    request.repo.follow(found[0])
    return Reply(200, request.shape(found[0]))


def commented(request):
    try:
        return request.pull()
    except RefusalError:
        raise RefusalError(500) from None


@route("GET", "/repos/{owner}/{repo}/issues/{index}/comments")
def list_comments(request):
    """All of them: this listing knows no pages. What is missing is a fault of the server's."""
    pull = commented(request)
    rows = [shapes.comment(request.repo, pull, one, request.url) for one in pull.comments]
    return Reply(200, rows)


@route("POST", "/repos/{owner}/{repo}/issues/{index}/comments")
def create_comment(request):
    request.unarchived()
    request.required("body")
    pull = commented(request)
    remark = Comment(request.standin.next_id(), request.form["body"], request.person)
    pull.comments.append(remark)
    return Reply(201, shapes.comment(request.repo, pull, remark, request.url))


@route("POST", "/repos/{owner}/{repo}/statuses/{sha}")
def create_status(request):
    request.writing()
    repo, form, sha = request.repo, request.form, request.names["sha"]
    if git(repo.path, "cat-file", "-e", f"{sha}^{{commit}}", check=False) is None:
        raise RefusalError(500)
    one = Status(
        id=request.standin.next_id(),
        state=form.get("state", ""),  # whatever it is
        context=form.get("context") or "default",
        description=form.get("description", ""),
        target_url=form.get("target_url", ""),
        creator=request.person,
    )
    repo.statuses.setdefault(sha, []).append(one)
    return Reply(201, shapes.status(one, request.url))


@route("GET", "/repos/{owner}/{repo}/git/commits/{sha}")
def get_commit(request):
    sha = request.names["sha"]
    if git(request.repo.path, "cat-file", "-e", f"{sha}^{{commit}}", check=False) is None:
        raise RefusalError(404, f"commit doesn't exist: {sha}")
    return Reply(200, {"sha": sha})


@route("GET", "/repos/{owner}/{repo}/statuses/{sha}")
@route("GET", "/repos/{owner}/{repo}/commits/{sha}/statuses")
def list_statuses(request):
    rows = reversed(request.repo.statuses.get(request.names["sha"], []))
    return request.page([shapes.status(one, request.url) for one in rows])


@route("GET", "/repos/{owner}/{repo}/commits/{ref}/status")
def combined_status(request):
    repo, ref = request.repo, request.names["ref"]
    sha = branch_sha(repo.path, ref) or ref
    latest = {one.context: one for one in repo.statuses.get(sha, [])}
    worst = ("error", "failure", "warning", "pending", "success")
    states = {one.state for one in latest.values()}
    return Reply(
        200,
        {
            "state": next((state for state in worst if state in states), ""),
            "sha": sha,
            "total_count": len(latest),
            "statuses": [shapes.status(one, request.url) for one in latest.values()],
            "commit_url": "",
            "url": "",
        },
    )
