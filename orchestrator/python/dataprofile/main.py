"""The command line: reads, profiles, writes, and says what went wrong."""

import argparse
import json
import sys
from pathlib import Path

from . import DOCUMENT_VERSION, findings, guess, numbers, report, source
from .problem import Problem

EXIT_PROBLEM = 3
UNITS = {"*_share": "fraction, 0 to 1", "*_s": "seconds", "*_steps": "rows at the series' own frequency", "*_bytes": "bytes",
         "*_bits": "bits", "*_chars": "characters", "*_rmse": "the series' own unit", "*_std": "standard deviations",
         "*_p": "probability", "min, max, mean, std, quantiles": "the column's own unit", "strength": "fraction, 0 to 1"}


def arguments():
    parser = argparse.ArgumentParser(prog="profile.py", description="Profile a dataset.")
    parser.add_argument("data", help="CSV (also gzip), Parquet, JSON-lines, a text, or a folder of texts or kernel tasks")
    parser.add_argument("--out", required=True, help="folder for the documents; made if need be")
    parser.add_argument("--plots", help="folder for the plots (default: plots in --out)")
    parser.add_argument("--objective", default="", help="what is to be achieved, in plain language")
    parser.add_argument("--target", help="the column to predict")
    parser.add_argument("--skip-ragged", action="store_true", help="leave rows with a wrong number of fields out")
    return parser.parse_args()


def main():
    """Runs the command line."""
    options = arguments()
    path = Path(options.data)
    try:
        run(path, options)
    except Problem as problem:
        problem.file = problem.file or str(path)
        print(problem, file=sys.stderr)
        print(json.dumps(problem.document(), ensure_ascii=False), file=sys.stderr)
        return EXIT_PROBLEM
    return 0


def folder_for(path):
    """A folder that can be written."""
    try:
        path.mkdir(parents=True, exist_ok=True)
        probe = path / ".writable"
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise Problem("unwritable", f"can't be written ({error.strerror or error})",
                      "give a folder that this user may write", file=path) from error
    return path


def run(path, options):
    """Profiles what lies at a path."""
    out = folder_for(Path(options.out))
    plots_folder = folder_for(Path(options.plots) if options.plots else out / "plots")
    schema, statistics, task, found, draw = examine(path, options)
    from .plots import Plots

    plots = Plots(plots_folder)
    draw(plots)
    if "correlations" in statistics:
        # The whole matrix is for the picture; the strongest pairs are for the reader.
        statistics["correlations"].pop("matrix")
        statistics["correlations"].pop("names")
    ordered = found.ordered()
    documents = {
        "schema": {"schema": DOCUMENT_VERSION, **schema},
        "statistics": {"schema": DOCUMENT_VERSION, "units": UNITS, **statistics},
        "findings": {"schema": DOCUMENT_VERSION, "objective": options.objective, "guess": task, "findings": ordered, "plots": plots.made},
    }
    for name, document in documents.items():
        numbers.write_json(out / f"{name}.json", document)
    numbers.write_text(out / "schema.md", report.schema_page(schema))
    numbers.write_text(out / "statistics.md", report.statistics_page(statistics))
    numbers.write_text(out / "findings.md", report.findings_page(ordered, task, plots.made))
    serious = sum(item["severity"] == "serious" for item in ordered)
    print(f"profiled {schema['source']['name']}: {task['kind']}, {len(ordered)} findings ({serious} serious), {len(plots.made)} plots")


def examine(path, options):
    """Schema, statistics, task, findings, and how to draw them."""
    what, where = source.classify(path)
    if what == "kernels":
        return kernel_tasks(path, where, options)
    if what == "texts":
        return text_folder(path, where, options)
    if what == "tables":
        return table(*source.open_tables(path, where), options)
    file, others = where if isinstance(where, tuple) else (where, [])
    reader, described = source.open_table(file)
    if path.is_dir():
        described["tables"] = [str(file.relative_to(path))]
    if others:
        described["notes"].append({"id": "other-files", "saw": f"`{file.name}` was profiled; {len(others)} other files were not: "
                                   + ", ".join(f.name for f in others[:8]), "do": "profile them too if they belong to the task",
                                   "value": len(others), "unit": "files"})
    if reader is None:
        return one_text(file, described, options)
    return table(reader, described, options)


def table(reader, described, options):
    from . import plots, tabular

    try:
        schema, statistics, task, rows = tabular.profile(reader, described, options.objective, options.target)
    except Problem as problem:
        if problem.kind == "no-rows":
            source.after_reading(reader, described, 0, options.skip_ragged)
        raise
    source.after_reading(reader, described, rows.rows, options.skip_ragged)
    found = findings.Findings()
    findings.of_objective(found, task, options.objective)
    findings.of_table(found, schema, statistics, task)
    return schema, statistics, task, found, lambda p: plots.of_table(p, rows, schema, statistics, task)


def plain_task(kind, objective, confidence, reason, target=None):
    """The task of what is no table."""
    from . import objective as words

    return {"kind": kind, "target": target, "targets": [target] if target else [], "time_column": None, "group_columns": [],
            "identifier_columns": [], "text_column": None, "metric": guess.choose_metric(kind, words.metric_of(objective)),
            "confidence": confidence, "reasons": [reason]}


def size_of(files):
    return sum(file.stat().st_size for file in files)


def text_folder(path, files, options):
    from . import plots, texts

    facts = texts.folder(path, files)
    labelled = facts["label_scheme"] != "none"
    kind = "text-classification" if labelled else "language-modelling"
    target = (facts["label_name"] or "class") if labelled else None
    reason = {"folder": "each class is a folder of texts", "file": "a file gives each text a label", "none": "the texts have no labels"}
    task = plain_task(kind, options.objective, 0.95 if labelled else 0.6, reason[facts["label_scheme"]], target)
    described = {"name": path.name, "format": "text-folder", "bytes": size_of(files), "files": len(files), "notes": []}
    schema = {"kind": "texts", "source": described, "rows": facts["documents"], "layout": {"folder": "labels-by-folder", "file": "labels-by-file", "none": "unlabelled"}[facts["label_scheme"]], "columns": []}
    return (schema, {"rows": facts["documents"], "text": facts}, task, *text_findings(facts, task, options, plots))


def one_text(file, described, options):
    from . import plots, texts

    facts = texts.single(file, described["encoding"])
    task = plain_task("language-modelling", options.objective, 0.7, "the data are one running text")
    schema = {"kind": "text", "source": described, "rows": facts["lines"], "layout": "one-text", "columns": []}
    return (schema, {"rows": facts["lines"], "text": facts}, task, *text_findings(facts, task, options, plots))


def text_findings(facts, task, options, plots):
    found = findings.Findings()
    findings.of_objective(found, task, options.objective)
    findings.of_text(found, facts, task)
    return found, lambda p: plots.of_text(p, facts)


def kernel_tasks(path, files, options):
    from . import kernels, plots

    root = path if path.is_dir() else path.parent
    facts = kernels.folder(root, files)
    task = plain_task("kernel-optimisation", options.objective, 0.95, "the files define `Model` and `get_inputs`")
    described = {"name": path.name, "format": "kernel-tasks", "bytes": size_of(files), "files": len(files), "notes": []}
    schema = {"kind": "kernel-tasks", "source": described, "rows": facts["count"], "layout": "tasks", "columns": []}
    found = findings.Findings()
    findings.of_objective(found, task, options.objective)
    findings.of_kernels(found, facts)
    return schema, {"rows": facts["count"], "kernels": facts}, task, found, lambda p: plots.of_kernels(p, facts)
