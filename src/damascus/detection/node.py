"""JavaScript and TypeScript: the test script of package.json, or Node's own runner."""

from __future__ import annotations

import re
from collections.abc import Iterator

from damascus.detection.repository import Proposal, Repository, Table, table

_LOCKS = (
    ("pnpm-lock.yaml", "pnpm"),
    ("yarn.lock", "yarn"),
    ("bun.lock", "bun"),
    ("bun.lockb", "bun"),
    ("package-lock.json", "npm"),
    ("npm-shrinkwrap.json", "npm"),
)
_WITH_LOCK = {
    "npm": "npm ci --no-audit --no-fund",
    "pnpm": "pnpm install --frozen-lockfile",
    "yarn": "yarn install --frozen-lockfile",
    "bun": "bun install --frozen-lockfile",
}
_WITHOUT_LOCK = {
    "npm": "npm install --no-audit --no-fund --no-package-lock",
    "pnpm": "pnpm install --no-lockfile",
    "yarn": "yarn install --no-lockfile",
    "bun": "bun install --no-save",
}
_BERRY = "yarn install --immutable"  # Yarn 2 and later
_BERRY_WITHOUT_LOCK = "yarn install --no-immutable"
_BERRY_OF_LOCK = {"4": "2.4.3", "5": "3", "6": "3", "7": "4", "8": "4"}  # by the lock's version
_DEPENDENCIES = ("dependencies", "devDependencies", "optionalDependencies", "peerDependencies")
_LOOKED_AT = 20


def proposals(repository: Repository) -> Iterator[Proposal]:
    """The commands of a JavaScript or TypeScript project."""
    package = repository.json("package.json")
    owner = _owner(repository)
    manager, lock = _manager(owner, owner.json("package.json"))
    setup = _setup(owner, package, manager, lock)
    script = table(package.get("scripts")).get("test")
    if isinstance(script, str) and script.strip() and "no test specified" not in script:
        words = ("bun", "run", "test") if manager == "bun" else (manager, "test")
        why = f"package.json has the script test: {script.strip()[:80]}"
        if lock:
            why += f", and there is a {lock}" + (" at the top" if owner is repository.top else "")
        if setup and owner is repository and (inner := _inner_runner(script)):
            yield Proposal(inner, f"{why}, whose last part is this", setup)
            if fetched := _fetched(owner, manager, setup[0]):
                yield Proposal(inner, f"{why} ({manager} is fetched by npx)", (fetched,))
        yield Proposal(words, why, setup)
        if setup and (fetched := _fetched(owner, manager, setup[0])):
            yield Proposal(("npm", "test"), f"{why} ({manager} is fetched by npx)", (fetched,))
    tests = list(repository.named(r".+\.test\.[cm]?js|test-.+\.[cm]?js|test\.[cm]?js"))[:_LOOKED_AT]
    native = next((path for path in tests if "node:test" in repository.text(path)), None)
    if native:
        yield Proposal(("node", "--test"), f"{native} is written for Node's own runner", setup)


def _owner(repository: Repository) -> Repository:
    """Where packages are installed from: the top, for a member of its workspace."""
    top = repository.top
    if top is None or not repository.has("package.json"):
        return repository
    if any(lock in repository.paths for lock, _ in _LOCKS):
        return repository
    workspace = "workspaces" in top.json("package.json") or top.has("pnpm-workspace.yaml")
    return top if workspace else repository


def _inner_runner(script: str) -> tuple[str, ...] | None:
    """The runner that a script starts by way of a package manager: alone it reports by name."""
    words = re.split(r"&&|;", script)[-1].split()
    if words[:1] and words[0] in {"pnpm", "yarn", "npx", "bunx"}:
        words = words[2:] if words[1:2] and words[1] in {"exec", "run", "--"} else words[1:]
        if words[:1] and words[0] in {"vitest", "jest", "mocha"}:
            return (f"node_modules/.bin/{words[0]}", *words[1:])
    return None


def _manager(repository: Repository, package: Table) -> tuple[str, str | None]:
    """The package manager, and its lock file where there is one."""
    said = str(package.get("packageManager") or "").partition("@")[0]
    locks = [(lock, name) for lock, name in _LOCKS if lock in repository.paths]
    if said in _WITH_LOCK:
        return said, next((lock for lock, name in locks if name == said), None)
    lock, name = locks[0] if locks else (None, "npm")
    return name, lock


def _setup(
    repository: Repository, package: Table, manager: str, lock: str | None
) -> tuple[str, ...]:
    """The installation; nothing where there is nothing to install."""
    if not lock and not any(table(package.get(key)) for key in _DEPENDENCIES):
        return ()
    if manager == "yarn" and _is_berry(repository):
        return (_BERRY if lock else _BERRY_WITHOUT_LOCK,)
    if not lock:
        return (_WITHOUT_LOCK[manager],)
    return (_WITH_LOCK[manager],)


def _fetched(repository: Repository, manager: str, install: str) -> str | None:
    """The same installation where the manager itself is not on the PATH: npx fetches it."""
    if manager not in {"pnpm", "yarn"}:
        return None
    said = _said_version(repository)
    if install in {_BERRY, _BERRY_WITHOUT_LOCK}:
        fetched = f"npx --yes @yarnpkg/cli-dist@{said or _berry(repository)}"
        # `npm test` looks into node_modules, which this Yarn makes only where it is told to.
        told = repository.says(".yarnrc.yml", r"^nodeLinker:\s*[\"']?(?:node-modules|pnpm)\b")
        return install.replace(
            manager, fetched if told else f"env YARN_NODE_LINKER=node-modules {fetched}", 1
        )
    version = said or ("1" if manager == "yarn" else _pnpm(repository))
    return install.replace(manager, f"npx --yes {manager}@{version}", 1)


def _said_version(repository: Repository) -> str | None:
    """The version of its package manager that package.json says."""
    package = repository.json("package.json")
    said = re.match(r"\w+@(\d[\d.]*)", str(package.get("packageManager") or ""))
    return said[1] if said else None


def _is_berry(repository: Repository) -> bool:
    """Tell whether a project of Yarn's is one of Yarn 2 or later."""
    if said := _said_version(repository):
        return not said.startswith(("0.", "1.")) and said != "1"
    if lock := repository.text("yarn.lock"):
        return re.search(r"^__metadata:", lock, re.MULTILINE) is not None
    return ".yarnrc.yml" in repository.paths


def _berry(repository: Repository) -> str:
    """The version of Yarn that wrote the lock file."""
    found = re.search(r"^__metadata:\s+version: (\d+)", repository.text("yarn.lock"), re.MULTILINE)
    return _BERRY_OF_LOCK.get(found[1] if found else "", "4")


def _pnpm(repository: Repository) -> str:
    """The version of pnpm that wrote the lock file."""
    found = re.search(r"^lockfileVersion: '?(\d+)", repository.text("pnpm-lock.yaml"), re.MULTILINE)
    return {"5": "7", "6": "8"}.get(found[1] if found else "", "9")
