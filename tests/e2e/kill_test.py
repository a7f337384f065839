#!/usr/bin/env python3
"""kill -9 at any moment loses nothing and counts nothing twice.

Guests write and rotate their logs all the time, also while the daemon is down; a scraper looks all the time. In each
round the daemon is killed and started again, and when it has caught up, its numbers must be those that the guests have
counted. No counter may ever be lower than in a scrape before.

The same QEMU process mostly continues over a rotation: what it has told before counts for the lines in the new file. At
times another process begins with the new file.

Each guest has another way to rotate, as far as that can be without loss:
  many   under a glob that matches the rotated names too: at any time, twice in a row as well
  moved  to a name that no glob matches, once a checkpoint knows the file
  cut    truncated in place, once a checkpoint has all of it
"""

import argparse
import http.client
import math
import pathlib
import random
import shutil
import sys
import tempfile
import threading
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lib"))
import exporter
import exposition
import guests
import process

ROUNDS = 50
# What begins anew with each process, as `rate` expects.
OF_THE_PROCESS = ("process_", "qemu_trace_exporter_http_")
BY_SOURCE = "qemu_trace_exporter_source_"
CHECKPOINTED = "qemu_trace_exporter_checkpoint_last_success_timestamp_seconds"

SOURCES = """\
sources:
  - {{path: '{directory}/many*.log*', path_pattern: '/(?P<vm>[a-z0-9]+)\\.log'}}
  - {{path: '{directory}/moved*.log'}}
  - {{path: '{directory}/cut*.log'}}
"""

# How long after its rotation a log still gets lines. The daemon waits for 5 s; after TOO_LATE none is risked.
LATE_SECONDS = 1.0
TOO_LATE_SECONDS = 3.0
LONGEST_CATCH_UP = 20


def counters(metrics):
    """The samples that must never fall. Those of the process begin anew with it."""
    for (name, labels), value in metrics.samples.items():
        family = metrics.family_of(name)
        is_counter = metrics.types.get(family) in ("counter", "histogram")
        if is_counter and not name.startswith(OF_THE_PROCESS):
            yield (name, labels), value


class Scraper(threading.Thread):
    """Polls /metrics of the daemon that listens, and keeps what fell and up to when checkpoints have it all."""

    def __init__(self, port):
        super().__init__(daemon=True)
        self._url = f"http://127.0.0.1:{port}/metrics"
        self._highest = {}
        self.scrapes = 0
        self.refused = 0
        self.complaints = []
        self._written = 0.0  # the last checkpoint that was seen
        # What had been read by then is in a checkpoint: the one after a checkpoint that was written then, since one begins
        # when that before is done. How long writing takes is the disk's affair.
        self.saved_until = 0.0
        # One that was written earlier may be of a daemon that was still catching up.
        self.believe_checkpoints_after = math.inf
        self.ending = threading.Event()

    def run(self):
        while not self.ending.wait(0.01):
            try:
                status, _, body = exporter.request(self._url)
            except (OSError, http.client.HTTPException):
                continue  # no daemon there, or no longer
            if status != 200:
                self.refused += 1
                continue
            try:
                self._take(exposition.parse(body.decode()))
            except ValueError as error:
                self.complaints.append(str(error))

    def _take(self, metrics):
        self.scrapes += 1
        written = metrics.value(CHECKPOINTED) or 0.0
        if written > self._written:
            if self._written > self.believe_checkpoints_after:
                self.saved_until = self._written
            self._written = written
        now = dict(counters(metrics))
        # A rotated file that was found beside its log, before this was known, is a source until it is gone.
        gone = [key for key in self._highest if key[0].startswith(BY_SOURCE) and key not in now]
        for key in gone:
            del self._highest[key]
        for key, value in self._highest.items():
            if now.get(key, 0) < value:
                self.complaints.append(f"{key[0]}{dict(key[1])} fell from {value:.17g} to {now.get(key, 0):.17g}")
        self._highest.update(now)


class Writer(threading.Thread):
    """Lets the guests write and rotates their logs. What it does is decided by the seed; when, by the machine."""

    def __init__(self, directory, source, scraper):
        super().__init__(daemon=True)
        self.tally = guests.Tally()
        self._directory = directory
        self._random = source
        self._scraper = scraper
        self._guests = [guests.Guest(f"{kind}{i}", directory, source, self.tally)
                        for kind in ("many", "moved", "cut") for i in range(2)]
        self._born = {guest.vm: time.time() for guest in self._guests}
        self._still = {}      # guests that wait to be truncated: since when all of theirs has been read
        self._late = []       # sessions that were rotated away, and when that was
        self._done = {}       # rotated files without a writer, by inode: since when all of them has been read
        self._lock = threading.Lock()
        self.ending = threading.Event()
        self.error = None
        self.rotations = self.truncations = 0

    def run(self):
        try:
            while not self.ending.wait(0.001):
                with self._lock:
                    self._act()
        except Exception as error:  # told by the main thread
            self.error = error

    def pause(self):
        """Until resume(). Every line is whole then."""
        self._lock.acquire()
        for session in [guest.session for guest in self._guests] + [session for session, _ in self._late]:
            session.finish()

    def resume(self, all_read_at):
        """What has been read may be truncated or deleted, once a checkpoint has it."""
        for guest in self._guests:
            if guest.vm.startswith("cut") and guest.vm not in self._still and self._random.random() < 0.3:
                self._still[guest.vm] = all_read_at
        self._delete_old(all_read_at)
        self._lock.release()

    def _is_saved(self, moment):
        return self._scraper.saved_until > moment

    def _act(self):
        guest = self._random.choice(self._guests)
        if guest.vm in self._still:
            if self._is_saved(self._still[guest.vm]):
                del self._still[guest.vm]
                guest.truncate()
                self.truncations += 1
            return
        guest.session.step()
        if self._late:
            self._act_late()
        if guest.vm.startswith("many") and self._random.random() < 0.01:
            for _ in range(self._random.choice((1, 1, 2, 3))):
                self._shift(guest)
        elif guest.vm.startswith("moved") and self._is_saved(self._born[guest.vm]) and self._random.random() < 0.01:
            self._rotate(guest, guest.path.with_name(f"{guest.path.name}.{time.time_ns()}.old"))

    def _act_late(self):
        session, since = self._late[0]
        age = time.monotonic() - since
        if age > LATE_SECONDS:
            self._late.pop(0)
            if age < TOO_LATE_SECONDS:
                session.finish_stories()
            session.close()
        else:
            self._random.choice(self._late)[0].step()

    def _shift(self, guest):
        """As logrotate does: vm.log.2 becomes vm.log.3 and so on."""
        number = 1
        while guest.path.with_name(f"{guest.path.name}.{number}").exists():
            number += 1
        for i in range(number, 1, -1):
            guest.path.with_name(f"{guest.path.name}.{i - 1}").rename(guest.path.with_name(f"{guest.path.name}.{i}"))
        self._rotate(guest, guest.path.with_name(f"{guest.path.name}.1"))

    def _rotate(self, guest, path):
        self._late.append((guest.rename(path), time.monotonic()))
        self._born[guest.vm] = time.time()
        self.rotations += 1
        if self._random.random() < 0.5:
            guest.session.step()

    def _delete_old(self, all_read_at):
        rotated = {path.stat().st_ino: path for path in self._directory.glob("*.log.*")}
        for inode in [inode for inode in self._done if self._is_saved(self._done[inode])]:
            del self._done[inode]
            rotated.pop(inode).unlink()
        if not self._late:
            for inode in rotated:
                self._done.setdefault(inode, all_read_at)


class Failure(Exception):
    """What is wrong, in words."""


class Rounds:
    def __init__(self, directory, seed, rounds):
        self._directory = directory
        self._random = random.Random(seed)
        self._rounds = rounds
        logs = directory / "logs"
        logs.mkdir()
        config = directory / "config.yaml"
        config.write_text(SOURCES.format(directory=logs) + guests.CONFIG)
        self._port = process.free_port()
        self._arguments = (f"--config.file={config}", f"--state.path={directory / 'state'}")
        self._scraper = Scraper(self._port)
        self._writer = Writer(logs, random.Random(seed + 1), self._scraper)

    def run(self):
        self._scraper.start()
        self._writer.start()
        try:
            for number in range(self._rounds + 1):
                self._scraper.believe_checkpoints_after = math.inf
                with exporter.Daemon(*self._arguments, port=self._port) as daemon:
                    self._round(number, daemon)
        finally:
            for thread in (self._writer, self._scraper):
                thread.ending.set()
                thread.join(10)
        print(f"{self._rounds} kills, {self._scraper.scrapes} scrapes and {self._scraper.refused} that were refused, "
              f"{self._writer.rotations} rotations, {self._writer.truncations} truncations, "
              f"{self._writer.tally['qemu_trace_exporter_lines_total', ()]} lines")

    def _round(self, number, daemon):
        self._compare(number, daemon)
        if number == self._rounds:
            if daemon.stop() != 0:
                raise Failure(f"the daemon ended with {daemon.process.returncode}:\n{daemon.log()}")
            return
        if number == 0:
            # A daemon that finds none begins anew, and so do the counters.
            process.wait_until((self._directory / "state" / "checkpoint").exists, "the first checkpoint")
        if number % 8 == 3:
            before = self._scraper.saved_until
            process.wait_until(lambda: self._scraper.saved_until > before, "two checkpoints")
        # Not to wait for anything: this is the moment at which it hits.
        time.sleep(self._random.uniform(0, 1))
        daemon.kill()
        time.sleep(self._random.choice((0, 0, self._random.uniform(0, 0.3))))

    def _compare(self, number, daemon):
        daemon.wait_for_status("/metrics", 200, LONGEST_CATCH_UP)
        self._writer.pause()
        wrong = "nothing yet"
        deadline = time.monotonic() + LONGEST_CATCH_UP
        while wrong and time.monotonic() < deadline:
            wrong = self._writer.tally.differences(daemon.metrics())
        if wrong:
            raise Failure(f"round {number} has wrong numbers:\n{wrong}{daemon.log()}")
        all_read_at = time.time()
        self._scraper.believe_checkpoints_after = all_read_at
        self._writer.resume(all_read_at)
        if self._writer.error:
            raise self._writer.error
        if self._scraper.complaints:
            raise Failure(f"by round {number}, scrapes were wrong:\n" + "\n".join(self._scraper.complaints))


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--rounds", type=int, default=ROUNDS)
    arguments.add_argument("--seed", type=int, default=random.randrange(1 << 32))
    arguments.add_argument("--keep", action="store_true", help="keep logs and state of a failure")
    chosen = arguments.parse_args()
    print(f"--seed={chosen.seed}", flush=True)
    begin = time.monotonic()
    directory = tempfile.mkdtemp(prefix="qte-kill-")
    try:
        Rounds(pathlib.Path(directory), chosen.seed, chosen.rounds).run()
    except (Failure, TimeoutError, AssertionError) as error:
        print(f"FAILED: {error}\n--seed={chosen.seed}" + (f"\nkept: {directory}" if chosen.keep else ""))
        return 1
    finally:
        if not chosen.keep:
            shutil.rmtree(directory, ignore_errors=True)
    print(f"{time.monotonic() - begin:.0f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main())
