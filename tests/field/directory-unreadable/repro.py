#!/usr/bin/env python3
"""A glob in a directory without permission, one in no directory, and a log without permission."""

import os
import pathlib
import subprocess
import sys
import time

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "lib"))
from field import DIR, PCI, QTE, Serve, done

logs = DIR / "logs"
logs.mkdir()
(logs / "vm.log").write_text(PCI)
(DIR / "mine.log").write_text(PCI)
(DIR / "mine.log").chmod(0o600 if os.getuid() == 0 else 0)
DIR.chmod(0o755)
logs.chmod(0o700 if os.getuid() == 0 else 0)
user = ("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups") if os.getuid() == 0 else ()
patterns = {f"{logs}/*.log": "Permission denied; let user", f"{DIR}/mine.log": "Permission denied; let user",
            "/no/such/directory/*.log": "No such file or directory; create it",
            "/no/such/directory/vm.log": "No such file or directory; create it", f"{DIR}/*.none": "no file matches"}
arguments = [f"--trace.path={pattern}" for pattern in patterns]
checked = subprocess.run([*user, QTE, "check", *arguments], capture_output=True, text=True).stderr.splitlines()
with Serve(*arguments, prefix=user) as daemon:
    time.sleep(2)
    told = daemon.warnings()
    first = len(told)
    time.sleep(6)
    again = len(daemon.warnings()) - first
    # What comes later is followed, and the warning about it is over.
    (DIR / "vm.none").write_text(PCI)
    time.sleep(6)
    status = daemon.get("/api/v1/status")[1]
logs.chmod(0o700)
missing = [f"{who}: {pattern}" for who, lines in (("serve", told), ("check", checked)) for pattern, word in patterns.items()
           if len([line for line in lines if pattern + ":" in line and word in line]) != 1]
done(not missing and again == 0 and "no file matches" not in status, f"missing {missing}, told again {again}, {told} {checked}")
