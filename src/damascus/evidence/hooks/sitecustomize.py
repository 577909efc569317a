"""Reports the tests of Python's unittest, and what was imported, from within the processes.

Python imports a module of this name at its start. It waits for `unittest.runner` and hooks its
result class, so that each test is written as a line of JSON to the file that the environment
names; at the end of a process it writes the file of each module to another one. It stands first on
PYTHONPATH, and hands over to the `sitecustomize` it stands before.
"""

import sys


def _hook(runner, path):
    import json
    import os

    fd = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)

    def write(**what):
        os.write(fd, (json.dumps(what) + "\n").encode())

    def told(kind, outcome):
        before = getattr(runner.TextTestResult, kind, None)
        if before is None:
            return

        def after(self, test, *rest):
            write(id=str(test.id()), outcome=outcome, path=_path(test))
            return before(self, test, *rest)

        setattr(runner.TextTestResult, kind, after)

    told("addSuccess", "passed")
    told("addError", "failed")
    told("addFailure", "failed")
    told("addSkip", "skipped")
    told("addExpectedFailure", "skipped")
    told("addUnexpectedSuccess", "failed")
    sub = runner.TextTestResult.addSubTest

    def add_sub_test(self, test, subtest, err):
        if err is not None:
            write(id=str(test.id()), outcome="failed", path=_path(test))
        return sub(self, test, subtest, err)

    runner.TextTestResult.addSubTest = add_sub_test
    run = runner.TextTestRunner.run

    def reported(self, test):
        if os.environ.get("DAMASCUS_ALL_TESTS"):
            self.failfast = False
        write(run="begin")
        result = run(self, test)
        write(run="end")
        return result

    runner.TextTestRunner.run = reported


def _path(test):
    module = sys.modules.get(type(test).__module__)
    return getattr(module, "__file__", None)


def _tell_imports(path):
    import atexit
    import json
    import os

    def tell():
        files = {}
        for name, module in list(sys.modules.items()):
            file = getattr(module, "__file__", None)
            if isinstance(file, str) and isinstance(name, str):
                files[name] = os.path.realpath(file)
        fd = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        try:
            os.write(fd, (json.dumps(files) + "\n").encode())
        finally:
            os.close(fd)

    atexit.register(tell)


class _Finder:
    """Finds `unittest.runner` as everybody else does, and hooks it once it is loaded."""

    def __init__(self, path):
        self._path = path

    def find_spec(self, name, path=None, target=None):
        if name != "unittest.runner":
            return None
        sys.meta_path.remove(self)
        from importlib.util import find_spec

        spec = find_spec(name)
        if spec is None or spec.loader is None:
            return None
        load = spec.loader.exec_module

        def exec_module(module):
            load(module)
            _hook(module, self._path)

        spec.loader.exec_module = exec_module
        return spec


def _begin():
    import os

    path = os.environ.get("DAMASCUS_UNITTEST_REPORT")
    here = os.path.dirname(os.path.abspath(__file__))
    imports = os.environ.get("DAMASCUS_IMPORTS")
    if imports:
        _tell_imports(imports)
    if path:
        sys.meta_path.insert(0, _Finder(path))
    sys.path[:] = [one for one in sys.path if os.path.abspath(one or ".") != here]
    ours = sys.modules.pop("sitecustomize", None)
    try:
        import sitecustomize  # noqa: F401
    except ImportError:
        if ours is not None:
            sys.modules["sitecustomize"] = ours


_begin()
