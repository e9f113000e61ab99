"""The most plausible learning task of a table, with reasons."""

import difflib
import re

from . import objective as words
from . import target as targets
from .problem import Problem

TARGET_NAMES = re.compile(r"^(target|label|labels|class|y|outcome|response|answer|output|ot|churn|default|survived|species|price|sales|demand|score|rating|quality)$|^(target|label)[_ ]|[_ ](target|label|class)$", re.I)
ID_NAMES = re.compile(r"(^|[_ ])(id|uuid|guid|key|index|no|nr|number|name)$|^(id|uuid|unnamed_0|row_name|passengerid)|(?<=[a-z])Id$", re.I)
SERIES_NAMES = re.compile(r"^(unique_id|series|series_id|item_id|store|sensor|station|entity|ticker|symbol|region|country|group|store_id|sensor_id|id)$", re.I)


def roles(table, step_facts, group_names):
    """Each column's role, before a target is known."""
    result = {}
    datetimes = table.of_type("datetime")
    time_name = pick_time(table, datetimes, step_facts)
    for name, column in table.columns.items():
        kind, distinct = column.type, column.distinct.distinct()
        filled = column.rows - column.missing
        unique = distinct >= 0.999 * filled and filled > 20
        if name == time_name:
            result[name] = "time"
        elif name in group_names:
            result[name] = "group"
        elif kind == "empty":
            result[name] = "empty"
        elif distinct <= 1 and column.missing == 0:
            result[name] = "constant"
        elif kind == "string" and unique:
            result[name] = "identifier"
        elif kind == "integer" and unique and (ID_NAMES.search(name) or is_counter(table, name)):
            result[name] = "identifier"
        else:
            result[name] = "feature"
    return result, time_name


def is_counter(table, name):
    """Whether a column counts the rows."""
    values = table.head[name].dropna().to_numpy()
    return len(values) > 20 and bool(((values[1:] - values[:-1]) == 1).all())


def pick_time(table, names, step_facts):
    """The column that orders the rows: the best ordered one, the first of equals."""
    def rank(name):
        facts = step_facts.get(name)
        if facts is None:
            return (-1.0, 0.0)
        steps = max(1, table.columns[name].rows - 1)
        return (1 - facts["backward_steps"] / steps, facts["regular_share"])

    ranked = [(rank(name), -place, name) for place, name in enumerate(names) if rank(name)[0] >= 0]
    return max(ranked)[2] if ranked else None


def check_target(table, name):
    """A target that the caller named must be there."""
    if name in table.columns:
        return
    close = difflib.get_close_matches(name, list(table.columns), 3, 0.4)
    shown = ", ".join(repr(c) for c in (close or list(table.columns)[:10]))
    raise Problem("no-such-column", f"there is no column {name!r}",
                  f"name one of the {len(table.columns)} columns, for instance {shown}", field=name)


def guess(table, column_roles, time_name, group_names, step_facts, objective, wanted):
    """Task, target and metric, with confidence and reasons."""
    reasons, confidence = [], 0.5
    asked = words.verbs(objective)
    metric = words.metric_of(objective)
    usable = [n for n, role in column_roles.items() if role == "feature"]
    numeric = [n for n in usable if table.columns[n].type in ("number", "integer")]
    regular = regularity(time_name, group_names, step_facts)
    target, named = None, 0
    if wanted is not None:
        check_target(table, wanted)
        target, named, confidence = wanted, 3, 0.95
        reasons.append(f"the target {wanted!r} was given")
    else:
        found = words.named_column(objective, usable + [n for n, r in column_roles.items() if r in ("constant", "identifier")])
        if found is not None and found[1] >= 0:
            target, named = found
            confidence = 0.9 if named == 2 else 0.75
            reasons.append(f"the objective names the column {target!r}")
    wide = bool(time_name and not group_names and numeric and regular >= 0.9 and len(numeric) >= 0.7 * len(usable))
    forecast = False
    if time_name and asked["forecast"] and (numeric or target):
        forecast = True
        confidence = max(confidence, 0.9 if regular >= 0.9 else 0.7)
        reasons.append("the objective asks for a forecast and there is a time column")
    elif time_name and regular >= 0.9 and not asked["classify"] and numeric:
        likely = [n for n in usable if TARGET_NAMES.search(n)]
        forecast = wide and (len(numeric) >= 2 or not likely) or bool(group_names)
        if target is not None and (metric or {}).get("task") == "classification" and not asked["forecast"]:
            forecast = False
        if forecast:
            confidence = max(confidence, 0.8)
            reasons.append(f"the rows are regular in time ({time_name!r})")
    if forecast and target is not None and targets.is_classes(table.columns[target], table.sample) and not asked["forecast"]:
        forecast = False
        reasons.append(f"{target!r} holds classes")
    many = []
    if target is None:
        if forecast:
            likely = [n for n in numeric if TARGET_NAMES.search(n)]
            if len(numeric) == 1 or (group_names and likely):
                target = likely[0] if likely else numeric[0]
                reasons.append(f"{target!r} is the series' value")
            else:
                many = numeric
                reasons.append(f"no column is singled out: all {len(numeric)} series are forecast")
        else:
            target, why, sure = by_position(table, usable, metric, asked)
            if target is not None:
                reasons.append(why)
                confidence = sure
    text_name = best_text(table, usable, target)
    if forecast:
        kind = "forecast"
    elif target is None:
        kind, confidence = "unknown", 0.1
        reasons.append("no column can be a target")
    else:
        kind, why = kind_of(table, target, metric, asked)
        reasons.append(why)
        others = [n for n in usable if n not in (target, text_name)]
        if kind == "classification" and text_name is not None and len(others) <= 3:
            kind = "text-classification"
            reasons.append(f"the column {text_name!r} is text")
    return {
        "kind": kind, "target": target, "targets": many or ([target] if target else []),
        "time_column": time_name, "group_columns": list(group_names),
        "identifier_columns": [n for n, role in column_roles.items() if role == "identifier"],
        "text_column": text_name,
        "metric": choose_metric(kind, metric, table, target),
        "confidence": round(confidence, 2), "reasons": reasons,
    }


def regularity(time_name, group_names, step_facts):
    facts = step_facts.get(("within groups", time_name) if group_names else time_name)
    return facts["regular_share"] if facts and facts["sorted"] and not facts["repeated_times"] else 0.0


def by_position(table, usable, metric, asked):
    """A target by its name, else the last column that can be one."""
    likely = [n for n in usable if TARGET_NAMES.search(n)]
    if likely:
        strongest = [n for n in likely if re.match(r"target|label|class|y$", n, re.I)] or likely
        return strongest[-1], f"a column named {strongest[-1]!r} is usually the target", 0.8
    wants_classes = asked["classify"] or (metric or {}).get("task") == "classification"
    fitting = [n for n in usable if targets.is_classes(table.columns[n], table.sample) == wants_classes
               and table.columns[n].type not in ("text", "datetime", "string")]
    candidates = fitting or [n for n in usable if table.columns[n].type not in ("text", "datetime", "string")]
    if not candidates:
        return None, "", 0.0
    last = candidates[-1]
    return last, f"no column is named; {last!r} is the last that fits", 0.45 if last == usable[-1] else 0.35


def best_text(table, usable, target):
    """The column with the most text."""
    texts = [n for n in usable if table.columns[n].type == "text" and n != target]
    return max(texts, key=lambda n: table.columns[n].characters, default=None)


def kind_of(table, target, metric, asked):
    """Classification or regression, by metric, by verb, by the values."""
    column = table.columns[target]
    classes = targets.is_classes(column, table.sample)
    numbers = column.type in ("number", "integer", "boolean")
    task = (metric or {}).get("task")
    if task == "classification" and (classes or column.distinct.distinct() <= 100):
        return "classification", f"the metric {metric['name']} is one of classes"
    if task in ("regression", "forecast") and numbers and column.type != "boolean":
        return "regression", f"the metric {metric['name']} is one of amounts"
    if asked["classify"] and (classes or not numbers):
        return "classification", "the objective asks for classes"
    if asked["regress"] and numbers:
        return "regression", "the objective asks for an amount"
    if classes or not numbers:
        return "classification", f"{target!r} has {column.distinct.distinct()} distinct values"
    return "regression", f"{target!r} holds numbers"


def choose_metric(kind, metric, table=None, target=None):
    """The objective's metric, or the task's usual one."""
    amounts = ("regression", "forecast")
    misfit = metric is not None and (
        (kind in amounts and metric["task"] == "classification")
        or (kind in ("classification", "text-classification") and metric["task"] in amounts))
    if misfit:
        name, direction = words.DEFAULT_METRIC[kind]
        return {"name": name, "direction": direction, "source": "objective-wording", "contradiction": None}
    if metric is not None and metric["name"] not in ("loss", "error", "score"):
        return {"name": metric["name"], "direction": metric["direction"], "source": "objective",
                "contradiction": metric["contradiction"]}
    usual = words.DEFAULT_METRIC.get(kind)
    if usual is None:
        return None
    name, direction = usual
    if metric is not None:
        if kind in ("classification", "text-classification") and metric["direction"] == words.MINIMISE:
            name = "log_loss" if metric["name"] == "loss" else "error_rate"
            direction = words.MINIMISE
        elif kind in ("regression", "forecast") and metric["name"] == "score":
            name, direction = "r2", words.MAXIMISE
        return {"name": name, "direction": direction, "source": "objective-wording",
                "contradiction": metric["contradiction"]}
    if kind == "classification" and table is not None and target is not None:
        counts = targets.class_counts(table.columns[target])
        if counts and min(counts.values()) < 0.2 * max(counts.values()):
            name = "f1_macro"
    return {"name": name, "direction": direction, "source": "default", "contradiction": None}
