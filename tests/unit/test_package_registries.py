"""The places of packages, as lock files and tools name them."""

from __future__ import annotations

import pytest

from damascus.package_registries import QUESTIONS, answered, asked_of, hosts_in, hosts_of

FILES = {
    "uv.lock": (
        (
            '[[package]]\nname = "a"\nsource = { registry = "https://index.example/simple" }\n'
            'sdist = { url = "https://files.example/packages/a.tar.gz", hash = "sha256:0" }\n'
            '# see https://elsewhere.example\n[package.metadata]\nhomepage = "https://x.example"\n'
        ),
        {"index.example", "files.example"},
    ),
    "poetry.lock": (
        '[package.source]\ntype = "legacy"\nurl = "https://private.example/simple"\n',
        {"private.example"},
    ),
    "requirements-dev.txt": (
        "--index-url https://index.example/simple\nrequests==2 # https://docs.example\n",
        {"index.example"},
    ),
    "sub/package-lock.json": (
        '{"homepage": "https://x.example",\n"resolved": "https://npm.example/a/-/a-1.0.tgz",\n}',
        {"npm.example"},
    ),
    "pnpm-lock.yaml": (
        "  /a@1:\n    resolution: {integrity: x, tarball: https://npm.example/a.tgz}\n",
        {"npm.example"},
    ),
    "yarn.lock": ('a@^1:\n  resolved "https://yarn.example/a-1.tgz#abc"\n', {"yarn.example"}),
    ".npmrc": ("@mine:registry=http://localhost:4873/\n", {"localhost:4873"}),
    "Cargo.lock": (
        (
            'name = "a"\nsource = "registry+https://git.example/rust/crates.example-index"\n'
            '[[package]]\nsource = "sparse+https://cargo.example:8443/index/"\n'
        ),
        {"crates.example", ".crates.example", "cargo.example:8443"},
    ),
    ".cargo/config.toml": (
        '[registries.mine]\nindex = "sparse+https://mine.example/"\n',
        {"mine.example"},
    ),
    "app/config.toml": ('index = "https://no.example"\n', set()),
    "pom.xml": (
        (
            "<project xmlns='http://schema.example'><url>https://home.example</url><repositories>"
            "<repository><url>https://maven.example/maven2</url></repository></repositories></project>"
        ),
        {"maven.example"},
    ),
    "Gemfile.lock": ("GEM\n  remote: https://gems.example/\n  specs:\n", {"gems.example"}),
    "composer.lock": (
        '"homepage": "https://h.example",\n"url": "https://dist.example/a.zip",\n',
        {"dist.example"},
    ),
    "README.md": ("https://readme.example", set()),
}


@pytest.mark.parametrize("path", FILES)
def test_a_file_names_the_places_of_packages_and_no_others(path):
    text, hosts = FILES[path]
    assert hosts_in({path: text}) == hosts


@pytest.mark.parametrize(
    ("text", "hosts"),
    [
        ("https://User:pw@Registry.Example:443/x", {"registry.example"}),
        ("http://registry.example/x", {"registry.example:80"}),
        ("https://[::1", set()),
        ("https://a.example:99999/", set()),
        ("ftp://a.example file:///etc/passwd https://", set()),
    ],
)
def test_a_url_gives_its_host_and_the_port_that_is_not_usual(text, hosts):
    assert hosts_of([text]) == hosts


@pytest.mark.parametrize(
    ("files", "commands", "programs"),
    [
        (["pyproject.toml"], [], ["python3"]),
        (["a/package.json"], [], ["npm"]),
        (["go.mod"], ["make deps"], ["go"]),
        (["Cargo.toml"], [], ["sh"]),
        ([], ["./mvnw -B dependency:go-offline && pnpm i"], ["npm", "python3"]),
        (["Makefile", "main.c"], ["make"], []),
    ],
)
def test_the_tools_that_a_project_uses_are_asked(files, commands, programs):
    assert [one.argv[0] for one in asked_of(files, commands)] == programs


@pytest.mark.parametrize(
    ("tool", "output", "hosts"),
    [
        ("npm", "https://npm.example/\n", {"npm.example"}),
        ("go", "https://proxy.example,direct\nsum.example\n", {"proxy.example", "sum.example"}),
        ("go", "off\noff\n", set()),
        ("go", "direct\nsum.example+0abc https://sum2.example\n", {"sum2.example"}),
        ("mvn", "<a xmlns='http://x.example'/><url>https://m.example/m2</url>", {"m.example"}),
        ("pip", "https://index.example/\nhttps://files.example\n", {"index.example"}),
        ("npm", "sh: npm: not found\n", set()),
        (
            "cargo",
            "error: failed to download from `https://index.crates.example/config.json`\n",
            {"index.crates.example", ".crates.example"},
        ),
        ("cargo", "sh: 1: cargo: not found\n", set()),
    ],
)
def test_the_answer_of_a_tool_is_read(tool, output, hosts):
    question = next(one for one in QUESTIONS if tool in one.words)
    found = answered(question, output)
    assert found >= hosts
    assert bool(found) == bool(hosts)
