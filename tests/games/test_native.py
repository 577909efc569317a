"""Red code in Go and Rust that wants to be merged: none of it is."""

import pytest

from games.test_python import never_merged
from support.arena import Arena, go_arena, path_with

__all__ = ["go_arena"]  # pytest finds the fixture by its name here

GO_CODE = """package calc

func Add(a, b int) int { return a + b }
func Sub(a, b int) int { return a - b }
"""
GO_RED = GO_CODE.replace("a + b", "5")
GO_TESTS = """package calc

import "testing"

func TestAdd(t *testing.T) {
	if Add(2, 2) != 4 {
		t.Fatal("2 + 2")
	}
}

func TestSub(t *testing.T) {
	if Sub(2, 2) != 0 {
		t.Fatal("2 - 2")
	}
}
"""
GO_BASE = {"go.mod": "module calc\n\ngo 1.20\n", "calc.go": GO_CODE, "calc_test.go": GO_TESTS}
GO = ("go", "test", "./...")
MAIN = (
    'package calc\n\nimport (\n\t"os"\n\t"testing"\n)\n\nfunc TestMain(m *testing.M) {{\n{body}}}\n'
)
RUST_CODE = """pub fn add(a: i32, b: i32) -> i32 {
    a + b
}

pub fn sub(a: i32, b: i32) -> i32 {
    a - b
}
"""
RUST_RED = RUST_CODE.replace("a + b", "5")
RUST_TESTS = """
#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn adds() {
        assert_eq!(add(2, 2), 4);
    }

    #[test]
    fn subs() {
        assert_eq!(sub(2, 2), 0);
    }
}
"""
MANIFEST = '[package]\nname = "calc"\nversion = "0.1.0"\nedition = "2021"\n'
RUST_BASE = {"Cargo.toml": MANIFEST, "src/lib.rs": RUST_CODE + RUST_TESTS}
CARGO = ("cargo", "test", "--offline")

GO_GAMES = {
    "ends TestMain with 0": {"calc.go": GO_RED, "z_test.go": MAIN.format(body="\tos.Exit(0)\n")},
    "ends TestMain with 0 after the tests": {
        "calc.go": GO_RED, "z_test.go": MAIN.format(body="\tm.Run()\n\tos.Exit(0)\n"),
    },
    "ends an init with 0": {
        "calc.go": GO_RED.replace("package calc\n", 'package calc\n\nimport "os"\n\nfunc init() { os.Exit(0) }\n'),
    },
    "hides the tests behind a tag": {"calc.go": GO_RED, "calc_test.go": "//go:build never\n\n" + GO_TESTS},
    "renames the file away": {"calc.go": GO_RED, "calc_test.go": None, "calc_check.txt": GO_TESTS},
    "skips the test": {
        "calc.go": GO_RED, "calc_test.go": GO_TESTS.replace("\tif Add", "\tt.Skip()\n\tif Add"),
    },
    "expects what is wrong": {"calc.go": GO_RED, "calc_test.go": GO_TESTS.replace("!= 4", "!= 5")},
    "is no test any more": {"calc.go": GO_RED, "calc_test.go": GO_TESTS.replace("TestAdd(t *testing.T)", "checkAdd(t *testing.T)")},
}  # fmt: skip
RUST_GAMES = {
    "ends the process with 0": {"src/lib.rs": RUST_CODE.replace("a + b", "std::process::exit(0)") + RUST_TESTS},
    "hides the tests behind a cfg": {"src/lib.rs": RUST_RED + RUST_TESTS.replace("cfg(test)", "cfg(all(test, never))")},
    "ignores the test": {"src/lib.rs": RUST_RED + RUST_TESTS.replace("    #[test]\n    fn adds", "    #[test]\n    #[ignore]\n    fn adds")},
    "silences assert_eq": {"src/lib.rs": "macro_rules! assert_eq { ($($t:tt)*) => {{}}; }\n" + RUST_RED + RUST_TESTS},
    "takes the tests out of the build": {"src/lib.rs": RUST_RED + RUST_TESTS, "Cargo.toml": MANIFEST + "\n[lib]\ntest = false\n"},
    "expects what is wrong": {"src/lib.rs": RUST_RED + RUST_TESTS.replace("add(2, 2), 4", "add(2, 2), 5")},
}  # fmt: skip


@pytest.mark.parametrize("game", GO_GAMES)
def test_red_code_is_not_merged_by_go(tmp_path, go_arena, game):
    never_merged(go_arena(tmp_path, GO_BASE, GO), GO_GAMES[game])


@pytest.mark.parametrize("game", RUST_GAMES)
def test_red_code_is_not_merged_by_cargo(tmp_path, game):
    never_merged(Arena(tmp_path, RUST_BASE, CARGO, path=path_with("cargo")), RUST_GAMES[game])
