"""Environments: made once, kept under a key, laid under every command at the same path."""

from __future__ import annotations

import os
import shutil
import subprocess
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from damascus.environments.store import EnvironmentStore
from damascus.errors import ClaimLostError, ConflictError, NotFoundError
from damascus.ports import INSIDE_CHECKOUT, INSIDE_HOME, Command, Recipe, Workspace
from damascus.sandbox import Bubblewrap
from damascus.sandbox.overlay_trial import overlay_problem
from support.patience import patience
from support.sandbox_world import PATH, REASONS, SHOWN

pytestmark = pytest.mark.skipif(bool(REASONS["bubblewrap"]), reason=REASONS["bubblewrap"])

SANDBOX = Bubblewrap(readable=SHOWN)
MAKE = """
mkdir -p deps/bin part/deps && echo one > deps/bin/tool && echo two > part/deps/x
ln -s "$PWD/deps/bin/tool" deps/link
echo generated > made.txt && mkdir -p __pycache__ && echo c > "$HOME/cache"
echo "$PWD" > deps/where
"""


@pytest.fixture(params=["overlay", "copies"])
def store(request, tmp_path):
    if request.param == "overlay" and (why := overlay_problem(tmp_path)):
        pytest.skip(f"no overlay here: {why}")
    problem = overlay_problem if request.param == "overlay" else lambda _: "not wanted"
    return EnvironmentStore(tmp_path / "environments", overlay_problem=problem, days=14)


def recipe(**more):
    given = {"project": "shop", "commands": (MAKE,), "variables": (), "path": PATH}
    return Recipe(**{**given, "sandbox": "bubblewrap", "made_from": "abc", **more})


def checkout(place, **files):
    made = Workspace(place)
    made.home.mkdir(parents=True)
    (made.checkout / "part").mkdir(parents=True)
    (made.checkout / "part" / "own").write_text("own\n")
    (made.checkout / "package.json").write_text("{}\n")
    for name, text in files.items():
        (made.checkout / name).write_text(text)
    subprocess.run(["git", "init", "-q", made.checkout], check=True)
    return made


def run(place, line, layers=(), shown=True):
    inside = {place.checkout: INSIDE_CHECKOUT, place.home: INSIDE_HOME}
    return SANDBOX.run(
        Command(
            argv=("sh", "-euc", line),
            cwd=place.checkout,
            env={"PATH": PATH, "HOME": str(place.home)},
            writable=(place.checkout, place.home),
            timeout=patience(60),
            grace=1,
            layers=layers,
            shown=inside if shown else {},
        )
    )


def prepared(store, place, line=MAKE, **more):
    ran = []

    def set_up(where):
        ended = run(where, line)
        ran.append(ended)
        return ended if ended.exit_code else None

    made = store.prepare(recipe(**more), place, set_up, lost=lambda: False)
    return made, ran


def test_what_a_set_up_made_is_there_for_every_attempt_at_the_same_path(store, tmp_path):
    for number, expected in enumerate([1, 0, 0]):
        place = checkout(tmp_path / str(number), **{"code.py": str(number)})
        made, ran = prepared(store, place)
        assert len(ran) == expected
        made.enter(place)
        with made.layers(place) as layers:
            look = 'cat deps/link part/deps/x made.txt "$HOME/cache" part/own deps/where; pwd'
            ended = run(place, look, layers)
        told = "one\ntwo\ngenerated\nc\nown\n/damascus/checkout\n/damascus/checkout\n"
        assert ended.output == told


def test_what_a_command_writes_reaches_neither_git_nor_the_next_command(store, tmp_path):
    place = checkout(tmp_path / "a")
    made, _ = prepared(store, place)
    made.enter(place)
    before = sorted(p.name for p in (tmp_path / "a").iterdir())
    spoil = "echo bad > deps/bin/tool; rm part/deps/x; echo new > deps/new; echo w > code"
    with made.layers(place) as layers:
        assert run(place, f'{spoil}; echo bad > "$HOME/cache"', layers).exit_code == 0
    assert (place.checkout / "code").read_text() == "w\n"
    status = ["git", "-C", place.checkout, "status", "--porcelain", "-uall"]
    said = subprocess.run(status, capture_output=True, text=True, check=True).stdout
    assert sorted(said.split()) == ["??", "??", "??", "code", "package.json", "part/own"]
    other = checkout(tmp_path / "b")
    made, ran = prepared(store, other)
    assert ran == []
    made.enter(other)
    for where in (place, other):
        with made.layers(where) as layers:
            ended = run(where, "cat deps/bin/tool part/deps/x; ls deps", layers)
        assert ended.output == "one\ntwo\nbin\nlink\nwhere\n"
    with made.layers(other) as layers:
        assert run(other, 'cat "$HOME/cache"', layers).output == "c\n"
    assert sorted(p.name for p in (tmp_path / "a").iterdir()) == sorted({*before, "layers"})
    assert list(place.layers.iterdir()) == []


@pytest.mark.parametrize(
    "change",
    [
        {"commands": (f"{MAKE}true\n",)},
        {"variables": ("A=1",)},
        {"path": "/usr/bin:/bin"},
        {"sandbox": "other"},
    ],
)
def test_another_recipe_is_another_environment(store, tmp_path, change):
    keys = set()
    for number, more in enumerate([{}, change]):
        made, ran = prepared(store, checkout(tmp_path / str(number)), **more)
        assert len(ran) == 1 or change.get("path")
        keys.add(made.key)
    assert len(keys) == 2


def test_a_changed_lock_file_or_script_of_the_set_up_is_another_environment(store, tmp_path):
    script = {"commands": ("sh ./prepare",)}
    trees = [
        {"prepare": "x", "code.py": "1"},
        {"prepare": "x", "code.py": "2"},
        {"prepare": "y", "code.py": "1"},
        {"prepare": "x", "package-lock.json": "{}"},
    ]
    keys = []
    for number, files in enumerate(trees):
        made, _ = prepared(store, checkout(tmp_path / str(number), **files), **script)
        keys.append(made.key)
    assert keys[0] == keys[1]
    assert len(set(keys)) == 3
    assert len(store.kept("shop")) == 3


def test_a_set_up_that_fails_leaves_nothing_and_is_tried_again(store, tmp_path):
    place = checkout(tmp_path / "a")
    for _ in range(2):
        refused, ran = prepared(store, place, "mkdir half; echo no; exit 3")
        assert (refused.exit_code, len(ran)) == (3, 1)
    assert store.kept("shop") == []
    assert not list((tmp_path / "environments" / "shop").glob(".*"))
    made, _ = prepared(store, place)
    assert [one.entry.key for one in store.kept("shop")] == [made.key]


def test_what_a_killed_worker_left_is_made_again(store, tmp_path):
    place = checkout(tmp_path / "a")
    with pytest.raises(KeyboardInterrupt):
        store.prepare(recipe(), place, _interrupted, lost=lambda: False)
    made, _ = prepared(store, place)
    key = made.key
    del made
    store.drop("shop", [])
    folder = tmp_path / "environments" / "shop"
    (folder / f".making-{key}" / "workspace").mkdir(parents=True)
    (folder / key).mkdir()  # without its document
    _made, ran = prepared(store, place)
    assert len(ran) == 1
    assert sorted(p.name for p in folder.iterdir()) == [key, f"{key}.lock"]


def _interrupted(_place):
    raise KeyboardInterrupt


def test_two_who_want_the_same_make_it_once(store, tmp_path):
    ran, made = [], []
    began = threading.Event()

    def slow(where):
        began.set()
        ran.append(where)
        return None if run(where, f"sleep 0.5; {MAKE}").exit_code == 0 else "failed"

    def one(number):
        place = checkout(tmp_path / str(number))
        made.append(store.prepare(recipe(), place, slow, lost=lambda: False))

    threads = [threading.Thread(target=one, args=(number,)) for number in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(ran) == 1
    assert len({one.key for one in made}) == 1


def test_who_waits_for_another_stops_when_its_claim_is_lost(store, tmp_path):
    going, over = threading.Event(), threading.Event()

    def slow(_where):
        going.set()
        over.wait(patience(60))
        return "failed"

    place = checkout(tmp_path / "a")
    first = threading.Thread(
        target=lambda: store.prepare(recipe(), place, slow, lost=lambda: False)
    )
    first.start()
    assert going.wait(patience(60))
    with pytest.raises(ClaimLostError):
        store.prepare(recipe(), checkout(tmp_path / "b"), slow, lost=lambda: True)
    over.set()
    first.join()


def test_one_in_use_is_not_dropped_and_one_that_nobody_uses_goes(store, tmp_path):
    made, _ = prepared(store, checkout(tmp_path / "a"))
    key = made.key
    with pytest.raises(ConflictError, match="is in use"):
        store.drop("shop", [key])
    with pytest.raises(NotFoundError, match="no environment 'other'"):
        store.drop("shop", ["other"])
    lock = tmp_path / "environments" / "shop" / f"{key}.lock"
    os.utime(lock, (1, 1))
    store.prune()
    assert len(store.kept("shop")) == 1
    del made
    os.utime(lock, (1, 1))
    store.prune()
    assert store.kept("shop") == []
    assert list(lock.parent.iterdir()) == []
    store.prune()


def test_a_directory_of_the_tree_wins_over_one_of_the_environment(store, tmp_path):
    made, _ = prepared(store, checkout(tmp_path / "a"))
    place = checkout(tmp_path / "b")
    (place.checkout / "deps").mkdir()
    (place.checkout / "deps" / "mine").write_text("mine\n")
    shutil.rmtree(place.checkout / "part")
    (place.checkout / "part").symlink_to("/etc")
    (place.checkout / "made.txt").write_text("the tree's\n")
    made.enter(place)
    with made.layers(place) as layers:
        ended = run(place, "ls deps; cat made.txt", layers)
    assert ended.output == "mine\nthe tree's\n"


def test_reports_that_a_command_writes_into_a_layer_are_brought_into_the_checkout(store, tmp_path):
    place = checkout(tmp_path / "a")
    made, _ = prepared(store, place)
    made.enter(place)
    write = "mkdir deps/out; echo r > deps/out/t.xml; cp deps/out/t.xml deps/out/t.log"
    write += "; ln -s /etc/passwd deps/p.xml"
    with made.layers(place, reports=(".xml",)) as layers:
        run(place, write, layers)
    found = sorted(str(p.relative_to(place.checkout)) for p in (place.checkout / "deps").rglob("*"))
    assert found == ["deps/out", "deps/out/t.xml"]


@pytest.mark.parametrize("way", ["ln -s {0} part/deps", "mkdir part/deps; ln -s {0} part/deps/out"])
def test_a_report_is_brought_through_no_link_that_its_command_left(store, tmp_path, way):
    outside = tmp_path / "outside"
    outside.mkdir()
    place = checkout(tmp_path / "a")
    made, _ = prepared(store, place)
    made.enter(place)
    move = "mkdir part/deps/out; echo r | tee part/deps/t.xml > part/deps/out/t.xml; mv part gone"
    with made.layers(place, reports=(".xml",)) as layers:
        ended = run(place, f"{move}; mkdir part; {way.format(outside)}", layers)
    assert ended.exit_code == 0, ended.output
    assert list(outside.iterdir()) == []


def test_what_holds_a_secret_is_not_kept(store, tmp_path):
    secret = "hunter2-hunter2"
    line = f'{MAKE} echo "//r/:_authToken={secret}" > "$HOME/.npmrc"; echo {secret} > token.txt'
    place = checkout(tmp_path / "a")
    made, _ = prepared(store, place, line, secrets={"TOKEN": secret, "EMPTY": ""})
    assert made.entry.left_out == ["TOKEN in files/token.txt", "TOKEN in home/.npmrc"]
    made.enter(place)
    assert not (place.checkout / "token.txt").exists()
    kept = subprocess.run(
        ["grep", "-r", secret, tmp_path / "environments"], capture_output=True, check=False
    )
    assert kept.stdout == b""


@pytest.mark.parametrize("written", ["bWU6aHVudGVyMi9odW50ZXIyIQ==", "hunter2%2Fhunter2%21"])
def test_what_holds_a_secret_as_programs_write_it_is_not_kept(store, tmp_path, written):
    line = f"{MAKE} echo '//r/:_auth={written}' > \"$HOME/.npmrc\""
    place = checkout(tmp_path / "a")
    made, _ = prepared(store, place, line, secrets={"TOKEN": "hunter2/hunter2!"})
    assert made.entry.left_out == ["TOKEN in home/.npmrc"]


def test_a_checkout_that_is_older_than_what_another_tree_made_is_touched(store, tmp_path):
    old = checkout(tmp_path / "old")
    source = old.checkout / "package.json"
    os.utime(source, (1000, 1000))
    os.utime(old.checkout, (1000, 1000))
    prepared(store, checkout(tmp_path / "a"))
    made, ran = prepared(store, old)
    assert ran == []
    made.enter(old)
    assert source.stat().st_mtime > made.entry.made_at - 1
    own = checkout(tmp_path / "own", **{"go.mod": "module x\n"})
    os.utime(own.checkout / "go.mod", (1000, 1000))
    mine, _ = prepared(store, own)
    mine.enter(own)
    assert (own.checkout / "go.mod").stat().st_mtime == 1000


def test_modules_that_nobody_may_write_are_kept_used_and_dropped(store, tmp_path):
    line = 'mkdir -p "$HOME/go/mod/m" vendor/v; echo m > "$HOME/go/mod/m/f"'
    line += '; chmod -R a-w "$HOME/go" vendor'
    place = checkout(tmp_path / "a")
    made, _ = prepared(store, place, line)
    made.enter(place)
    with made.layers(place) as layers:
        assert run(place, 'cat "$HOME/go/mod/m/f"; ls vendor', layers).output == "m\nv\n"
    del made
    store.drop("shop", [])
    assert list((tmp_path / "environments" / "shop").iterdir()) == []


def test_a_disk_where_no_layers_can_be_laid_says_why(tmp_path):
    assert overlay_problem(tmp_path / "absent")
    assert Path(tmp_path).is_dir()


def test_the_key_does_not_hold_what_is_secret():
    one = recipe(secrets={"A": "x" * 20})
    assert "x" * 20 not in repr(replace(one))


@pytest.mark.parametrize(
    ("line", "times"),
    [
        ("mkdir -p node_modules/a .venv/bin; echo x > .env", 1),
        ("mkdir -p node_modules/a part/dist", 2),
        ("mkdir -p node_modules/a; echo x > generated.py", 2),
        ("mkdir -p .venv/bin a.egg-info; echo x > a.egg-info/PKG-INFO", 1),
    ],
)
def test_work_gets_the_packages_of_the_base_and_nothing_that_was_built_of_it(
    store, tmp_path, line, times
):
    ran = 0
    for number, work_tree in enumerate(["", "1", "1"]):
        place = checkout(tmp_path / str(number))
        _, runs = prepared(store, place, line, work_tree=work_tree)
        ran += len(runs)
    assert ran == times


def test_what_dead_workers_left_goes_at_once_and_what_is_for_one_tree_after_a_day(store, tmp_path):
    made, _ = prepared(store, checkout(tmp_path / "a"), work_tree="1")
    of_base, _ = prepared(store, checkout(tmp_path / "b"))
    folder = made.place.parent
    dead = "0" * 20
    (folder / f".making-{dead}" / "workspace").mkdir(parents=True)
    (folder / f"{dead}.lock").touch()
    (folder / f".gone-{dead}" / "home").mkdir(parents=True)
    for one in (made, of_base):
        one.lock.close()
        day = (folder / f"{one.key}.lock").stat().st_mtime - 2 * 86_400
        os.utime(folder / f"{one.key}.lock", (day, day))
    store.prune()
    assert sorted(path.name for path in folder.iterdir()) == [of_base.key, f"{of_base.key}.lock"]


@pytest.mark.parametrize("name", ["requirements/base.txt", "dev-requirements.txt", "Makefile"])
def test_a_changed_file_that_a_manifest_or_a_make_names_is_another_environment(
    store, tmp_path, name
):
    keys = set[str]()
    for text in ("one", "two"):
        place = checkout(tmp_path / text)
        (place.checkout / name).parent.mkdir(exist_ok=True)
        (place.checkout / name).write_text(text)
        keys.add(prepared(store, place)[0].key)
    assert len(keys) == 2
