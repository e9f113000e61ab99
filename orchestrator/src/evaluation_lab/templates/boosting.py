from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor


def model(columns, example):
    common = {
        "learning_rate": RATE,
        "max_iter": ROUNDS,
        "max_leaf_nodes": LEAVES,
        "min_samples_leaf": LEAF,
        "l2_regularization": SHRINK,
        "max_features": FEATURES,
        "early_stopping": False,
        "random_state": SEED,
    }
    if CLASSES:
        inner = HistGradientBoostingClassifier(class_weight="balanced" if BALANCED else None, **common)
    else:
        inner = HistGradientBoostingRegressor(loss=LOSS, **common)
    return columns.pipeline(example, inner, scaled=False)


predict(model)
