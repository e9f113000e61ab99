"""Profiles a dataset: what it is, its numbers, what to be careful about.

    profile.py DATA --out DIR [--objective TEXT] [--target NAME] [--plots DIR] [--skip-ragged]

Writes schema, statistics and findings as JSON and Markdown into DIR, and PNG
plots. Exit code 0: done. 2: wrong usage. 3: the data can't be profiled; the
last line of stderr is a JSON object with kind, what, file, line, field, remedy.
"""

import os
import sys

# One thread: the same sums in the same order, and no pool's memory.
for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
    os.environ[variable] = "1"

# This file has the name of a library module, which others must still find.
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path = [path for path in sys.path if os.path.abspath(path or ".") != HERE] + [HERE]

if __name__ == "__main__":
    from dataprofile.main import main

    sys.exit(main())
