"""Lines that the default config reads, DMA requests to be joined among them: what the benchmarks repeat."""

import pathlib

LINES = (pathlib.Path(__file__).resolve().parent / "mixed_lines.txt").read_text().splitlines()
THREAD_PREFIX = "26638@1795408732.182800:"
