from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression, Ridge


def joined(table):
    return table[TEXTS].agg(" \n ".join, axis=1)


def main():
    train, asked, out = arguments()
    if UNITS == "words":
        vectorizer = TfidfVectorizer(ngram_range=(1, LONGEST), min_df=RARE, sublinear_tf=True)
    else:
        vectorizer = TfidfVectorizer(analyzer="char_wb", ngram_range=(2, REACH), min_df=RARE, sublinear_tf=True)
    learnt, wanted = vectorizer.fit_transform(joined(train)), vectorizer.transform(joined(asked))
    if CLASSES:
        weight = "balanced" if BALANCED else None
        model = LogisticRegression(C=1 / ALPHA, class_weight=weight, max_iter=400)
        model.fit(learnt, train[TARGET])
        predictions = (model.classes_, model.predict_proba(wanted)) if PROBABILITIES else model.predict(wanted)
    else:
        model = Ridge(alpha=ALPHA)
        model.fit(learnt, pd.to_numeric(train[TARGET]))
        predictions = model.predict(wanted)
    save(out, asked["row_id"], predictions)


main()
