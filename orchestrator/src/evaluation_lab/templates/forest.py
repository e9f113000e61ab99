from sklearn.ensemble import (
    ExtraTreesClassifier,
    ExtraTreesRegressor,
    RandomForestClassifier,
    RandomForestRegressor,
)


def model(columns, example):
    common = {"n_estimators": COUNT, "min_samples_leaf": LEAF, "max_features": FEATURES, "random_state": SEED}
    if CLASSES:
        kind = ExtraTreesClassifier if TREES == "extra" else RandomForestClassifier
        inner = kind(class_weight="balanced" if BALANCED else None, **common)
    else:
        kind = ExtraTreesRegressor if TREES == "extra" else RandomForestRegressor
        inner = kind(**common)
    return columns.pipeline(example, inner, scaled=False)


predict(model)
