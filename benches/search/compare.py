"""Compares the built-in search with the TPE sampler of Optuna.

Both look for the minimum of the same functions, with the same noise and the
same seeds. After 25, 50 and 100 evaluations each recommends a point as its
users get it, Optuna the best that it observed (`study.best_trial`), ours the
one with the best mean of its model, as `builtin` does; what counts is how far
the value there lies above the minimum without noise (simple regret). What ours
would come to with the best observed point is in a column of its own.

    python3 -m venv /tmp/optuna && /tmp/optuna/bin/pip install -r benches/search/requirements.txt
    cargo build --release -p search --example search-bench
    /tmp/optuna/bin/python benches/search/compare.py
"""

import argparse
import json
import multiprocessing
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path

import numpy
import optuna

ROOT = Path(__file__).resolve().parents[2]
EVALUATIONS = (25, 50, 100)
RESAMPLES = 10_000
SCHEMA = 2

_bench = None


class Bench:
    """The program that knows the functions."""

    def __init__(self, program, noise):
        self.process = subprocess.Popen(
            [str(program), str(noise)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def ask(self, **request):
        self.process.stdin.write(json.dumps(request) + "\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError(f"the bench ended at {request}")
        answer = json.loads(line)
        if isinstance(answer, dict) and "error" in answer:
            raise RuntimeError(f"{request}: {answer['error']}")
        return answer


def begin(program, noise):
    """Starts a bench in this process, for all its jobs."""
    global _bench
    _bench = Bench(program, noise)
    optuna.logging.set_verbosity(optuna.logging.WARNING)


def suggest(trial, params):
    """A point by the trial's sampler; None for what is not active."""
    point = []
    for param in params:
        condition = param.get("condition")
        if condition and point[condition["parent"]] not in condition["values"]:
            point.append(None)
        elif param["kind"] == "real":
            point.append(
                trial.suggest_float(param["name"], param["low"], param["high"], log=param["log"])
            )
        elif param["kind"] == "int":
            point.append(
                trial.suggest_int(param["name"], param["low"], param["high"], log=param["log"])
            )
        else:
            point.append(trial.suggest_categorical(param["name"], range(param["count"])))
    return point


def by_tpe(function, seed, evaluations):
    """What Optuna's sampler sees with its default settings."""
    observed, exact = [], []

    def objective(trial):
        point = suggest(trial, function["params"])
        answer = _bench.ask(
            op="measure", function=function["name"], seed=seed, at=len(observed), point=point
        )
        observed.append(answer["observed"])
        exact.append(answer["exact"])
        return answer["observed"]

    study = optuna.create_study(sampler=optuna.samplers.TPESampler(seed=seed))
    study.optimize(objective, n_trials=evaluations)
    return {"observed": observed, "exact": exact}


def job(task):
    """One search; its regrets and how long it took."""
    side, function, seed = task
    begun = time.monotonic()
    if side == "ours":
        seen = _bench.ask(
            op="search", function=function["name"], seed=seed, evaluations=EVALUATIONS
        )
    else:
        seen = by_tpe(function, seed, max(EVALUATIONS))
    regret = [value - function["minimum"] for value in seen["exact"]]
    looks = [min(range(n), key=seen["observed"].__getitem__) for n in EVALUATIONS]
    own = seen.get("recommended", looks)
    return {
        "side": side,
        "function": function["name"],
        "seed": seed,
        "regrets": {n: regret[at] for n, at in zip(EVALUATIONS, own)},
        "regrets_of_best_look": {n: regret[at] for n, at in zip(EVALUATIONS, looks)},
        "seconds": time.monotonic() - begun,
        "slowest_ms": max(seen.get("times_ms", [0.0])),
    }


def interval(ours, theirs, generator):
    """95% interval of the difference of medians, seeds drawn with replacement."""
    ours, theirs = numpy.array(ours), numpy.array(theirs)
    drawn = generator.integers(0, len(ours), size=(RESAMPLES, len(ours)))
    differences = numpy.median(ours[drawn], axis=1) - numpy.median(theirs[drawn], axis=1)
    return [float(q) for q in numpy.quantile(differences, [0.025, 0.975])]


def by_seed(results, side, measure, n):
    """What one side's searches came to after n evaluations."""
    results = sorted(results, key=lambda result: result["seed"])
    return [result[measure][n] for result in results if result["side"] == side]


def compare(functions, results):
    """One row for each function and number of evaluations."""
    rows = []
    generator = numpy.random.default_rng(0)
    for function in functions:
        for n in EVALUATIONS:
            here = [r for r in results if r["function"] == function["name"]]
            sides = {side: by_seed(here, side, "regrets", n) for side in ("ours", "tpe")}
            ours, tpe = (statistics.median(sides[side]) for side in ("ours", "tpe"))
            looks = statistics.median(by_seed(here, "ours", "regrets_of_best_look", n))
            low, high = interval(sides["ours"], sides["tpe"], generator)
            rows.append(
                {
                    "function": function["name"],
                    "evaluations": n,
                    "seeds": len(sides["ours"]),
                    "ours": ours,
                    "ours_by_best_look": looks,
                    "tpe": tpe,
                    "ratio": ours / tpe if tpe > 0 else None,
                    "difference_ci95": [low, high],
                    "not_worse": ours <= tpe,
                    "verdict": "better" if high < 0 else "worse" if low > 0 else "undecided",
                }
            )
    return rows


def show(rows):
    """The rows as a Markdown table."""
    print(
        "| function | n | median regret, ours | by best look | TPE | ratio | difference, 95% "
        "| verdict |"
    )
    print("|---|---|---|---|---|---|---|---|")
    for row in rows:
        ratio = "–" if row["ratio"] is None else f"{row['ratio']:.2f}"
        low, high = row["difference_ci95"]
        mark = "" if row["not_worse"] else " (median higher)"
        print(
            f"| {row['function']} | {row['evaluations']} | {row['ours']:.4g} | "
            f"{row['ours_by_best_look']:.4g} | {row['tpe']:.4g} | {ratio} | "
            f"[{low:.3g}, {high:.3g}] | {row['verdict']}{mark} |"
        )
    kept = sum(row["not_worse"] for row in rows)
    words = [row["verdict"] for row in rows]
    counts = ", ".join(f"{words.count(word)} {word}" for word in ("better", "undecided", "worse"))
    print(f"\nMedian not worse in {kept} of {len(rows)}. By interval: {counts}.")


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--seeds", type=int, default=20, help="how many (20)")
    parser.add_argument("--first-seed", type=int, default=0, help="the first of them (0)")
    parser.add_argument("--function", action="append", help="only this one; may be repeated")
    parser.add_argument(
        "--noise",
        type=float,
        default=0.05,
        help="standard deviation, in interquartile ranges of the function (0.05)",
    )
    parser.add_argument("--jobs", type=int, default=os.cpu_count(), help="processes")
    parser.add_argument(
        "--program",
        type=Path,
        default=ROOT / "target/release/examples/search-bench",
        help="the example search-bench, built",
    )
    parser.add_argument("--json", action="store_true", help="one document instead of a table")
    given = parser.parse_args()
    if given.seeds < 1:
        parser.error(f"--seeds {given.seeds}: at least 1")
    if not 0 <= given.noise < float("inf"):
        parser.error(f"--noise {given.noise}: not a share")
    if not given.program.is_file():
        parser.error(f"--program {given.program}: not there; build it first")
    return given


def main():
    given = arguments()
    functions = Bench(given.program, given.noise).ask(op="list")
    names = [function["name"] for function in functions]
    for name in given.function or []:
        if name not in names:
            sys.exit(f"--function {name}: not one of {', '.join(names)}")
    functions = [f for f in functions if not given.function or f["name"] in given.function]
    seeds = range(given.first_seed, given.first_seed + given.seeds)
    tasks = [(side, f, seed) for f in functions for side in ("ours", "tpe") for seed in seeds]
    results = []
    with multiprocessing.Pool(given.jobs, begin, (given.program, given.noise)) as pool:
        for result in pool.imap_unordered(job, tasks):
            results.append(result)
            print(f"\r{len(results)} of {len(tasks)} searches", end="", file=sys.stderr)
    print(file=sys.stderr)
    rows = compare(functions, results)
    seconds = {
        side: sum(r["seconds"] for r in results if r["side"] == side) for side in ("ours", "tpe")
    }
    slowest = max(r["slowest_ms"] for r in results)
    if given.json:
        document = {
            "schema": SCHEMA,
            "optuna": optuna.__version__,
            "sampler": "TPESampler with defaults: multivariate off, 10 random trials first",
            "noise": given.noise,
            "seeds": list(seeds),
            "functions": functions,
            "rows": rows,
            "seconds": seconds,
            "slowest_proposal_ms": slowest,
        }
        print(json.dumps(document))
        return
    show(rows)
    print(
        f"Optuna {optuna.__version__}, TPESampler(seed) with defaults (multivariate off). "
        f"Time of all searches: ours {seconds['ours']:.0f} s, TPE {seconds['tpe']:.0f} s; "
        f"our slowest proposal {slowest:.0f} ms."
    )


if __name__ == "__main__":
    main()
