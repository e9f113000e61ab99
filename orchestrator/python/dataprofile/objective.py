"""What an objective in plain language asks for."""

import re

MINIMISE, MAXIMISE = "minimise", "maximise"

# (pattern, name, direction, task). The more exact a name, the earlier.
METRICS = [
    (r"bits?[ -]per[ -]bytes?|val[_ ]bpb|\bbpb\b", "bits_per_byte", MINIMISE, "language-modelling"),
    (r"perplexity|\bppl\b", "perplexity", MINIMISE, "language-modelling"),
    (r"root[ -]mean[ -]square(d)?[ -](logarithmic|log)[ -]error|\brmsle\b", "rmsle", MINIMISE, "regression"),
    (r"root[ -]mean[ -]squared?[ -]error|\brmse\b", "rmse", MINIMISE, "regression"),
    (r"symmetric mean absolute percentage error|\bs-?mape\b", "smape", MINIMISE, "regression"),
    (r"mean[ -]absolute[ -]percentage[ -]error|\bw?mape\b|percentage error", "mape", MINIMISE, "regression"),
    (r"mean[ -]absolute[ -]scaled[ -]error|\bmase\b", "mase", MINIMISE, "forecast"),
    (r"mean[ -]absolute[ -](error|deviation)|\bmae\b|absolute error", "mae", MINIMISE, "regression"),
    (r"mean[ -]squared?[ -]error|\bmse\b|squared error", "mse", MINIMISE, "regression"),
    (r"weighted quantile loss|\bwql\b", "wql", MINIMISE, "forecast"),
    (r"pinball|quantile loss", "pinball", MINIMISE, "regression"),
    (r"continuous ranked probability|\bcrps\b", "crps", MINIMISE, "forecast"),
    (r"\br2\b|\br\^2|r²|r[ -]squared|coefficient of determination|explained variance", "r2", MAXIMISE, "regression"),
    (r"log[ -]?loss|cross[ -]entropy|negative log[ -]likelihood", "log_loss", MINIMISE, "classification"),
    (r"brier", "brier", MINIMISE, "classification"),
    (r"balanced accuracy", "balanced_accuracy", MAXIMISE, "classification"),
    (r"misclassification( rate)?|error rate", "error_rate", MINIMISE, "classification"),
    (r"average precision|pr[ -]auc|auprc|area under (the )?precision", "average_precision", MAXIMISE, "classification"),
    (r"roc[ -]?auc|\bauroc\b|\bauc\b|area under (the )?(roc|curve)|\bgini\b", "roc_auc", MAXIMISE, "classification"),
    (r"macro[ -]?f1|f1[ -]macro", "f1_macro", MAXIMISE, "classification"),
    (r"\bf1\b|\bf-?score\b|\bf-?measure\b", "f1", MAXIMISE, "classification"),
    (r"matthews|\bmcc\b", "mcc", MAXIMISE, "classification"),
    (r"\bkappa\b", "kappa", MAXIMISE, "classification"),
    (r"\baccuracy\b", "accuracy", MAXIMISE, "classification"),
    (r"\bprecision\b", "precision", MAXIMISE, "classification"),
    (r"\brecall\b|sensitivity", "recall", MAXIMISE, "classification"),
    (r"\bsharpe\b", "sharpe", MAXIMISE, "forecast"),
    (r"\bndcg\b", "ndcg", MAXIMISE, None),
    (r"spearman|rank correlation", "spearman", MAXIMISE, "regression"),
    (r"correlation|pearson", "pearson", MAXIMISE, "regression"),
    (r"speed-?up|faster than", "speedup", MAXIMISE, "kernel-optimisation"),
    (r"throughput|(tokens|samples|items)[ -]per[ -]second", "throughput", MAXIMISE, None),
    (r"latency|run[ -]?time|wall[ -]?clock", "latency", MINIMISE, None),
]
# Words that name a direction but leave the metric to the task.
GENERIC = [(r"\bloss(es)?\b", "loss", MINIMISE), (r"\berrors?\b", "error", MINIMISE),
           (r"\b(profit|return|reward|score)s?\b", "score", MAXIMISE)]
DOWN = r"\b(minimi[sz]\w*|reduc\w+|lower(ing)?|decreas\w+|smallest|lowest)\b"
UP = r"\b(maximi[sz]\w*|increas\w+|improv\w+|rais(e|ing)|highest|largest|best)\b"
FORECAST = r"\bforecast\w*|\bhorizon\b|\bahead\b|\bnext\b|\bfuture\b|\btomorrow\b|\bnowcast\w*|time[ -]series"
CLASSIFY = r"\bclassif\w*|\bcategor(y|ies|ise|ize)\w*|\bdetect\w*|\bwhether\b|\bwhich class\b|\blabel\w*\b|\bsentiment\b|\btopic\b"
REGRESS = r"\bregress\w*|\bestimat\w*|\bhow (much|many)\b"
AFTER = r"\b(predict\w*|forecast\w*|estimat\w*|classif\w*|model|target( is| column)?|explain|detect|infer)\b"
# Columns of these names are rarely meant by "24 hours ahead".
TIME_UNITS = {"second", "minute", "hour", "day", "week", "month", "quarter", "year", "time", "date"}
AWAY = r"\b(from|using|by|per|given|for each|across|based on|with|without|ignoring|except|not|in|on)\b"

DEFAULT_METRIC = {
    "regression": ("rmse", MINIMISE),
    "forecast": ("rmse", MINIMISE),
    "classification": ("accuracy", MAXIMISE),
    "text-classification": ("f1_macro", MAXIMISE),
    "kernel-optimisation": ("speedup", MAXIMISE),
    "language-modelling": ("bits_per_byte", MINIMISE),
}


def metric_of(objective):
    """The metric that an objective names: (name, direction, task, words, contradiction)."""
    text = objective.lower()
    found = [(match.start(), rank, name, direction, task, match.group(0))
             for rank, (pattern, name, direction, task) in enumerate(METRICS)
             for match in [re.search(pattern, text)] if match]
    # Of overlapping names the more exact one; of several names the first.
    found = [item for item in found
             if not any(other[1] < item[1] and other[0] <= item[0] < other[0] + len(other[5]) for other in found)]
    if found:
        _, _, name, direction, task, words = min(found)
    else:
        generic = [(match.start(), name, direction, match.group(0)) for pattern, name, direction in GENERIC
                   for match in [re.search(pattern, text)] if match]
        if not generic:
            return None
        _, name, direction, words = min(generic)
        task = None
    asked = asked_direction(text, words)
    return {"name": name, "direction": direction, "task": task, "words": words,
            "contradiction": asked if asked not in (None, direction) else None}


def asked_direction(text, words):
    """The direction that the words right before a metric ask for."""
    before = text[: text.find(words)][-30:]
    down, up = list(re.finditer(DOWN, before)), list(re.finditer(UP, before))
    last_down = down[-1].start() if down else -1
    last_up = up[-1].start() if up else -1
    if last_down == last_up:
        return None
    # "Improve the error" asks for a better one, not for a larger.
    if last_up > last_down:
        return MAXIMISE if re.match(r"maximi|increas|rais", before[last_up:]) else None
    return MINIMISE


def verbs(objective):
    """Which kinds of task an objective's verbs ask for."""
    text = objective.lower()
    return {"forecast": bool(re.search(FORECAST, text)), "classify": bool(re.search(CLASSIFY, text)),
            "regress": bool(re.search(REGRESS, text))}


def words_of(name):
    """A name as it would be written in a sentence."""
    spaced = re.sub(r"([a-z])([A-Z])", r"\1 \2", str(name))
    return re.sub(r"[^a-z0-9]+", " ", spaced.lower()).strip()


def named_column(objective, names):
    """The column that an objective names as what to predict, and why."""
    text = " " + re.sub(r"[^a-z0-9]+", " ", objective.lower()) + " "
    exact = objective
    best = None
    for name in names:
        words = words_of(name)
        if words in TIME_UNITS and f"`{name}`" not in exact:
            continue
        if not words or len(words) < 2 and f"`{name}`" not in exact and f" {name} " not in f" {exact} ":
            continue
        forms = [words] + ([words + "s"] if not words.endswith("s") else [words[:-1]])
        places = [text.find(f" {form} ") for form in forms]
        places = [place for place in places if place >= 0]
        if not places:
            continue
        before = text[: min(places) + 1]
        asked = [match.end() for match in re.finditer(AFTER, before)]
        away = [match.end() for match in re.finditer(AWAY, before)]
        close = 0
        if asked:
            close = 2 if not away or asked[-1] > away[-1] else 1
        elif away:
            close = -1
        rank = (close, len(words), -min(places))
        if best is None or rank > best[0]:
            best = (rank, name)
    if best is None:
        return None
    return best[1], best[0][0]
