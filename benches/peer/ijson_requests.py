"""Reads a QueryInfo over HTTP with requests and the tuned ijson reader, as an exporter would."""

import sys
import time

import ijson
import requests

from ijson_own_stack import Reader, report


def main():
    if ijson.backend_name != "yajl2_c":
        sys.exit(f"ijson uses {ijson.backend_name}, expected yajl2_c")
    reader = Reader()
    started = time.process_time_ns()
    with requests.get(sys.argv[1], stream=True, timeout=600) as response:
        response.raise_for_status()
        source = response.raw
        reader.read(source)
        report(reader, started, source.tell())


if __name__ == "__main__":
    main()
