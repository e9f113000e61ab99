"""The profile of a table: schema, statistics and the facts that findings need."""

import numpy as np

from . import guess as guesses
from . import relations, series, target, times
from .problem import Problem
from .table import Table

GROUP_TYPES = ("category", "string", "integer")
MOST_GROUPS = 50


def profile(stream, source, objective, wanted):
    """Reads a table once and says what it is."""
    table = Table(stream)
    if table.rows == 0:
        raise Problem("no-rows", "there is a header but no row of data",
                      "give a file with at least one row below its header", file=stream.path)
    step_facts = {n: f for n in table.of_type("datetime") if (f := table.columns[n].steps.facts())}
    first_time = guesses.pick_time(table, table.of_type("datetime"), step_facts)
    groups = find_groups(table, first_time, step_facts)
    column_roles, time_name = guesses.roles(table, step_facts, groups)
    task = guesses.guess(table, column_roles, time_name, groups, step_facts, objective, wanted)
    for name in task["targets"]:
        if column_roles[name] in ("feature", "identifier"):
            column_roles[name] = "target"
    numeric = [n for n in table.of_type("number", "integer") if column_roles[n] in ("feature", "target")]
    schema = {
        "kind": "table", "source": source, "rows": table.rows,
        "layout": layout(task, groups), "columns": [describe(table, n, column_roles[n]) for n in table.columns],
    }
    statistics = {
        "rows": table.rows,
        "duplicates": {"rows": table.row_hashes.repeated(), "share": table.row_hashes.repeated() / table.rows,
                       "exact": table.row_hashes.exact},
        "sample": {"rows": len(table.sample), "whole": table.whole, "consecutive_rows": len(table.window)},
        "columns": {n: numbers_of(table, n) for n in table.columns},
        "correlations": relations.correlations(table.sample, numeric),
        "time": time_facts(table, time_name, groups, step_facts),
        "drift": relations.drifts(table, numeric),
        "series": {}, "target": None, "text": None,
    }
    if time_name is not None and statistics["time"] is not None:
        statistics["series"] = analyse_series(table, time_name, groups, task, numeric, statistics["time"])
    if task["target"] is not None:
        statistics["target"] = analyse_target(table, task, column_roles, time_name)
    if task["text_column"] is not None:
        from . import texts

        statistics["text"] = texts.of_column(table.sample, task["text_column"], task["target"])
    return schema, statistics, task, table


def find_groups(table, time_name, step_facts):
    """The columns that tell the series of a long table apart."""
    facts = step_facts.get(time_name)
    if facts is None or (not facts["repeated_times"] and not facts["backward_steps"]):
        return []
    candidates = [n for n in table.columns if table.columns[n].type in GROUP_TYPES
                  and 1 < table.columns[n].distinct.distinct() <= 0.5 * table.rows]
    candidates.sort(key=lambda n: (not guesses.SERIES_NAMES.search(n), table.columns[n].type == "integer"))
    groups = series.group_columns(table.window, time_name, candidates)
    if groups:
        within = times.Steps()
        shown = 0
        for _, rows in table.window.groupby(groups, sort=True):
            stamps = rows[time_name].dropna().sort_values().to_numpy("datetime64[us]").astype(np.int64)
            fresh = times.Steps()
            fresh.add(stamps)
            within.counts.update(fresh.counts)
            within.forward += fresh.forward
            within.repeated += fresh.repeated
            shown += 1
            if shown >= MOST_GROUPS:
                break
        if within.counts:
            step_facts["within groups", time_name] = within.facts()
    return groups


def layout(task, groups):
    if task["time_column"] is None:
        return "table"
    if groups:
        return "long-series"
    return "wide-series" if task["kind"] == "forecast" else "table-with-time"


def describe(table, name, role):
    """A column of the schema."""
    column = table.columns[name]
    examples = table.head[name].dropna().head(3)
    shown = [times.iso(v.value // 1000) if column.type == "datetime" else tidy_example(column, v) for v in examples]
    return {"name": name, "type": column.type, "role": role, "nullable": column.missing > 0,
            "distinct": column.distinct.distinct(), "distinct_exact": column.distinct.exact, "examples": shown}


def tidy_example(column, value):
    if column.type == "boolean":
        return bool(value)
    if column.type == "integer" and isinstance(value, float) and value.is_integer():
        return int(value)
    return value[:80] if isinstance(value, str) else value


def numbers_of(table, name):
    """A column's statistics."""
    column = table.columns[name]
    kind = column.type
    facts = {"missing": column.missing, "missing_share": column.missing / table.rows,
             "distinct": column.distinct.distinct(), "distinct_exact": column.distinct.exact}
    if kind == "datetime":
        facts |= {"first": times.iso(column.steps.least), "last": times.iso(column.steps.most), "not_times": column.bad_times}
    elif kind in ("number", "integer", "boolean"):
        facts |= {"min": column.least, "max": column.most, "mean": column.mean, "std": column.std,
                  "zero_share": column.zeros / max(1, column.numbers), "negative": column.negative,
                  "infinite": column.infinite, "not_numbers": column.others,
                  "first_not_number": None if column.first_other is None
                  else {"row": column.first_other[0] + 1, "value": column.first_other[1]}}
        if kind != "boolean":
            values = table.sample[name].to_numpy(np.float64)
            sound = values[np.isfinite(values)]
            if len(sound):
                facts["quantiles"] = {f"p{int(100 * q):02d}": np.quantile(sound, q) for q in (0.01, 0.25, 0.5, 0.75, 0.99)}
                deviation = sound - sound.mean()
                facts["skewness"] = float((deviation**3).mean() / sound.std() ** 3) if sound.std() > 0 else 0.0
            facts["outliers"] = relations.outliers(values)
    elif kind != "empty":
        facts |= {"longest_chars": column.longest, "mean_chars": column.characters / max(1, column.others)}
    if kind in ("category", "boolean", "string", "integer") and column.values:
        ranked = target.class_counts(column)
        if kind != "string" or len(ranked) < facts["distinct"] or max(ranked.values()) > 1:
            facts["top"] = [{"value": str(v), "rows": c} for v, c in list(ranked.items())[:10]]
            facts["top_exact"] = column.values_exact
    return facts


def time_facts(table, time_name, groups, step_facts):
    """Range, frequency, gaps and order of the time column."""
    key = ("within groups", time_name) if groups else time_name
    if time_name is None or step_facts.get(key) is None:
        return None
    column = table.columns[time_name]
    facts = dict(step_facts[key])
    facts |= {"column": time_name, "first": times.iso(column.steps.least), "last": times.iso(column.steps.most),
              "span_s": (column.steps.most - column.steps.least) / 1e6, "within_groups": bool(groups),
              "seasons_steps": times.season_lengths(facts["step_s"])}
    return facts


def analyse_series(table, time_name, groups, task, numeric, time):
    """Seasons and stationarity of the series, or of some of them."""
    window = table.window.dropna(subset=[time_name])
    found = {}
    if groups:
        value = task["target"] or (numeric[0] if numeric else None)
        if value is None or table.columns[value].type not in ("number", "integer"):
            return {}
        parts = {", ".join(map(str, np.atleast_1d(key))): rows for key, rows in window.groupby(groups, sort=True)}
        for key in series.pick(list(parts), 12):
            rows = parts[key].sort_values(time_name, kind="stable")
            facts = series.analyse(rows[value].to_numpy(np.float64), time["seasons_steps"])
            if facts is not None:
                found[f"{value} [{key}]"] = facts
        return found
    window = window.sort_values(time_name, kind="stable")
    chosen = [n for n in task["targets"] if n in numeric] or numeric
    for name in series.pick(chosen):
        facts = series.analyse(window[name].to_numpy(np.float64), time["seasons_steps"])
        if facts is not None:
            found[name] = facts
    return found


def analyse_target(table, task, column_roles, time_name):
    """The target's analysis; none for one without numbers or classes."""
    name = task["target"]
    column = table.columns[name]
    if column.type in ("empty", "text", "datetime"):
        return None
    classes = task["kind"] in ("classification", "text-classification")
    if not classes and column.type not in ("number", "integer", "boolean"):
        return None
    features = [n for n, role in column_roles.items()
                if role in ("feature", "identifier", "group") and n != name and table.columns[n].type != "text"]
    return target.analyse(table, name, classes, features, time_name is not None)
