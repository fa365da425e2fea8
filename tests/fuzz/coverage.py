"""One target of targets.py, led by the coverage of its Python code, where atheris is installed: `pip install atheris`.

    tests/fuzz/coverage.py TARGET SECONDS [DIRECTORY]

Slower for each document than run_target.py, and better over hours. What is interesting is kept in DIRECTORY, for the
next time. What it finds is in hypothesis's database, too: run_target.py tries it first, and makes it small.
"""

from __future__ import annotations

import sys

import atheris
from hypothesis import given

with atheris.instrument_imports(include=["sampan"]):
    from run_target import options
    from targets import TARGETS

if __name__ == "__main__":
    name, seconds, *directories = sys.argv[1:]
    function, strategies = TARGETS[name]
    test = options()(given(*strategies)(function))
    flags = [f"-max_total_time={seconds}", "-max_len=4096", "-len_control=0", "-print_final_stats=1"]
    fuzz_one_input = test.hypothesis.fuzz_one_input  # type: ignore[attr-defined] # hypothesis adds it
    atheris.Setup([sys.argv[0], *flags, *directories], fuzz_one_input)
    atheris.Fuzz()
