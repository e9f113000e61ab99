"""What there is to predict: its distribution, what predicts it, what gives it away."""

import warnings

import numpy as np
import pandas as pd

from . import SEED

MOST_ROWS = 6000
MOST_FEATURES = 200
LEAK = 0.98


def is_classes(column, sample):
    """Whether a column's values are classes rather than amounts."""
    kind = column.type
    if kind in ("boolean", "category"):
        return True
    distinct = column.distinct.distinct()
    if kind == "string":
        return distinct <= 50
    return kind == "integer" and distinct <= 10 and distinct <= 0.05 * len(sample)


def analyse(table, name, classes, features, ordered):
    """Distribution, balance, predictability and leak suspects of a target."""
    sample = table.sample[table.sample[name].notna()]
    if len(sample) > MOST_ROWS:
        # Evenly spaced rows keep the order in time.
        sample = sample.iloc[np.linspace(0, len(sample) - 1, MOST_ROWS).round().astype(int)]
    facts = {"name": name, "kind": "classes" if classes else "amount", "sampled_rows": len(sample)}
    if classes:
        column = table.columns[name]
        counts = class_counts(column)
        total = sum(counts.values()) or 1
        facts["classes"] = [{"value": str(key), "rows": count, "share": count / total} for key, count in counts.items()]
        facts["majority_share"] = max(counts.values()) / total if counts else None
        facts["minority_share"] = min(counts.values()) / total if counts else None
    else:
        values = sample[name].to_numpy(np.float64)
        values = values[np.isfinite(values)]
        if not len(values):
            return facts
        centred = values - values.mean()
        spread = values.std()
        facts["quantiles"] = {f"p{int(100 * q):02d}": float(np.quantile(values, q)) for q in (0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99)}
        facts["skewness"] = float((centred**3).mean() / spread**3) if spread > 0 else 0.0
        facts["constant_rmse"] = float(spread)
    if len(sample) < 40 or not features:
        return facts
    truth = pd.factorize(sample[name].astype(str), sort=True)[0] if classes else sample[name].to_numpy(np.float64)
    if len(np.unique(truth)) < 2:
        return facts
    encoded = {feature: encode(sample[feature]) for feature in features[:MOST_FEATURES]}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        facts["baseline"] = baseline(np.column_stack(list(encoded.values())), truth, classes, ordered)
        facts["single_features"] = single_features(encoded, truth, classes)
        position = single_features({"": np.arange(len(sample), dtype=float)}, truth, classes)
    facts["row_order_score"] = position[0]["score"] if position else None
    facts["leak_suspects"] = [f["feature"] for f in facts["single_features"] if f["score"] >= LEAK]
    return facts


def class_counts(column):
    """Rows of each class, most first."""
    named = {}
    for value, count in column.values.items():
        key = value
        if column.type == "boolean" and value in (0.0, 1.0):
            key = "true" if value else "false"
        elif isinstance(value, float) and value.is_integer():
            key = int(value)
        named[key] = named.get(key, 0) + count
    return dict(sorted(named.items(), key=lambda item: (-item[1], str(item[0]))))


def encode(series):
    """A feature as numbers, missing ones as NaN."""
    if pd.api.types.is_datetime64_any_dtype(series.dtype):
        values = series.to_numpy("datetime64[s]").astype(np.float64)
        return np.where(series.isna(), np.nan, values)
    if pd.api.types.is_numeric_dtype(series.dtype):
        return series.to_numpy(np.float64)
    codes = pd.factorize(series.astype(str), sort=True)[0]
    return codes.astype(np.float64)


def finite(values):
    """Trees take no infinities."""
    return np.nan_to_num(values, nan=-1e30, posinf=1e30, neginf=-1e30).astype(np.float32)


def folds(truth, count, classes, ordered):
    """Cross-validation: later rows for what is ordered, shuffled rows otherwise."""
    from sklearn.model_selection import KFold, StratifiedKFold, TimeSeriesSplit

    if ordered:
        return list(TimeSeriesSplit(count).split(truth))
    if classes and np.bincount(truth).min() >= count:
        return list(StratifiedKFold(count, shuffle=True, random_state=SEED).split(truth, truth))
    return list(KFold(count, shuffle=True, random_state=SEED).split(truth))


def baseline(features, truth, classes, ordered):
    """Held-out scores of a constant, a linear model and a forest of trees."""
    from sklearn.ensemble import ExtraTreesClassifier, ExtraTreesRegressor
    from sklearn.impute import SimpleImputer
    from sklearn.linear_model import LogisticRegression, Ridge
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    with np.errstate(all="ignore"):
        features = np.where(np.isfinite(features), features, np.nan)
    kept = ~np.isnan(features).all(axis=0)
    features = features[:, kept]
    linear = LogisticRegression(max_iter=200) if classes else Ridge()
    forest = (ExtraTreesClassifier if classes else ExtraTreesRegressor)(
        60, min_samples_leaf=3, max_features=0.7, random_state=SEED, n_jobs=1)
    models = {"linear": make_pipeline(SimpleImputer(keep_empty_features=True), StandardScaler(), linear),
              "trees": make_pipeline(SimpleImputer(strategy="median", keep_empty_features=True), forest)}
    errors = {name: [] for name in ("constant", *models)}
    for train, test in folds(truth, 3, classes, ordered):
        if classes and len(np.unique(truth[train])) < 2:
            continue
        most = np.bincount(truth[train]).argmax() if classes else truth[train].mean()
        errors["constant"].append(score(truth[test], np.full(len(test), most), classes))
        for name, model in models.items():
            model.fit(features[train], truth[train])
            errors[name].append(score(truth[test], model.predict(features[test]), classes))
    metric = "accuracy" if classes else "rmse"
    scores = {name: float(np.mean(values)) for name, values in errors.items() if values}
    return {"metric": metric, "folds": 3, "split": "later rows" if ordered else "shuffled rows", "scores": scores}


def score(truth, prediction, classes):
    if classes:
        return float(np.mean(truth == prediction))
    return float(np.sqrt(np.mean((truth - prediction) ** 2)))


def single_features(encoded, truth, classes):
    """What each feature alone explains of what it has not seen, 0 to 1."""
    from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

    if len(truth) > 3000:
        chosen = np.linspace(0, len(truth) - 1, 3000).round().astype(int)
        encoded = {name: values[chosen] for name, values in encoded.items()}
        truth = truth[chosen]
    results = []
    parts = folds(truth, 2, classes, False)
    for name, values in encoded.items():
        column = finite(values)[:, None]
        best = 0.0
        # A fine tree finds what determines the target, a coarse one what only hints at it.
        for leaf in (3, max(20, len(truth) // 40)):
            scores = []
            for train, test in parts:
                maker = DecisionTreeClassifier if classes else DecisionTreeRegressor
                tree = maker(min_samples_leaf=leaf, max_leaf_nodes=200, random_state=SEED)
                tree.fit(column[train], truth[train])
                predicted = tree.predict(column[test])
                scores.append(explained(truth[train], truth[test], predicted, classes))
            best = max(best, float(np.mean(scores)))
        results.append({"feature": name, "score": min(best, 1.0)})
    results.sort(key=lambda item: (-round(item["score"], 6), item["feature"]))
    return results[:50]


def explained(seen, truth, predicted, classes):
    """How far from the constant's error to none."""
    if classes:
        constant = np.mean(truth != np.bincount(seen).argmax())
        error = np.mean(truth != predicted)
    else:
        constant = np.mean((truth - seen.mean()) ** 2)
        error = np.mean((truth - predicted) ** 2)
    return 1 - error / constant if constant > 0 else 0.0
