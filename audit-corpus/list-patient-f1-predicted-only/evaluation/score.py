import csv, json, os, sys
from getopt import getopt

KNOWN = set(['0', '1'])


class BadPredictions(ValueError):
    """What was handed in can't be scored."""


def answers_from(folder):
    table = {}
    for rec in csv.DictReader(open(os.path.join(folder, "answers.csv"), newline="")):
        table[rec["row_id"]] = rec["readmitted"]
    return table


def predictions_from(folder, wanted):
    try:
        with open(os.path.join(folder, "predictions.csv"), newline="") as fh:
            content = [line for line in csv.reader(fh)]
    except (OSError, UnicodeDecodeError, csv.Error) as err:
        raise BadPredictions(str(err))
    if not content or content[0] != ["row_id", "prediction"]:
        raise BadPredictions("the header must be row_id,prediction")
    seen = {}
    for line in content[1:]:
        if len(line) != 2 or line[1] not in KNOWN:
            raise BadPredictions(f"bad line {line}")
        if line[0] in seen:
            raise BadPredictions(f"{line[0]} is there twice")
        seen[line[0]] = line[1]
    if seen.keys() != wanted.keys():
        raise BadPredictions(f"{len(seen.keys() ^ wanted.keys())} rows missing or not known")
    return seen


def compute(pairs):
    per_class = []
    for label in sorted({p for _, p in pairs}):
        hit = sum(y == label and p == label for y, p in pairs)
        said = sum(p == label for _, p in pairs)
        real = sum(y == label for y, _ in pairs)
        per_class.append(2.0 * hit / (said + real))
    value = sum(per_class) / len(per_class)
    return value


if __name__ == "__main__":
    flags, _ = getopt(sys.argv[1:], "", ["inputs=", "answers=", "artifacts="])
    flags = dict(flags)
    true = answers_from(flags["--answers"])
    try:
        pred = predictions_from(flags["--artifacts"], true)
    except BadPredictions as err:
        print("refusing:", err, file=sys.stderr)
        sys.exit(3)
    print(json.dumps({"f1_macro": compute([(true[i], pred[i]) for i in true]), "n": len(true)}))
