"""Runs many commands of one evaluation in one sandboxed process.

A start of the interpreter costs more than most commands do, so each one runs
in a fork of this process that has already imported what the scripts import.

    driver.py JOBS

JOBS is a JSON file: {"preload": [script...], "clock_days": n, "timeout_s": n,
"report": path, "jobs": [{"words": [...], "cwd": dir, "stdout": path,
"stderr": path}]}. A job whose first word is "python" is a script.
"""
import ast
import importlib
import importlib.util
import json
import os
import runpy
import signal
import sys
import traceback


def preload(scripts):
    for script in scripts:
        try:
            with open(script, encoding="utf-8") as file:
                tree = ast.parse(file.read())
        except (OSError, SyntaxError, ValueError):
            continue
        names = set()
        for node in ast.walk(tree):
            if isinstance(node, ast.Import):
                names.update(alias.name for alias in node.names)
            elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                names.add(node.module)
        for name in sorted(names):
            try:
                importlib.import_module(name)
            except Exception:
                # The script itself will say so.
                pass


def move_clock(days):
    """Lets scripts believe that it is another day."""
    import datetime
    import time

    shift = days * 86400.0
    real_time = time.time
    real_datetime, real_date = datetime.datetime, datetime.date
    time.time = lambda: real_time() + shift

    class Datetime(real_datetime):
        @classmethod
        def now(cls, tz=None):
            return cls.fromtimestamp(time.time(), tz)

        @classmethod
        def utcnow(cls):
            return cls.fromtimestamp(time.time(), datetime.timezone.utc).replace(tzinfo=None)

        @classmethod
        def today(cls):
            return cls.now()

    class Date(real_date):
        @classmethod
        def today(cls):
            return cls.fromtimestamp(time.time())

    datetime.datetime, datetime.date = Datetime, Date


def run(job, timeout_s, clock_days):
    """In the child: never returns."""
    code = 1
    try:
        os.chdir(job["cwd"])
        for path, target in ((job["stdout"], 1), (job["stderr"], 2)):
            fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o644)
            os.dup2(fd, target)
            os.close(fd)
        # An alarm survives exec and ends the process by default.
        signal.alarm(timeout_s)
        words = job["words"]
        if words[0] in ("python", "python3") and len(words) > 1 and not words[1].startswith("-"):
            if clock_days:
                move_clock(clock_days)
            script = os.path.abspath(words[1])
            sys.argv = [words[1]] + words[2:]
            sys.path[0] = os.path.dirname(script)
            runpy.run_path(script, run_name="__main__")
            code = 0
        elif words[0] in ("python", "python3"):
            os.execv(sys.executable, [sys.executable] + words[1:])
        else:
            os.execvp(words[0], words)
    except SystemExit as error:
        if error.code is None:
            code = 0
        elif isinstance(error.code, int):
            code = error.code & 0xFF
        else:
            print(error.code, file=sys.stderr)
            code = 1
    except BaseException:
        traceback.print_exc()
    finally:
        try:
            sys.stdout.flush()
            sys.stderr.flush()
        except Exception:
            code = code or 1
        os._exit(code)


def main():
    with open(sys.argv[1], encoding="utf-8") as file:
        plan = json.load(file)
    preload(plan["preload"])
    codes = []
    for job in plan["jobs"]:
        pid = os.fork()
        if pid == 0:
            run(job, plan["timeout_s"], plan["clock_days"])
        status = os.waitpid(pid, 0)[1]
        codes.append(os.waitstatus_to_exitcode(status))
    with open(plan["report"], "w", encoding="utf-8") as file:
        json.dump(codes, file)


main()
