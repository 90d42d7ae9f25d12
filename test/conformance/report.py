"""Prints one line per check, "ok ..." or "not ok ...", and goes on after a failure. Shared by the Python clients."""

import os
import sys
import time
import traceback


class Report:
    def __init__(self, only=""):
        self.only = only
        self.failed = 0
        self.deadline = time.monotonic() + 150

    def check(self, name, body):
        if self.only not in name:
            return
        try:
            if time.monotonic() > self.deadline:
                raise AssertionError("not run, the checks before it took too long")
            body()
            print("ok " + name, flush=True)
        except Exception as error:  # every failure of a check is a line of the report
            self.failed += 1
            text = " | ".join(str(error).split("\n")) or type(error).__name__
            print(f"not ok {name}: {type(error).__name__}: {text}", flush=True)
            if os.environ.get("TRACE"):
                traceback.print_exc()

    def exit_status(self):
        return 1 if self.failed else 0


def equal(expected, actual, what):
    if expected != actual:
        raise AssertionError(f"{what}: expected {str(expected)[:300]}, got {str(actual)[:300]}")


def lines_of(path):
    with open(path, "rb") as file:
        return file.read().split(b"\n")[:-1]


def read_topics(topics, directory, read):
    """Writes what read(topic) returns to a file for each topic; a topic that fails does not stop the others."""
    status = 0
    for topic in topics:
        try:
            with open(os.path.join(directory, topic), "wb") as file:
                file.write(read(topic))
        except Exception as error:  # told to the run by the missing bytes and the exit status
            print(f"{topic}: {type(error).__name__}: {error}", file=sys.stderr)
            status = 1
    return status
