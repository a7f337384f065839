#!/usr/bin/env python3
"""docker logs -t and kubectl logs --timestamps."""

import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "lib"))
from field import HERE
from lines import READS, check, end

end(check(HERE / "trace.log", {READS: 2}, ["time      1795408700.123456 s"]), "2 reads")
