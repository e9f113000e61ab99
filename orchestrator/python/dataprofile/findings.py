"""What a reader has to know: each with its weight, what was seen, what to do."""

from .numbers import percent, short

SERIOUS, WARNING, INFO = "serious", "warning", "info"
ORDER = {SERIOUS: 0, WARNING: 1, INFO: 2}
SHOWN = 12


def names(items):
    """A list for a sentence."""
    shown = ", ".join(f"`{item}`" for item in items[:SHOWN])
    return shown + (f" and {len(items) - SHOWN} more" if len(items) > SHOWN else "")


class Findings:
    """The findings, in order of weight."""

    def __init__(self):
        self.items = []

    def add(self, identifier, severity, subject, saw, do, value=None, unit=None):
        """Takes one finding."""
        self.items.append({"id": identifier, "severity": severity, "subject": subject, "saw": saw,
                           "value": value, "unit": unit, "do": do})

    def ordered(self):
        return sorted(self.items, key=lambda item: ORDER[item["severity"]])


def of_objective(found, task, objective):
    """Whether the objective says what is to be optimised, and unambiguously."""
    metric = task["metric"]
    if metric is None:
        found.add("no-task", SERIOUS, "objective", "no learning task could be guessed from the data and the objective",
                  "say in the objective what to predict and how it is scored")
        return
    way = f"{metric['name']} ({metric['direction']})"
    if metric["source"] == "default":
        said = "the objective names no metric" if objective.strip() else "no objective was given"
        found.add("objective-without-metric", WARNING, "objective", f"{said}; {way} was assumed",
                  "confirm this metric, or name another in the objective", metric["name"], "metric")
    elif metric["source"] == "objective-wording":
        found.add("metric-assumed", INFO, "objective", f"the objective names no exact metric that fits; {way} was assumed",
                  "confirm this metric, or name another in the objective", metric["name"], "metric")
    if metric["contradiction"]:
        found.add("metric-contradiction", SERIOUS, "objective",
                  f"the objective says {metric['contradiction']}, but {metric['name']} is better when it is "
                  f"{'smaller' if metric['direction'] == 'minimise' else 'larger'}; {metric['direction']} was assumed",
                  "correct the objective", metric["name"], "metric")
    if task["confidence"] < 0.6:
        found.add("uncertain-guess", WARNING, "task", f"the task {task['kind']} is a guess ({percent(task['confidence'])} sure): "
                  + "; ".join(task["reasons"]), "name the target in the objective", task["confidence"], "fraction")


def of_table(found, schema, statistics, task):
    """Findings of a table."""
    columns = {column["name"]: column for column in schema["columns"]}
    of_columns(found, columns, statistics, task)
    of_rows(found, schema, statistics)
    of_time(found, schema, statistics, task)
    of_target(found, statistics["target"], task, schema)
    if statistics["text"]:
        of_text(found, statistics["text"], task)


def of_columns(found, columns, statistics, task):
    """Missing values, constants, strange values, outliers, correlations."""
    numbers = statistics["columns"]
    for name, facts in numbers.items():
        share, kind = facts["missing_share"], columns[name]["type"]
        if kind == "empty":
            found.add("empty-column", WARNING, name, "the column has no values", "drop it", 1.0, "fraction")
        elif share > 0.3:
            found.add("many-missing", WARNING, name, f"{percent(share)} of its values are missing",
                      "drop it, or treat a missing value as information", share, "fraction")
        elif share > 0:
            found.add("missing-values", INFO, name, f"{facts['missing']:,} values ({percent(share)}) are missing",
                      "impute from training data only, or use a model that takes missing values", share, "fraction")
        if facts.get("not_numbers"):
            first = facts["first_not_number"]
            found.add("not-numbers", WARNING, name, f"{facts['not_numbers']:,} values of a numeric column are no numbers"
                      + (f", the first {first['value']!r} in data row {first['row']:,}" if first else ""),
                      "map them to missing values, or repair them", facts["not_numbers"], "values")
        if facts.get("infinite"):
            found.add("infinite", WARNING, name, f"{facts['infinite']:,} values are infinite", "treat them as missing", facts["infinite"], "values")
        if facts.get("not_times"):
            found.add("not-times", WARNING, name, f"{facts['not_times']:,} values can't be read as times",
                      "repair them or drop their rows", facts["not_times"], "values")
    for role, saw, do in (("constant", "the column has one value only", "drop it"),
                          ("identifier", "the column identifies rows", "do not use it as a feature; it can leak the order of collection")):
        for name in [n for n, column in columns.items() if column["role"] == role]:
            found.add(f"{role}-column", INFO, name, saw, do)
    heavy = [(facts["outliers"]["share"], n) for n, facts in numbers.items() if facts.get("outliers") and facts["outliers"]["share"] > 0.01]
    for share, name in sorted(heavy, key=lambda item: (-item[0], item[1]))[:SHOWN]:
        found.add("outliers", INFO, name, f"{percent(share)} of its values lie more than 3 interquartile ranges outside the quartiles",
                  "consider a robust loss or a transformation; check whether they are errors", share, "fraction")
    pairs = [p for p in statistics["correlations"]["pairs"] if abs(p["r"]) >= 0.99]
    wide = len(task["targets"]) > 1
    if pairs and not wide:
        found.add("redundant-columns", INFO, f"{pairs[0]['a']}, {pairs[0]['b']}",
                  f"{len(pairs)} pairs of columns are nearly the same (|r| ≥ 0.99), for instance "
                  f"`{pairs[0]['a']}` and `{pairs[0]['b']}` (r = {short(pairs[0]['r'])})", "keep one of each", pairs[0]["r"], "correlation")


def of_rows(found, schema, statistics):
    """Duplicates, rows that were left out, notes of the reader."""
    duplicates = statistics["duplicates"]
    if duplicates["rows"]:
        weight = WARNING if duplicates["share"] > 0.001 else INFO
        about = "" if duplicates["exact"] else "about "
        found.add("duplicate-rows", weight, "rows", f"{about}{duplicates['rows']:,} rows ({percent(duplicates['share'])}) repeat an earlier row",
                  "drop them, or keep all copies of a row in one split", duplicates["share"], "fraction")
    for note in schema["source"].get("notes", []):
        found.add(note["id"], WARNING, note.get("subject") or schema["source"]["name"], note["saw"], note["do"], note.get("value"), note.get("unit"))
    if schema["rows"] < 200:
        found.add("few-rows", WARNING, "rows", f"there are only {schema['rows']} rows", "prefer simple models and repeated cross-validation", schema["rows"], "rows")


def of_time(found, schema, statistics, task):
    """Frequency, gaps, order, seasons, stationarity and drift."""
    time = statistics["time"]
    if time is not None:
        name = time["column"]
        found.add("frequency", INFO, name, f"the rows are one {time['step']} apart ({percent(time['regular_share'])} of steps), "
                  f"from {time['first']} to {time['last']}", "split by time: train on the past, score on the future", time["step_s"], "s")
        if time["gaps"]:
            found.add("time-gaps", WARNING, name, f"{time['gaps']:,} gaps leave out {time['missing_steps']:,} steps, the longest "
                      f"{short(time['largest_gap_s'] / 3600)} h", "reindex to the full frequency and decide how to fill", time["missing_steps"], "steps")
        if time["repeated_times"] and not time["within_groups"]:
            found.add("repeated-times", WARNING, name, f"{time['repeated_times']:,} rows have the time of the row before",
                      "find the column that tells them apart, or aggregate them", time["repeated_times"], "rows")
        if time["backward_steps"] and not time["within_groups"]:
            found.add("not-sorted", WARNING, name, f"{time['backward_steps']:,} rows are older than the row before", "sort by time first", time["backward_steps"], "rows")
    of_series(found, statistics["series"], time)
    moved = [(abs(f["mean_shift_std"]), n, f) for n, f in statistics["drift"].items() if abs(f["mean_shift_std"]) > 0.5 or f["ks"] > 0.4]
    moved.sort(key=lambda item: (-round(item[0], 6), item[1]))
    if moved:
        shift, name, facts = moved[0]
        found.add("drift", WARNING, ", ".join(n for _, n, _ in moved[:SHOWN]),
                  f"{len(moved)} of {len(statistics['drift'])} numeric columns differ between the first and the last rows, most `{name}` "
                  f"(mean shifted by {short(facts['mean_shift_std'], 3)} standard deviations)",
                  "validate on the latest rows; model the level or difference the series", shift, "standard deviations")


def of_series(found, series, time):
    """One finding for all series that share a property."""
    if not series:
        return
    seasonal = {n: f for n, f in series.items() if f["season_steps"]}
    if seasonal:
        lengths = [f["season_steps"] for f in seasonal.values()]
        common = max(sorted(set(lengths)), key=lengths.count)
        strength = max(s["strength"] for f in seasonal.values() for s in f["seasons"] if s["length_steps"] == f["season_steps"])
        found.add("seasonality", INFO, time["column"], f"{len(seasonal)} of {len(series)} analysed series have a season, mostly of {common} steps "
                  f"(strength up to {short(strength, 3)})", f"compare with a seasonal naive forecast of {common} steps; give models the phase", common, "steps")
    rooted = [n for n, f in series.items() if f["stationarity"]["verdict"] in ("unit-root", "trend-or-break")]
    if rooted:
        found.add("not-stationary", WARNING, names(rooted), f"{len(rooted)} of {len(series)} analysed series are not stationary by ADF and KPSS",
                  "difference them, or model trend and level", len(rooted), "series")


def of_target(found, facts, task, schema):
    """Balance, leaks and predictability of the target."""
    target = task["target"]
    if target is None:
        return
    missing = next(c for c in schema["columns"] if c["name"] == target)["nullable"]
    if missing:
        found.add("target-missing", WARNING, target, "the target is missing in some rows", "drop those rows; never impute a target")
    if facts is None:
        return
    if facts.get("minority_share") is not None and facts["minority_share"] < 0.1 and len(facts["classes"]) <= 50:
        rare = facts["classes"][-1]
        found.add("imbalance", WARNING, target, f"the class {rare['value']!r} has {percent(rare['share'])} of the rows",
                  "stratify splits; do not judge by accuracy alone", rare["share"], "fraction")
    if facts["kind"] == "amount" and abs(facts.get("skewness") or 0) > 2:
        found.add("skewed-target", INFO, target, f"the target is skewed ({short(facts['skewness'], 3)})", "consider a logarithm", facts["skewness"], "skewness")
    for name in facts.get("leak_suspects", []):
        score = next(f["score"] for f in facts["single_features"] if f["feature"] == name)
        found.add("leak-suspect", SERIOUS, name, f"`{name}` alone predicts {percent(score)} of what there is to predict about `{target}`",
                  "find out whether it is known when a prediction is made; if not, leave it out", score, "fraction")
    if (facts.get("row_order_score") or 0) > 0.5 and task["time_column"] is None:
        found.add("row-order", WARNING, target, f"the row's position alone predicts {percent(facts['row_order_score'])} of the target",
                  "the rows are sorted: shuffle before splitting, or split by blocks", facts["row_order_score"], "fraction")
    base = facts.get("baseline")
    if base:
        scores = base["scores"]
        larger = base["metric"] == "accuracy"
        best = max(scores, key=lambda n: scores[n] if larger else -scores[n])
        found.add("baseline", INFO, target, f"held-out {base['metric']}: constant {short(scores['constant'])}, "
                  + ", ".join(f"{n} {short(v)}" for n, v in scores.items() if n != "constant") + f" ({base['split']})",
                  "an experiment has to beat the best of these", scores[best], base["metric"])
        if best == "constant":
            found.add("unpredictable", WARNING, target, "no simple model beats a constant", "look for better features before tuning models")


def of_text(found, facts, task):
    """Classes, lengths, duplicates and languages of texts."""
    count = facts["documents"]
    if facts["empty"]:
        found.add("empty-texts", WARNING, "texts", f"{facts['empty']:,} texts are empty", "drop them", facts["empty"], "texts")
    if facts["duplicates"]:
        found.add("duplicate-texts", WARNING, "texts", f"{facts['duplicates']:,} texts repeat an earlier one, first {' and '.join(map(str, facts['first_duplicate']))}",
                  "drop them, or keep all copies of a text in one split", facts["duplicates"], "texts")
    if facts["duplicates_with_other_class"]:
        found.add("label-conflict", SERIOUS, "texts", f"{facts['duplicates_with_other_class']:,} repeated texts have another class than the first",
                  "decide which label is right", facts["duplicates_with_other_class"], "texts")
    for key, first, saw, do in (
        ("unlabelled", "first_unlabelled", "texts have no label", "label them or leave them out"),
        ("labels_without_file", "first_label_without_file", "labels name a file that is not there", "correct the names"),
        ("binary_files", "first_binary_file", "files are binary", "remove them"),
    ):
        if facts.get(key):
            found.add(key.replace("_", "-"), WARNING, str(facts[first]), f"{facts[key]:,} {saw}, first `{facts[first]}`", do, facts[key], "files")
    if facts["undecodable"]:
        found.add("encoding", WARNING, "texts", f"{facts['undecodable']:,} texts are not UTF-8; they were read as Latin-1", "convert them", facts["undecodable"], "texts")
    classes = facts["classes"]
    if classes:
        found.add("classes", INFO, "classes", f"{len(classes)} classes, the largest {percent(classes[0]['share'])}, the smallest "
                  f"{percent(classes[-1]['share'])} of {count:,} texts", "stratify splits by class", len(classes), "classes")
    languages = facts["languages"]
    if languages:
        found.add("languages", INFO, "texts", "languages (a rough guess): " + ", ".join(f"{n} {c}" for n, c in list(languages.items())[:4]),
                  "choose a tokeniser that fits", len(languages), "languages")
    base = facts["baseline"]
    if base:
        scores = base["scores"]
        found.add("baseline", INFO, "classes", f"held-out accuracy: constant {short(scores['constant'])}, words {short(scores['words'])}, length {short(scores['length'])}",
                  "an experiment has to beat the best of these", scores["words"], "accuracy")
        if scores["length"] > 0.95 and scores["length"] > scores["constant"] + 0.2:
            found.add("leak-suspect", SERIOUS, "length", f"the text's length alone gives an accuracy of {short(scores['length'])}",
                      "find out why; a length should not decide", scores["length"], "accuracy")


def of_kernels(found, facts):
    """Findings of a folder of kernel tasks."""
    found.add("tasks", INFO, "tasks", f"{facts['count']} tasks with {len(facts['operations'])} different operations",
              "measure eager and compiled baselines of each first", facts["count"], "tasks")
    for item in facts["broken"][:SHOWN]:
        found.add("broken-task", WARNING, item["file"], item["saw"], item["do"])
