"""A coding agent without a model: writes one file of the item, and leaves its process id behind.

    python scripted_agent.py RECORDS CHECKOUT SESSION [SECONDS]

`RECORDS` gets one JSON line at the start and one at the end; SECONDS is how long it "thinks".
"""

import json
import os
import sys
import time
from pathlib import Path


def main(records, checkout, session, seconds="0"):
    def tell(what):
        line = {"agent": what, "pid": os.getpid(), "session": session, "at": time.time()}
        with Path(records).open("a") as file:
            file.write(json.dumps(line) + "\n")

    tell("began")
    time.sleep(float(seconds))
    item = session.partition("-")[0]
    Path(checkout, f"item_{item}.py").write_text(f"ITEM = {item}\n")
    tell("ended")


if __name__ == "__main__":
    main(*sys.argv[1:])
