"""The globs that are protected in every project, unless it says otherwise.

They name what steers builds, agents and the machines of people who check a branch out: files that
are read or run without anybody asking for them. The rules are those of `domain/globs.py`.
"""

from __future__ import annotations

from typing import Final

from damascus.domain.work import Project

DEFAULT_PROTECTED_PATHS: Final[tuple[str, ...]] = (
    # what forges and their runners do
    ".gitea/**",
    ".github/**",
    ".forgejo/**",
    ".gitlab/**",
    ".gitlab-ci.*",
    ".woodpecker*",
    ".circleci/**",
    ".drone.*",
    ".travis.*",
    ".buildkite/**",
    ".cirrus.*",
    ".semaphore/**",
    ".tekton/**",
    ".appveyor.yml",
    "appveyor.yml",
    "bitbucket-pipelines.*",
    "azure-pipelines*.yml",
    "cloudbuild.yaml",
    "Jenkinsfile*",
    "CODEOWNERS",
    # what coding agents do: settings, hooks, servers, standing instructions
    "**/.claude/**",
    ".mcp.json",
    "CLAUDE.md",
    "CLAUDE.local.md",
    "AGENTS.md",
    "AGENTS.override.md",
    "GEMINI.md",
    "QWEN.md",
    "**/.codex/**",
    "**/.gemini/**",
    "**/.qwen/**",
    "**/.opencode/**",
    "opencode.json",
    "opencode.jsonc",
    "**/.cursor/**",
    ".cursorrules",
    ".aider*",
    ".clinerules*",
    ".roo*",
    ".windsurf*",
    "**/.continue/**",
    "**/.junie/**",
    "**/.kiro/**",
    "**/.amazonq/**",
    ".goosehints",
    # what package managers and build tools run or fetch from, before any code of the project
    ".npmrc",
    ".yarnrc*",
    "**/.yarn/releases/**",
    "**/.yarn/plugins/**",
    ".pnpmfile.*",
    "bunfig.toml",
    ".pypirc",
    "pip.conf",
    "**/.cargo/**",
    "rust-toolchain*",
    "**/.mvn/**",
    "mvnw*",
    "**/gradle/wrapper/**",
    "gradlew*",
    "**/.bundle/**",
    "nuget.config",
    # what the machines of people do: git, editors, shells, version managers
    ".gitattributes",
    ".gitmodules",
    ".gitconfig",
    ".lfsconfig",
    "**/.githooks/**",
    "**/.husky/**",
    ".pre-commit-config.*",
    "lefthook.*",
    "lefthook-local.*",
    ".lefthook*",
    ".overcommit.yml",
    "**/.vscode/**",
    "**/.idea/**",
    "**/.devcontainer/**",
    ".devcontainer.json",
    ".gitpod.*",
    ".env*",
    "mise.toml",
    "mise.*.toml",
    ".mise*",
    "**/.config/mise*/**",
    ".tool-versions",
)


def of_project(project: Project) -> tuple[str, ...]:
    """The globs in force: the default ones, unless the project has none of them, and its own."""
    default = DEFAULT_PROTECTED_PATHS if project.default_protection else ()
    return (*default, *project.protected_paths)
