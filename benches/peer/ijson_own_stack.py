"""Reads a QueryInfo with ijson as fast as ijson can: raw events of the yajl2_c backend, with a
stack of our own instead of ijson's prefixes. Prints the facts in the form that all readers print."""

import sys
import time
from collections import defaultdict

import ijson

CHUNK = 65536


class Reader:
    """Follows the tasks of both shapes through basic_parse's events."""

    def __init__(self):
        self.facts = defaultdict(lambda: [0, 0, 0])
        self.tasks = 0

    def read(self, source):
        # One entry for each open container: the key under which it stands ("" in an array).
        stack = []
        key = ""
        node = state = ""
        bytes_ = pages = 0
        scalars = ("string", "number")
        for event, value in ijson.basic_parse(source, buf_size=CHUNK):
            if event == "map_key":
                key = value
            elif event in scalars:
                if not stack:
                    continue
                top = stack[-1]
                if top == "taskStatus":
                    if key == "nodeId":
                        node = value
                    elif key == "state":
                        state = value
                elif top == "outputBuffers":
                    if key == "totalBufferedBytes":
                        bytes_ = value
                    elif key == "totalBufferedPages":
                        pages = value
            elif event == "start_map":
                stack.append(key)
                key = ""
                if len(stack) > 1 and stack[-2] == "tasks[" and stack[-1] == "":
                    node = state = ""
                    bytes_ = pages = 0
            elif event == "start_array":
                stack.append(key + "[")
                key = ""
            elif event == "end_map":
                stack.pop()
                if stack and stack[-1] == "tasks[" and node:
                    fact = self.facts[node, state]
                    fact[0] += 1
                    fact[1] += bytes_
                    fact[2] += pages
                    self.tasks += 1
                    node = ""
            elif event == "end_array":
                stack.pop()

    def digest(self):
        """FNV-1a of one line for each worker and state, sorted."""
        lines = sorted(
            f"{node} {state} {count} {size} {pages}\n"
            for (node, state), (count, size, pages) in self.facts.items()
        )
        sum_ = 0xCBF29CE484222325
        for byte in "".join(lines).encode():
            sum_ = ((sum_ ^ byte) * 0x100000001B3) & 0xFFFFFFFFFFFFFFFF
        return f"{self.tasks}-{sum_:016x}"


def report(reader, started, size):
    """One line: CPU nanoseconds, bytes, digest."""
    print(time.process_time_ns() - started, size, reader.digest())


def main():
    if ijson.backend_name != "yajl2_c":
        sys.exit(f"ijson uses {ijson.backend_name}, expected yajl2_c")
    reader = Reader()
    with open(sys.argv[1], "rb") as source:
        started = time.process_time_ns()
        reader.read(source)
        report(reader, started, source.tell())


if __name__ == "__main__":
    main()
