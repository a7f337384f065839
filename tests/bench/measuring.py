"""What the benchmarks of the running daemon share: processor time in nanoseconds, a kept connection, tables."""

import http.client
import pathlib
import statistics


def nanoseconds_by_thread(pid):
    """Processor time of each thread, by its id."""
    times = {}
    for task in pathlib.Path(f"/proc/{pid}/task").iterdir():
        try:
            times[int(task.name)] = int((task / "schedstat").read_text().split()[0])
        except FileNotFoundError:
            pass  # it has ended
    return times


def nanoseconds(pid):
    return sum(nanoseconds_by_thread(pid).values())


class Client:
    """One kept connection, as Prometheus has it; opened again where the daemon has closed it."""

    def __init__(self, port, gzip=False):
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        self._headers = {"Accept-Encoding": "gzip"} if gzip else {}

    def get(self, path="/metrics"):
        try:
            return self._get(path)
        except (http.client.HTTPException, ConnectionError):
            self._connection.close()
            return self._get(path)

    def _get(self, path):
        self._connection.request("GET", path, headers=self._headers)
        response = self._connection.getresponse()
        body = response.read()
        if response.status != 200:
            raise AssertionError(f"{path} answered {response.status}")
        return body


def percentile(values, percent):
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, len(ordered) * percent // 100)]


def median_and_spread(values):
    return f"{statistics.median(values):.2f} ({min(values):.2f} to {max(values):.2f})"


def print_table(header, rows):
    """As Markdown; cells are texts."""
    print("| " + " | ".join(header) + " |")
    print("|" + "---|" * len(header))
    for row in rows:
        print("| " + " | ".join(row) + " |", flush=True)
