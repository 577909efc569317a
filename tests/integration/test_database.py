"""The pool of connections."""

import threading

from damascus.state.db import Database


def pools():
    """The names of the pools whose threads run in this process."""
    return {
        "-".join(thread.name.split("-")[:2])
        for thread in threading.enumerate()
        if thread.name.startswith("pool-")
    }


def test_threads_that_use_it_for_the_first_time_at_once_share_one_pool(database_url):
    database, before = Database(database_url, size=4), pools()
    together = threading.Barrier(8)
    seen = []

    def use():
        together.wait()
        with database.connection() as connection:
            seen.append(connection.execute("SELECT 1 AS one").fetchone())

    threads = [threading.Thread(target=use) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    try:
        assert seen == [{"one": 1}] * 8
        assert len(pools() - before) == 1
    finally:
        database.close()
    assert pools() == before
