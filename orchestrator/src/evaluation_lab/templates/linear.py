from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.preprocessing import PolynomialFeatures, SplineTransformer

MOST_SQUARED = 60


def model(columns, example):
    basis = []
    if BASIS == "squares" and example.shape[1] <= MOST_SQUARED:
        basis = [PolynomialFeatures(2, include_bias=False), StandardScaler()]
    elif BASIS == "splines":
        basis = [SplineTransformer(n_knots=KNOTS, knots="quantile", extrapolation="linear")]
    if CLASSES:
        weight = "balanced" if BALANCED else None
        inner = LogisticRegression(C=1 / ALPHA, class_weight=weight, max_iter=400)
    else:
        inner = Ridge(alpha=ALPHA)
    return columns.pipeline(example, inner, scaled=True, basis=basis)


predict(model)
