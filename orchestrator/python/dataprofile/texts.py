"""Texts: how long, in what language, of which classes, and how alike."""

import csv
import hashlib
import re
import warnings
from collections import Counter

import numpy as np

from . import SEED, sniff
from .problem import Problem

MOST_DOCUMENTS = 5000
MOST_SAMPLE_BYTES = 24 << 20
LONGEST_READ = 1 << 20
TEXT_ENDINGS = {".txt", ".md", ".text", ".html", ".htm", ".xml", ".rst", ".eml", ".tex", ""}
LABEL_FILES = ("labels.csv", "labels.tsv", "labels.txt")
WORD = re.compile(r"[^\W\d_]+(?:['’-][^\W\d_]+)*")
COMMON = {
    "English": "the of and to in is that it was for on are with as this",
    "German": "der die und das ist nicht ein zu den mit sich auf für im von",
    "French": "le la les des et est une pas que dans pour qui sur au du",
    "Spanish": "el la los las que y en una por con para es del se no",
    "Italian": "il di che la e per un non sono con una del della è",
    "Portuguese": "o que e do da em um para não uma os com no na por",
    "Dutch": "de het een en van dat niet op is te zijn met voor ik",
}
COMMON = {name: set(words.split()) for name, words in COMMON.items()}
SCRIPTS = [("Cyrillic", 0x400, 0x52F), ("Greek", 0x370, 0x3FF), ("Arabic", 0x600, 0x6FF), ("Hebrew", 0x590, 0x5FF),
           ("Devanagari", 0x900, 0x97F), ("Han", 0x4E00, 0x9FFF), ("Kana", 0x3040, 0x30FF), ("Hangul", 0xAC00, 0xD7AF)]


def language_of(text):
    """A rough guess: the script, and for Latin script its most common words."""
    letters = [ord(letter) for letter in text[:2000] if letter.isalpha()]
    if not letters:
        return "none"
    for name, low, high in SCRIPTS:
        if sum(low <= letter <= high for letter in letters) > 0.4 * len(letters):
            return name
    words = WORD.findall(text[:4000].lower())
    if len(words) < 5:
        return "unclear"
    shares = {name: sum(word in common for word in words) / len(words) for name, common in COMMON.items()}
    best = max(sorted(shares), key=shares.get)
    return best if shares[best] >= 0.08 else "unclear"


class Corpus:
    """What a pass over texts adds up."""

    def __init__(self):
        self.characters, self.words = [], []
        self.classes, self.languages = Counter(), Counter()
        self.vocabulary = Counter()
        self.hashes = {}
        self.duplicates = self.empty = self.conflicts = 0
        self.undecodable, self.first_duplicate = 0, None
        self.sample = []
        self.sampled_bytes = 0
        self.random = np.random.Generator(np.random.PCG64(SEED))
        self.longest = (0, None)

    def add(self, name, text, label):
        """Takes a text."""
        words = WORD.findall(text.lower())
        self.characters.append(len(text))
        self.words.append(len(words))
        if label is not None:
            self.classes[label] += 1
        if not text.strip():
            self.empty += 1
        if len(text) > self.longest[0]:
            self.longest = (len(text), name)
        digest = hashlib.blake2b(" ".join(text.split()).encode(errors="replace"), digest_size=8).digest()
        if digest in self.hashes:
            self.duplicates += 1
            self.first_duplicate = self.first_duplicate or [self.hashes[digest][0], name]
            self.conflicts += self.hashes[digest][1] != label
        else:
            self.hashes[digest] = (name, label)
        if len(self.vocabulary) < 400_000:
            self.vocabulary.update(words[:20_000])
        self.keep((text[:20_000], label))

    def keep(self, item):
        """A uniform sample of texts, in memory that is bounded."""
        seen = len(self.characters)
        if len(self.sample) < MOST_DOCUMENTS and self.sampled_bytes < MOST_SAMPLE_BYTES:
            self.sample.append(item)
            self.sampled_bytes += len(item[0])
        else:
            place = int(self.random.integers(0, seen))
            if place < len(self.sample):
                self.sample[place] = item

    def facts(self):
        """All of it as numbers."""
        for text, _ in self.sample[:1000]:
            self.languages[language_of(text)] += 1
        characters, words = np.array(self.characters), np.array(self.words)
        once = sum(count == 1 for count in self.vocabulary.values())
        total = sum(self.classes.values())
        return {
            "documents": len(characters), "empty": self.empty, "undecodable": self.undecodable,
            "characters": spread(characters), "words": spread(words),
            "vocabulary_words": len(self.vocabulary), "words_once": once,
            "top_words": [word for word, _ in sorted(self.vocabulary.items(), key=lambda i: (-i[1], i[0]))[:30]],
            "languages": dict(sorted(self.languages.items(), key=lambda i: (-i[1], i[0]))),
            "duplicates": self.duplicates, "duplicates_with_other_class": self.conflicts,
            "first_duplicate": self.first_duplicate,
            "longest": {"chars": self.longest[0], "name": self.longest[1]},
            "classes": [{"value": str(k), "rows": n, "share": n / total}
                        for k, n in sorted(self.classes.items(), key=lambda i: (-i[1], str(i[0])))],
            "baseline": predict(self.sample, self.classes), "telling_words": telling(self.sample),
        }


def spread(values):
    if not len(values):
        return None
    return {"min": int(values.min()), "median": float(np.median(values)), "mean": float(values.mean()),
            "p95": float(np.quantile(values, 0.95)), "max": int(values.max()), "total": int(values.sum())}


def predict(sample, classes):
    """Held-out accuracy of word counts with a linear model, and of length alone."""
    labelled = [(text, label) for text, label in sample if label is not None][:2000]
    kept = {label for label, count in Counter(label for _, label in labelled).items() if count >= 3}
    labelled = [(text[:4000], label) for text, label in labelled if label in kept]
    if len(kept) < 2 or len(kept) > 200 or len(labelled) < 12:
        return None
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import StratifiedKFold, cross_val_score
    from sklearn.pipeline import make_pipeline
    from sklearn.tree import DecisionTreeClassifier

    texts, labels = zip(*labelled, strict=True)
    labels = np.array([str(label) for label in labels])
    folds = StratifiedKFold(3, shuffle=True, random_state=SEED)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        words = make_pipeline(TfidfVectorizer(max_features=20_000, sublinear_tf=True), LogisticRegression(max_iter=300))
        lengths = np.array([[len(text), len(text.split())] for text in texts])
        try:
            by_words = float(cross_val_score(words, list(texts), labels, cv=folds).mean())
            by_length = float(cross_val_score(DecisionTreeClassifier(min_samples_leaf=3, random_state=SEED), lengths, labels, cv=folds).mean())
        except ValueError:
            return None
    return {"metric": "accuracy", "folds": 3, "scores": {
        "constant": max(Counter(labels).values()) / len(labels), "words": by_words, "length": by_length}}


def telling(sample):
    """Words that one class has and the others lack."""
    counts = {}
    for text, label in sample[:2000]:
        if label is not None:
            counts.setdefault(str(label), Counter()).update(set(WORD.findall(text.lower())))
    documents = Counter(str(label) for _, label in sample[:2000])
    total, everywhere = sum(documents.values()), sum(counts.values(), Counter())
    found = {}
    for label, words in sorted(counts.items())[:30]:
        others = max(1, total - documents[label])
        ranked = sorted(((n / documents[label] - (everywhere[w] - n) / others, w) for w, n in words.items()),
                        key=lambda item: (-round(item[0], 6), item[1]))
        found[label] = [word for difference, word in ranked[:8] if difference > 0]
    return found


def of_column(sample, name, label_name):
    """The facts of a table's text column."""
    corpus = Corpus()
    labels = sample[label_name] if label_name is not None else None
    for place, text in enumerate(sample[name]):
        if isinstance(text, str):
            label = None if labels is None else labels.iloc[place]
            corpus.add(f"row {place + 1}", text, label)
    return corpus.facts()


def read_text(path):
    """A text of bounded length; what is no text is None."""
    try:
        with open(path, "rb") as file:
            data = file.read(LONGEST_READ)
    except OSError as error:
        raise sniff.unreadable(path, error) from error
    if b"\0" in data:
        return None, False
    try:
        return data.decode("utf-8"), True
    except UnicodeDecodeError as error:
        if len(data) == LONGEST_READ and error.start > len(data) - 4:
            return data.decode("utf-8", errors="replace"), True
        return data.decode("latin-1"), False


def read_labels(path):
    """Labels by file name or stem; the columns are found by their contents."""
    head, encoding, compression = sniff.head_of(path)
    lines = sniff.complete_lines(head, encoding)
    dialect = sniff.delimited(path, head, encoding, compression, lines, insist=True)
    with sniff.open_bytes(path) as file:
        text = file.read().decode(encoding, errors="replace").splitlines()
    rows = [row for row in csv.reader(text[dialect.skip_lines + dialect.header :], delimiter=dialect.delimiter) if row]
    if not rows or len(dialect.columns) < 2:
        raise Problem("no-labels", "the file has no pairs of file name and label",
                      "give it two columns: file, label", file=path, line=1)
    return dialect.columns, rows


def folder(path, files):
    """The facts of a folder of texts, by class folder or by a file of labels."""
    corpus = Corpus()
    labels_file = next((f for f in files if f.name.lower() in LABEL_FILES), None)
    documents = [f for f in files if f is not labels_file]
    unlabelled, first_unlabelled, unmatched, first_unmatched = 0, None, 0, None
    labels, scheme, label_name = {}, "none", None
    if labels_file is not None:
        scheme = "file"
        columns, rows = read_labels(labels_file)
        names = {f.name for f in documents} | {f.stem for f in documents} | {str(f.relative_to(path)) for f in documents}
        hits = [sum(row[i].strip() in names for row in rows[:500] if i < len(row)) for i in range(len(columns))]
        key = int(np.argmax(hits))
        value = next(i for i in range(len(columns)) if i != key)
        label_name = columns[value]
        labels = {row[key].strip(): row[value].strip() for row in rows if len(row) > max(key, value)}
        missing = [key for key in labels if key not in names]
        unmatched, first_unmatched = len(missing), missing[0] if missing else None
    elif sum(len(f.relative_to(path).parts) > 1 for f in documents) > 0.9 * len(documents):
        parents = {f.relative_to(path).parts[0] for f in documents}
        scheme = "folder" if len(parents) > 1 else "none"
    binary, first_binary = 0, None
    for file in documents:
        inside = file.relative_to(path)
        text, clean = read_text(file)
        if text is None:
            binary, first_binary = binary + 1, first_binary or str(inside)
            continue
        label = None
        if scheme == "folder":
            label = inside.parts[0] if len(inside.parts) > 1 else None
        elif scheme == "file":
            label = labels.get(str(inside)) or labels.get(file.name) or labels.get(file.stem)
        if scheme != "none" and label is None:
            unlabelled, first_unlabelled = unlabelled + 1, first_unlabelled or str(inside)
        corpus.undecodable += not clean
        corpus.add(str(inside), text, label)
    if not corpus.characters:
        raise Problem("binary", f"none of the {len(documents)} files is text",
                      "give a folder of text files, one a document", file=path)
    facts = corpus.facts()
    facts |= {"label_scheme": scheme, "label_name": label_name, "unlabelled": unlabelled,
              "first_unlabelled": first_unlabelled, "labels_without_file": unmatched,
              "first_label_without_file": first_unmatched, "binary_files": binary, "first_binary_file": first_binary}
    return facts


def single(path, encoding):
    """The facts of one long text, read a piece at a time."""
    counts = np.zeros(256, np.int64)
    corpus, lines, size = Corpus(), 0, 0
    with sniff.open_bytes(path) as file:
        while data := sniff.read_block(file, LONGEST_READ, path):
            counts += np.bincount(np.frombuffer(data, np.uint8), minlength=256)
            lines += data.count(b"\n")
            size += len(data)
            if len(corpus.characters) < 2000:
                for piece in range(0, len(data), 1 << 14):
                    corpus.add(f"byte {size - len(data) + piece}", data[piece : piece + (1 << 14)].decode(encoding, errors="replace"), None)
    shares = counts[counts > 0] / size
    facts = corpus.facts()
    facts |= {"bytes": size, "lines": lines, "byte_entropy_bits": float(-(shares * np.log2(shares)).sum()),
              "distinct_bytes": int((counts > 0).sum()), "pieces": facts["documents"], "documents": 1,
              "longest": None, "label_scheme": "none"}
    return facts
