"""The JSON of the answers, shaped as the API's definition says."""

from .git import git


def user(person):
    return {"id": person.id, "login": person.login, "full_name": "", "email": ""}


def repository(repo, url, person=None):
    return {
        "id": repo.id,
        "owner": {"id": 1, "login": repo.owner},
        "name": repo.name,
        "full_name": repo.full_name,
        "private": repo.private,
        "archived": repo.archived,
        "mirror": False,
        "empty": False,
        "has_pull_requests": True,
        "default_branch": repo.default_branch,
        # Never what the client uses: it may name a host the token must not go to.
        "clone_url": "https://elsewhere.example.invalid/clone.git",
        "html_url": f"{url}/{repo.full_name}",
        "allow_merge_commits": True,
        "allow_squash_merge": True,
        "permissions": {"admin": False, "push": bool(person and person.push), "pull": True},
    }


def branch(repo, name, sha, person):
    subject, when = git(repo.path, "log", "-1", "--format=%s%n%cI", sha).splitlines()
    return {
        "name": name,
        "commit": {"id": sha, "message": subject, "timestamp": when},
        "protected": False,
        "user_can_push": person.push,
        "user_can_merge": person.push,
    }


def pull(repo, one, url, mergeable, *, base_sha, live_sha):
    """`live_sha` is where the branch is now, whatever became of the pull request; or None."""
    page = f"{url}/{repo.full_name}/pulls/{one.number}"
    return {
        "id": one.id,
        "number": one.number,
        "url": page,
        "html_url": page,
        "diff_url": f"{page}.diff",
        "patch_url": f"{page}.patch",
        "user": user(one.user),
        "title": one.title,
        "body": one.body,
        "labels": [],
        "state": one.state,
        "draft": False,
        "is_locked": False,
        "comments": len(one.comments),
        "mergeable": mergeable,
        "merged": one.merged,
        "merged_at": one.merged_at,
        "merge_commit_sha": one.merge_sha,
        "merged_by": user(one.merged_by) if one.merged_by else None,
        "merge_base": one.merge_base,
        "head": {
            "label": one.head,
            "ref": one.head if live_sha else f"refs/pull/{one.number}/head",
            "sha": live_sha or one.head_sha,
            "repo_id": repo.id,
        },
        "base": {"label": one.base, "ref": one.base, "sha": base_sha, "repo_id": repo.id},
        "created_at": one.created_at,
        "updated_at": one.updated_at,
        "closed_at": one.closed_at,
    }


def comment(repo, one, remark, url):
    page = f"{url}/{repo.full_name}/pulls/{one.number}"
    return {
        "id": remark.id,
        "html_url": f"{page}#issuecomment-{remark.id}",
        "pull_request_url": page,
        "issue_url": "",
        "user": user(remark.user),
        "body": remark.body,
        "created_at": remark.created_at,
        "updated_at": remark.created_at,
    }


def status(one, url):
    return {
        "id": one.id,
        "status": one.state,
        "context": one.context,
        "description": one.description,
        "target_url": one.target_url,
        "url": f"{url}/statuses/{one.id}",
        "creator": user(one.creator),
        "created_at": one.created_at,
        "updated_at": one.created_at,
    }


def content(line):
    """An entry of a tree, from a line of `git ls-tree`."""
    mode, _, rest = line.rstrip("\0").split(" ", 2)
    sha, _, path = rest.partition("\t")
    what = {"040000": "dir", "120000": "symlink", "160000": "submodule"}.get(mode, "file")
    return {"name": path.rpartition("/")[2], "path": path, "sha": sha, "type": what}
