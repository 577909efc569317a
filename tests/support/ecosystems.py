"""Small repositories with real dependencies out of their registries, one for each ecosystem.

Each has one module with a test; two stories add a second and a third. Lock files are made by the
tool itself, since they name registries.
"""

from __future__ import annotations

import shlex
from dataclasses import dataclass, field

STORIES = ("two", "three")
_PY_TEST = """import unittest

import {m}


class {M}Test(unittest.TestCase):
    def test_{m}(self):
        self.assertEqual({m}.double("2"), 4)
        self.assertEqual({m}.double(3), 6)
"""
_PY = "import six\n\n\ndef double(n):\n    return 2 * six.integer_types[0](n)\n"
_JS = "const isOdd = require('is-odd');\nexports.odd = (n) => isOdd(n);\n"
_JS_TEST = """const test = require('node:test');
const assert = require('node:assert');
const {{ odd }} = require('./{m}.js');

test('{m} tells odd numbers', () => {{
  assert.equal(odd(3), true);
  assert.equal(odd(4), false);
}});
"""
_GO = """package shop

import "github.com/google/uuid"

// {M} tells whether a text is a UUID.
func {M}(s string) bool {{
	return uuid.Validate(s) == nil
}}
"""
_GO_TEST = """package shop

import "testing"

func Test{M}(t *testing.T) {{
	if !{M}("6ba7b810-9dad-11d1-80b4-00c04fd430c8") || {M}("x") {{
		t.Fatal("wrong")
	}}
}}
"""
_RUST = """pub fn {m}(n: u32) -> String {{
    itoa::Buffer::new().format(n).to_string()
}}

#[cfg(test)]
mod tests {{
    #[test]
    fn {m}_writes() {{
        assert_eq!(super::{m}(7), "7");
    }}
}}
"""
_JAVA = """package shop;

import com.google.common.base.Strings;

public class {M} {{
    public static String twice(String s) {{
        return Strings.repeat(s, 2);
    }}
}}
"""
_JAVA_TEST = """package shop;

import static org.junit.Assert.assertEquals;

import org.junit.Test;

public class {M}Test {{
    @Test
    public void twice() {{
        assertEquals("abab", {M}.twice("ab"));
    }}
}}
"""
_POM = """<project xmlns="http://maven.apache.org/POM/4.0.0">
  <modelVersion>4.0.0</modelVersion>
  <groupId>shop</groupId>
  <artifactId>shop</artifactId>
  <version>1</version>
  <properties>
    <maven.compiler.source>11</maven.compiler.source>
    <maven.compiler.target>11</maven.compiler.target>
    <forkCount>0</forkCount>
    <project.build.sourceEncoding>UTF-8</project.build.sourceEncoding>
  </properties>
  <dependencies>
    <dependency>
      <groupId>com.google.guava</groupId>
      <artifactId>guava</artifactId>
      <version>19.0</version>
    </dependency>
    <dependency>
      <groupId>junit</groupId>
      <artifactId>junit</artifactId>
      <version>4.13.2</version>
      <scope>test</scope>
    </dependency>
  </dependencies>
</project>
"""
_C = """#include <zlib.h>

int {m}(void) {{
    return zlibVersion()[0] == ZLIB_VERSION[0];
}}
"""
_C_TEST = """int {m}(void);

int main(void) {{
    return {m}() == 1 ? 0 : 1;
}}
"""
_CMAKE = """cmake_minimum_required(VERSION 3.18)
project(shop C)
enable_testing()
find_package(ZLIB REQUIRED)
file(GLOB sources CONFIGURE_DEPENDS src/*.c)
foreach(source ${sources})
  get_filename_component(name ${source} NAME_WE)
  add_executable(test_${name} tests/${name}.c ${source})
  target_link_libraries(test_${name} ZLIB::ZLIB)
  add_test(NAME ${name} COMMAND test_${name})
endforeach()
"""
_PYPROJECT = """[project]
name = "shop"
version = "1"
requires-python = ">=3.11"
dependencies = ["six==1.17.0"]

[tool.uv]
package = false
"""
_NODE = '{"name": "shop", "dependencies": {"is-odd": "3.0.1"}}\n'


@dataclass(frozen=True)
class Ecosystem:
    """A repository and what grows in it.

    `module` are the files of one module, with {m} and {M} for its name. `files` are those of the
    repository besides; what stands there for a module yet to come is written over. `locks` make
    lock files outside of any sandbox: where that fails there is no registry.
    """

    programs: tuple[str, ...]
    module: dict[str, str]
    files: dict[str, str]
    set_up: str  # found in one of the set-up commands that are proposed
    test: tuple[str, ...]
    locks: str = "true"
    variables: dict[str, str] = field(default_factory=dict)
    stories: tuple[str, ...] = STORIES
    built_in_tree: bool = False  # its set-up configures a build, so each tree has its own

    def begin(self) -> dict[str, str]:
        """The files of the first commit."""
        return {**self.files, **self._module("one")}

    def agent(self) -> str:
        """A script that writes the module that is not there yet, and runs the tests itself."""
        first, *_ = self._module(STORIES[0]).items()
        write = [self._write(word) for word in STORIES]
        grown = f"cmp -s {shlex.quote(first[0])} - <<'END'\n{first[1]}END\n"
        return f"set -eu\nif {grown}then\n{write[1]}else\n{write[0]}fi\n{shlex.join(self.test)}\n"

    def _module(self, word: str) -> dict[str, str]:
        names = {"m": word, "M": word.title()}
        return {path.format(**names): text.format(**names) for path, text in self.module.items()}

    def _write(self, word: str) -> str:
        return "".join(
            f"cat > {shlex.quote(path)} <<'END'\n{text}END\n"
            for path, text in self._module(word).items()
        )


ECOSYSTEMS = {
    "uv": Ecosystem(
        ("python3",),
        {"{m}.py": _PY, "test_{m}.py": _PY_TEST},
        {"pyproject.toml": _PYPROJECT, ".gitignore": ".venv\n"},
        "uv sync --frozen",
        (".venv/bin/python", "-m", "unittest"),
        "uv lock --quiet",
    ),
    "pip": Ecosystem(
        ("python3",),
        {"{m}.py": _PY, "test_{m}.py": _PY_TEST},
        {"requirements.txt": "six==1.17.0\n", ".gitignore": ".venv\n"},
        "-r requirements.txt",
        (".venv/bin/python", "-m", "unittest"),
        "python3 -m pip download -q --no-deps -d ../pip six==1.17.0",
    ),
    "npm": Ecosystem(
        ("node", "npm"),
        {"{m}.js": _JS, "{m}.test.js": _JS_TEST},
        {"package.json": _NODE, ".gitignore": "node_modules\n"},
        "npm ci",
        ("node", "--test"),
        "npm install --package-lock-only --no-audit --no-fund",
    ),
    "pnpm": Ecosystem(
        ("node", "npm"),
        {"{m}.js": _JS, "{m}.test.js": _JS_TEST},
        {
            "package.json": _NODE.replace('"dep', '"scripts": {"test": "node --test"}, "dep'),
            ".gitignore": "node_modules\n",
        },
        "npx --yes pnpm@9 install --frozen-lockfile",
        ("node", "--test"),
        "npx --yes pnpm@9 install --lockfile-only",
    ),
    "go": Ecosystem(
        ("go",),
        {"{m}.go": _GO, "{m}_test.go": _GO_TEST},
        {"go.mod": "module example.org/shop\n\ngo 1.21\n\nrequire github.com/google/uuid v1.6.0\n"},
        "go mod download",
        ("go", "test", "./..."),
        "go mod tidy",
        {"GOTOOLCHAIN": "local"},
    ),
    "cargo": Ecosystem(
        ("cargo",),
        {"src/{m}.rs": _RUST},
        {
            "Cargo.toml": '[package]\nname = "shop"\nversion = "0.1.0"\nedition = "2021"\n\n'
            '[dependencies]\nitoa = "1"\n',
            ".gitignore": "target\n",
            "src/lib.rs": "pub mod one;\npub mod three;\npub mod two;\n",
            "src/two.rs": "// To come.\n",
            "src/three.rs": "// To come.\n",
        },
        "cargo fetch --locked",
        ("cargo", "test"),
        "cargo generate-lockfile",
    ),
    "maven": Ecosystem(
        ("mvn",),
        {"src/main/java/shop/{M}.java": _JAVA, "src/test/java/shop/{M}Test.java": _JAVA_TEST},
        {"pom.xml": _POM, ".gitignore": "target\n"},
        "mvn -B -q test",
        ("mvn", "-B", "-o", "-q", "test"),
        variables={"MAVEN_OPTS": "-XX:TieredStopAtLevel=1 -XX:+UseSerialGC"},
        stories=STORIES[:1],  # a JVM for every run takes its time
        built_in_tree=True,
    ),
    "cmake": Ecosystem(
        ("cmake", "ctest", "make", "cc"),
        {"src/{m}.c": _C, "tests/{m}.c": _C_TEST},
        {"CMakeLists.txt": _CMAKE, ".gitignore": "build\n"},
        "cmake -S . -B build",
        (
            *("ctest", "--build-and-test", ".", "build", "--build-generator", "Unix Makefiles"),
            *("--build-noclean", "--test-command", "ctest"),
        ),
        "cc -include zlib.h -E -x c /dev/null >/dev/null",
        built_in_tree=True,
    ),
}
