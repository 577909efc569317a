"""The stand-in by hand, for demonstrations."""

import argparse
import signal
import threading

from .standin import TOKEN, GiteaStandin


def main():
    parser = argparse.ArgumentParser(prog="python -m support.gitea_standin")
    parser.add_argument("--port", type=int, default=3000)
    parser.add_argument("--dir", required=True, help="where the bare repositories lie")
    parser.add_argument("--token", default=TOKEN)
    parser.add_argument(
        "--repo", action="append", default=[], help="owner/name; made if it is not there"
    )
    given = parser.parse_args()
    with GiteaStandin(given.dir, port=given.port, token=given.token) as forge:
        forge.adopt()
        for name in given.repo:
            forge.add_repo(*name.split("/", 1))
        print(forge.url, flush=True)  # noqa: T201 - the one thing whoever starts it must know
        ended = threading.Event()
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: ended.set())
        ended.wait()


if __name__ == "__main__":
    main()
