import argparse, csv, json, math, pathlib, sys


class Refused(Exception):
    pass


class Scorer:
    def __init__(self, answers_dir, artifacts_dir):
        self.truth = {}
        with (pathlib.Path(answers_dir) / "answers.csv").open(newline="") as handle:
            for record in csv.DictReader(handle):
                self.truth[record["row_id"]] = float(record["claim_eur"])
        self.path = pathlib.Path(artifacts_dir) / "predictions.csv"

    def read(self):
        if not self.path.exists():
            raise Refused("predictions.csv is absent")
        out = {}
        with self.path.open(newline="") as handle:
            lines = csv.reader(handle)
            header = next(lines, None)
            if header != ["row_id", "prediction"]:
                raise Refused(f"header is {header}")
            for number, line in enumerate(lines, 2):
                if len(line) != 2:
                    raise Refused(f"line {number} has {len(line)} fields")
                key, text = line
                if key in out:
                    raise Refused(f"line {number} repeats {key}")
                if key not in self.truth:
                    raise Refused(f"line {number} names the unknown row {key}")
                try:
                    out[key] = float(text)
                except ValueError:
                    raise Refused(f"line {number} is not numeric") from None
                if math.isnan(out[key]) or math.isinf(out[key]):
                    raise Refused(f"line {number} is not finite")
        absent = self.truth.keys() - out.keys()
        if absent:
            raise Refused(f"{len(absent)} predictions are missing")
        return out

    def metrics(self):
        try:
            guess = self.read()
        except (UnicodeDecodeError, csv.Error) as err:
            raise Refused(f"unreadable file: {err}") from err
        both = [(self.truth[k], guess[k]) for k in self.truth]
        value = sum(abs(p - y) for y, p in both) / len(both)
        if not math.isfinite(value):
            raise Refused("the metric is not finite")
        return {"mae": value, "n": len(self.truth)}


if __name__ == "__main__":
    cli = argparse.ArgumentParser()
    cli.add_argument("--inputs", required=True)
    cli.add_argument("--answers", required=True)
    cli.add_argument("--artifacts", required=True)
    options = cli.parse_args()
    try:
        print(json.dumps(Scorer(options.answers, options.artifacts).metrics()))
    except Refused as reason:
        sys.stderr.write(f"cannot score: {reason}\n")
        sys.exit(3)
