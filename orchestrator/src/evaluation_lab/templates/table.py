from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler, TargetEncoder

MISSING = {"", "na", "n/a", "nan", "null", "none", "?"}
MOSTLY = 0.9
MOST_CATEGORIES = 30


def numbers(cells):
    found = pd.to_numeric(cells, errors="coerce")
    return found.where(np.isfinite(found))


def times(cells):
    """Seconds and the calendar of a column of dates, or nothing if it holds none."""
    found = pd.to_datetime(cells, errors="coerce", format="ISO8601", utc=True)
    if found.notna().sum() < MOSTLY * len(cells):
        found = pd.to_datetime(cells, errors="coerce", utc=True)
    return found


class Columns:
    """What the columns of the training rows hold, and any rows as numbers and categories."""

    def __init__(self, train):
        self.numbers, self.times, self.categories = [], [], []
        for name in train.columns:
            if name in ("row_id", TARGET):
                continue
            cells = train[name].str.strip()
            cells = cells[~cells.str.lower().isin(MISSING)]
            if len(cells) == 0 or cells.nunique() < 2:
                continue
            if numbers(cells).notna().mean() >= MOSTLY:
                self.numbers.append(name)
            elif times(cells).notna().mean() >= MOSTLY:
                self.times.append(name)
            elif cells.nunique() <= max(2 * MOST_CATEGORIES, len(cells) // 4):
                self.categories.append(name)

    def of(self, table):
        found = {}
        for name in self.numbers:
            found[name] = numbers(table[name])
        for name in self.times:
            when = times(table[name])
            found[f"{name} since"] = (when - pd.Timestamp("2000-01-01", tz="UTC")).dt.total_seconds() / 86400
            for part in ("year", "month", "day", "dayofweek", "dayofyear", "hour"):
                found[f"{name} {part}"] = getattr(when.dt, part).astype(float)
        for name in self.categories:
            found[name] = table[name].str.strip().str.lower()
        return pd.DataFrame(found, index=table.index)

    def pipeline(self, example, model, scaled, basis=None):
        """The model behind what turns categories into numbers; scaled and without gaps if it needs that."""
        plain = [name for name in example.columns if name not in self.categories]
        steps = []
        if scaled:
            steps = [SimpleImputer(strategy="median", add_indicator=True), StandardScaler(), *(basis or [])]
        encoder = (
            TargetEncoder(random_state=SEED)
            if ENCODING == "target"
            else OneHotEncoder(handle_unknown="infrequent_if_exist", max_categories=MOST_CATEGORIES, sparse_output=False)
        )
        parts = [("numbers", make_pipeline(*steps) if steps else "passthrough", plain)]
        parts.append(("categories", make_pipeline(encoder, StandardScaler()) if scaled else encoder, self.categories))
        return make_pipeline(ColumnTransformer([part for part in parts if part[2]]), model)


def nearest(columns, table, target):
    """The column that is nearest to the target, if it is nearer than the mean: the last value of a series, say."""
    best, found = ((target - target.mean()) ** 2).sum(), None
    for name in columns.numbers:
        error = ((table[name].fillna(target.mean()) - target) ** 2).sum()
        if error < best:
            best, found = error, name
    return found


def predict(model_of):
    """Fits what `model_of` makes to the training rows and predicts the rows that are asked for."""
    train, asked, out = arguments()
    columns = Columns(train)
    learnt, wanted = columns.of(train), columns.of(asked)
    if CLASSES:
        model = model_of(columns, learnt)
        model.fit(learnt, train[TARGET])
        if PROBABILITIES:
            predictions = (model.classes_, model.predict_proba(wanted))
        else:
            predictions = model.predict(wanted)
    else:
        predictions = predict_numbers(columns, learnt, wanted, numbers(train[TARGET]), model_of)
    save(out, asked["row_id"], predictions)


def predict_numbers(columns, learnt, wanted, target, model_of):
    known = target.notna()
    learnt, target = learnt[known], target[known]
    # Only a target without negative values has a logarithm here.
    bent = LOGARITHM and target.min() >= 0
    to, back = (np.log1p, np.expm1) if bent else (lambda y: y, lambda y: y)
    origin = nearest(columns, learnt, target) if RELATIVE else None
    mean = target.mean()

    def level(table):
        cells = table[origin].fillna(mean)
        return to(cells.clip(lower=0) if bent else cells)

    model = model_of(columns, learnt)
    model.fit(learnt, to(target) - (level(learnt) if origin else 0))
    found = back(model.predict(wanted) + (level(wanted) if origin else 0))
    # Nothing is far outside of what was seen.
    room = target.max() - target.min()
    return np.clip(found, target.min() - (0 if bent else room), target.max() + room)
