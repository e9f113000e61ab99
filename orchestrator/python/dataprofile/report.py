"""The same facts for readers: three pages of Markdown."""

from .numbers import percent, short

MOST_ROWS = 60


def cell(value):
    """A value that can't break a Markdown table."""
    return str(value).replace("|", "\\|").replace("\n", " ")[:80]


def rows_of(header, rows):
    """A Markdown table."""
    lines = ["| " + " | ".join(header) + " |", "|" + "---|" * len(header)]
    lines += ["| " + " | ".join(cell(value) for value in row) + " |" for row in rows[:MOST_ROWS]]
    if len(rows) > MOST_ROWS:
        lines.append(f"\n… and {len(rows) - MOST_ROWS} more in the JSON document.")
    return "\n".join(lines)


def schema_page(schema):
    """schema.md"""
    source = schema["source"]
    lines = ["# Schema", "", f"- source: `{source['name']}` ({source['format']}, {source['bytes']:,} bytes)",
             f"- kind: {schema['kind']}, layout: {schema['layout']}"]
    if schema.get("rows") is not None:
        lines.append(f"- rows: {schema['rows']:,}, columns: {len(schema['columns'])}")
    if schema["columns"]:
        lines += ["", rows_of(["column", "type", "role", "distinct", "missing", "examples"], [
            (c["name"], c["type"], c["role"], f"{c['distinct']:,}" + ("" if c["distinct_exact"] else " (about)"),
             "yes" if c["nullable"] else "no", ", ".join(map(str, c["examples"]))) for c in schema["columns"]])]
    return "\n".join(lines) + "\n"


def statistics_page(statistics):
    """statistics.md"""
    lines = ["# Statistics", ""]
    if "columns" in statistics:
        lines += table_lines(statistics)
    if statistics.get("text"):
        lines += text_lines(statistics["text"])
    if statistics.get("kernels"):
        kernels = statistics["kernels"]
        lines += [f"{kernels['count']} tasks.", "", rows_of(["operation", "tasks"], list(kernels["operations"].items())), "",
                  rows_of(["task", "operations", "sizes"], [(t["name"], ", ".join(t["operations"]), t["sizes"]) for t in kernels["tasks"]])]
    return "\n".join(lines) + "\n"


def table_lines(statistics):
    columns = statistics["columns"]
    numeric = [(n, f) for n, f in columns.items() if "mean" in f]
    duplicates, sample = statistics["duplicates"], statistics["sample"]
    lines = [f"{statistics['rows']:,} rows, {duplicates['rows']:,} of them repeated" + ("" if duplicates["exact"] else " (estimated)")
             + f". Counts, ranges, means and deviations are of all rows; quantiles, correlations and models of {sample['rows']:,}"
             + (" (all)." if sample["whole"] else " (a uniform sample)."), ""]
    if numeric:
        lines += ["## Numbers", "", rows_of(["column", "missing", "min", "mean", "max", "std", "zeros", "median"], [
            (n, percent(f["missing_share"]), short(f["min"]), short(f["mean"]), short(f["max"]), short(f["std"]),
             percent(f["zero_share"]), short(f.get("quantiles", {}).get("p50"))) for n, f in numeric]), ""]
    topped = [(n, f) for n, f in columns.items() if f.get("top") and f["distinct"] <= 1000]
    if topped:
        lines += ["## Frequent values", "", rows_of(["column", "distinct", "most frequent"], [
            (n, f["distinct"], ", ".join(f"{t['value']} ({t['rows']:,})" for t in f["top"][:5])) for n, f in topped]), ""]
    time = statistics["time"]
    if time:
        lines += ["## Time", "", rows_of(["fact", "value"], [(k, short(v) if not isinstance(v, (str, list, bool)) else v) for k, v in time.items()]), ""]
    if statistics["series"]:
        lines += ["## Series", "", rows_of(["series", "season (steps)", "strength", "ADF p", "KPSS p", "verdict", "last value RMSE", "seasonal RMSE"], [
            (n, f["season_steps"] or "none", short(f["seasons"][0]["strength"]) if f["seasons"] else "", short(f["stationarity"]["adf_p"]),
             short(f["stationarity"]["kpss_p"]), f["stationarity"]["verdict"], short((f["naive"] or {}).get("last_value_rmse")),
             short((f["naive"] or {}).get("seasonal_rmse"))) for n, f in statistics["series"].items()]), ""]
    pairs = statistics["correlations"]["pairs"][:20]
    if pairs:
        lines += ["## Correlations", "", rows_of(["a", "b", "r"], [(p["a"], p["b"], short(p["r"])) for p in pairs]), ""]
    target = statistics["target"]
    if target:
        lines += ["## Target", "", f"`{target['name']}`, {target['kind']}."]
        if target.get("baseline"):
            base = target["baseline"]
            lines += ["", rows_of([f"held-out {base['metric']} of", "value"], [(n, short(v)) for n, v in base["scores"].items()])]
        if target.get("single_features"):
            lines += ["", rows_of(["feature alone", "share explained"], [(f["feature"], short(f["score"])) for f in target["single_features"][:20]])]
        lines.append("")
    return lines


def text_lines(facts):
    lines = ["## Texts", "", f"{facts['documents']:,} documents, {facts['vocabulary_words']:,} different words, {facts['duplicates']:,} duplicates."]
    if facts["classes"]:
        lines += ["", rows_of(["class", "texts", "share", "telling words"], [
            (c["value"], f"{c['rows']:,}", percent(c["share"]), ", ".join(facts["telling_words"].get(c["value"], []))) for c in facts["classes"]])]
    if facts["words"]:
        lines += ["", rows_of(["", "min", "median", "mean", "p95", "max"], [
            (unit, *(short(facts[unit][k]) for k in ("min", "median", "mean", "p95", "max"))) for unit in ("characters", "words")])]
    lines += ["", rows_of(["language (rough)", "texts"], list(facts["languages"].items())), ""]
    return lines


def findings_page(findings, task, plots):
    """findings.md"""
    lines = ["# Findings", "", "## The most plausible task", "", f"- kind: {task['kind']} (confidence {task['confidence']})"]
    if task["target"]:
        lines.append(f"- target: `{task['target']}`")
    elif task["targets"]:
        lines.append(f"- targets: {len(task['targets'])} series")
    if task["time_column"]:
        lines.append(f"- time: `{task['time_column']}`")
    if task["group_columns"]:
        lines.append("- series are told apart by: " + ", ".join(f"`{n}`" for n in task["group_columns"]))
    if task["metric"]:
        lines.append(f"- metric: {task['metric']['name']}, {task['metric']['direction']} ({task['metric']['source']})")
    lines += [f"- because {reason}" for reason in task["reasons"]]
    for severity in ("serious", "warning", "info"):
        chosen = [f for f in findings if f["severity"] == severity]
        if chosen:
            lines += ["", f"## {severity.capitalize()}", ""]
            lines += [f"- **{f['id']}** ({cell(f['subject'])}): {f['saw']}. *{f['do']}.*" for f in chosen]
    if plots:
        lines += ["", "## Plots", ""] + [f"- `{p['file']}`: {p['shows']}" for p in plots]
    return "\n".join(lines) + "\n"
