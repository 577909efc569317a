"""Which changes a project protects itself against, and how globs are read."""

from __future__ import annotations

import dataclasses

import pytest

from damascus.domain import globs
from damascus.domain.work import Project
from damascus.phases import protected_paths
from damascus.phases.protected import protected
from damascus.ports import Entry

DEFAULT = protected_paths.DEFAULT_PROTECTED_PATHS
PROJECT = Project(id=1, name="a", forge="local", repo="/r", base_branch="main")


def touched(*paths, patterns=DEFAULT, mode="100644", links=None):
    entries = [Entry(path, "", f"{mode} {'1' * 40}") for path in paths]
    return [entry.path for entry in protected(entries, patterns, links or {})]


@pytest.mark.parametrize(
    "path",
    [
        *(".gitea/workflows/x.yml", ".GitHub/workflows/x.yml", ".gitlab-ci.yml", ".travis.yml"),
        *(".buildkite/pipeline.yml", "bitbucket-pipelines.yml", ".woodpecker.yaml", ".drone.yml"),
        *("CODEOWNERS", "docs/CODEOWNERS", ".github/CODEOWNERS", "Jenkinsfile", ".gitattributes"),
        *("packages/a/.claude/settings.json", ".claude", "sub/.mcp.json", "sub/CLAUDE.md"),
        *("AGENTS.override.md", "opencode.json", ".aider.conf.yml", ".clinerules", ".clinerules/a"),
        *(".windsurfrules", ".cursor/rules/x.mdc", "web/.cursor/mcp.json"),
        *(".npmrc", "packages/a/.npmrc", ".yarnrc.yml", ".pnpmfile.cjs", ".cargo/config.toml"),
        *("crates/a/.cargo/config.toml", ".mvn/jvm.config", "gradle/wrapper/gradle-wrapper.jar"),
        *("android/gradle/wrapper/gradle-wrapper.properties", "gradlew", "mvnw.cmd"),
        *(".env", ".env.local", "api/.env.production", ".envrc", "mise.toml", ".tool-versions"),
        *(".pre-commit-config.yaml", "lefthook.yml", ".husky/pre-commit", ".gitmodules"),
        *(".devcontainer/devcontainer.json", ".vscode/tasks.json"),
    ],
)
def test_what_steers_builds_agents_and_machines_is_protected_by_default(path):
    assert touched(path) == [path]


@pytest.mark.parametrize(
    "path",
    [
        *("src/github/x.py", "gitea.py", "docs/.gitignore", "my.mcp.json", "environment.py"),
        *("src/env.ts", "gradle/libs.versions.toml", "docs/codeowners.md", "package.json"),
    ],
)
def test_what_only_sounds_like_it_is_not(path):
    assert touched(path) == []


@pytest.mark.parametrize(
    "path",
    [".GITHUB/x", "Claude.MD", ".npmrc.", ".env ", ".g\u200cithub/x", ".Claude./settings.json"],
)
def test_a_path_is_read_as_the_most_forgiving_file_system_reads_it(path):
    assert touched(path) == [path]


def test_a_projects_own_globs_are_added_to_the_default_ones():
    project = dataclasses.replace(PROJECT, protected_paths=("infra/",))
    assert touched("infra/x", "CLAUDE.md", patterns=protected_paths.of_project(project)) == [
        "CLAUDE.md",
        "infra/x",
    ]
    alone = dataclasses.replace(project, default_protection=False)
    assert touched("infra/x", "CLAUDE.md", patterns=protected_paths.of_project(alone)) == [
        "infra/x"
    ]


def test_globs_are_read_like_lines_of_a_gitignore_file():
    patterns = ("infra/", "/Makefile", "*.lock", "a/**/z", "v[0-9].txt")
    paths = ["infra/x/y", "sub/Makefile", "Makefile", "a/z", "a/b/c/z", "x/y.lock", "v1.txt", "vx"]
    assert touched(*paths, patterns=patterns) == [
        *("Makefile", "a/b/c/z", "a/z", "infra/x/y", "v1.txt", "x/y.lock"),
    ]


@pytest.mark.parametrize("mode", ["120000", "160000"])
def test_a_link_or_submodule_in_the_place_of_a_directory_counts_as_what_is_below_it(mode):
    assert touched("gradle", mode=mode) == ["gradle"]
    assert touched("android/gradle", mode=mode) == ["android/gradle"]
    assert touched("gradle", "android/gradle", mode="100644") == []
    assert touched("tools", mode=mode) == (["tools"] if mode == "160000" else [])


def test_the_commit_of_a_submodule_is_protected_wherever_gitmodules_is():
    link = f"160000 {'1' * 40}"
    entries = [Entry("moved", link, f"160000 {'2' * 40}"), Entry("gone", link, "")]
    entries += [Entry("replaced", link, f"100644 {'3' * 40}"), Entry("file", "", "100644 1")]
    found = protected(entries, DEFAULT, {})
    assert [entry.path for entry in found] == ["gone", "moved", "replaced"]
    assert protected(entries, ("other/**",), {}) == []


def test_what_a_protected_link_of_the_base_leads_to_is_protected_too():
    links = {"CLAUDE.md": "docs/agents.md", ".cursor": "tools/cursor", "other": "src"}
    links |= {"tools/cursor/rules": "notes.md"}
    changed = ("docs/agents.md", "tools/cursor/rules", "tools/cursors", "notes.md", "src/a.py")
    assert touched(*changed, links=links) == ["docs/agents.md", "notes.md", "tools/cursor/rules"]


@pytest.mark.parametrize(
    ("glob", "why"),
    [
        ("!.github/**", "globs only add"),
        ("# ci", "comment"),
        ("/", "every path"),
        ("../x", "begin at the top"),
        ("./ci/**", "begin at the top"),
        ("a//b", "begin at the top"),
        ("[z-a]", "is no glob"),
        ("[a", "is no glob"),
        ("a\\", "is no glob"),
    ],
)
def test_a_glob_that_matches_nothing_or_takes_back_is_refused_with_a_sentence(glob, why):
    problem = globs.problem(glob)
    assert problem is not None
    assert why in problem


@pytest.mark.parametrize("glob", ["ci/**", "*.lock", "**", "a?c", "\\#x", "infra/", "[!a]b"])
def test_a_good_glob_has_no_problem(glob):
    assert globs.problem(glob) is None
