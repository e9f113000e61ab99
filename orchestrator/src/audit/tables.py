"""Tables of other kinds as plain CSV, and changed CSV as tables of that kind again.

    tables.py PLAN

PLAN is a JSON file {"format", "files": [path...], "csv": path or null, "made": [{"csv": path, "files": [path...]}...]}.
The rows of all files, one after the other, are written to `csv`. For each of `made`, its CSV has the same rows with
other cells; they are written in the format of the files, each to the path in its place. What did not change keeps its
value and its type.
"""
import csv
import decimal
import gzip
import json
import os
import sys

DELIMITERS = {"csv": ",", "tsv": "\t"}


def packed(path):
    with open(path, "rb") as file:
        return file.read(2) == b"\x1f\x8b"


def opened(path):
    return (gzip.open if packed(path) else open)(path, "rt", newline="", encoding="utf-8-sig")


def created(path, like):
    """A text file that is compressed if another one is; the same text gives the same bytes."""
    os.makedirs(os.path.dirname(path), exist_ok=True)
    if not packed(like):
        return open(path, "w", newline="", encoding="utf-8")
    import io

    return io.TextIOWrapper(gzip.GzipFile(path, "wb", mtime=0), encoding="utf-8", newline="")


def shown(value):
    """A value as text; nothing for one that is missing."""
    if value is None or value != value:
        return ""
    if isinstance(value, (list, dict)):
        return json.dumps(value, ensure_ascii=False, default=str)
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)


class Delimited:
    """A file with a delimiter, its rows as they are."""

    def __init__(self, path, delimiter):
        self.path, self.delimiter = path, delimiter
        with opened(path) as file:
            lines = csv.reader(file, delimiter=delimiter)
            self.names = next(lines, [])
            self.lines = [line for line in lines if line]
        for number, line in enumerate(self.lines):
            if len(line) != len(self.names):
                sys.exit("row %d has %d fields, the header %d" % (number, len(line), len(self.names)))

    def __len__(self):
        return len(self.lines)

    def columns(self):
        return {name: [line[place] for line in self.lines] for place, name in enumerate(self.names)}

    def write(self, path, new):
        with created(path, self.path) as file:
            writer = csv.writer(file, delimiter=self.delimiter, lineterminator="\n")
            writer.writerow(self.names)
            writer.writerows(zip(*[new[name] for name in self.names]))


class JsonLines:
    """One object a line; objects in it have dotted names."""

    def __init__(self, path, _):
        self.path = path
        with opened(path) as file:
            self.lines = [json.loads(line) for line in file if line.strip()]
        self.paths, self.leaves = {}, []
        for line in self.lines:
            leaves = {}
            self.walk(line, (), leaves)
            self.leaves.append(leaves)

    def walk(self, value, above, leaves):
        for key, item in value.items():
            path = (*above, key)
            if isinstance(item, dict):
                self.walk(item, path, leaves)
            else:
                name = ".".join(path)
                self.paths.setdefault(name, path)
                leaves[name] = item

    def __len__(self):
        return len(self.lines)

    def columns(self):
        return {name: [shown(leaves.get(name)) for leaves in self.leaves] for name in self.paths}

    def write(self, path, new):
        lines = json.loads(json.dumps(self.lines))
        for name, before in self.columns().items():
            values = {text: leaves.get(name) for text, leaves in zip(before, self.leaves)}
            for place, (old, text) in enumerate(zip(before, new[name])):
                if old == text:
                    continue
                inner = lines[place]
                for key in self.paths[name][:-1]:
                    inner = inner.setdefault(key, {})
                inner[self.paths[name][-1]] = values[text] if text in values else like(self.leaves[place].get(name), text)
        with created(path, self.path) as file:
            for line in lines:
                file.write(json.dumps(line, ensure_ascii=False) + "\n")


def like(value, text):
    """A text as a value of the kind of another one."""
    kinds = {int: (int, float), float: (float,)}.get(type(value), ())
    for kind in kinds:
        try:
            return kind(text)
        except ValueError:
            pass
    return text


class Parquet:
    """A Parquet file; the fields of structures have dotted names."""

    def __init__(self, path, _):
        import pyarrow.parquet

        self.table = pyarrow.parquet.ParquetFile(path).read(use_threads=False)
        self.leaves = {}
        for place, name in enumerate(self.table.column_names):
            self.walk(name, place, (), self.table.column(place))

    def walk(self, name, place, path, array):
        import pyarrow.types

        if pyarrow.types.is_struct(array.type):
            for field, child in zip(array.type, array.flatten()):
                self.walk(name + "." + field.name, place, (*path, field.name), child)
        else:
            self.leaves.setdefault(name, (place, path, array))

    def __len__(self):
        return self.table.num_rows

    def columns(self):
        return {name: texts(array) for name, (_, _, array) in self.leaves.items()}

    def write(self, path, new):
        import pyarrow
        import pyarrow.parquet

        table = self.table
        for name, before in self.columns().items():
            if before == new[name]:
                continue
            place, inside, array = self.leaves[name]
            values = array.to_pylist()
            known = dict(zip(before, values))
            kind = array.type
            if pyarrow.types.is_dictionary(kind):
                kind = kind.value_type
            for row, (old, text) in enumerate(zip(before, new[name])):
                if old != text:
                    values[row] = known[text] if text in known else parsed(text, kind)
            made = pyarrow.array(values, type=kind).cast(array.type)
            column = replaced(table.column(place).combine_chunks(), inside, made)
            table = table.set_column(place, table.schema.field(place), column)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        pyarrow.parquet.write_table(table, path)


def texts(array):
    """The cells of a column; times are UTC's."""
    import pyarrow
    import pyarrow.types

    if pyarrow.types.is_dictionary(array.type):
        array = array.cast(array.type.value_type)
    if pyarrow.types.is_timestamp(array.type):
        whole = array.cast(pyarrow.timestamp("us", array.type.tz), safe=False)
        array = whole.cast(pyarrow.int64()).cast(pyarrow.timestamp("us"))
    return [shown(value) for value in array.to_pylist()]


def parsed(text, kind):
    """A text as a value of a type of columns; nothing where it is none."""
    import pyarrow.types

    if pyarrow.types.is_integer(kind):
        signed = pyarrow.types.is_signed_integer(kind)
        least = -(1 << (kind.bit_width - 1)) if signed else 0
        most = (1 << (kind.bit_width - signed)) - 1
        return max(least, min(most, round(float(text)))) if abs(float(text)) > 2**53 or "." in text else max(least, min(most, int(text)))
    if pyarrow.types.is_floating(kind):
        return float(text)
    if pyarrow.types.is_decimal(kind):
        return decimal.Decimal(text).quantize(decimal.Decimal(1).scaleb(-kind.scale))
    if pyarrow.types.is_string(kind) or pyarrow.types.is_large_string(kind):
        return text
    return None


def replaced(array, path, new):
    """A column with another one in the place of a field of its structures."""
    import pyarrow

    if not path:
        return new
    children, fields = array.flatten(), list(array.type)
    place = [field.name for field in fields].index(path[0])
    children[place] = replaced(children[place], path[1:], new)
    return pyarrow.StructArray.from_arrays(children, fields=fields, mask=array.is_null())


KINDS = {"csv": Delimited, "tsv": Delimited, "json-lines": JsonLines, "parquet": Parquet}


def together(parts, strict):
    """The columns of several files below each other."""
    each = [part.columns() for part in parts]
    names = list(dict.fromkeys(name for columns in each for name in columns))
    for part, columns in zip(parts, each):
        missing = [name for name in names if name not in columns]
        if missing and strict:
            sys.exit("a file has no column %s, which another one has" % missing[0])
        columns.update({name: [""] * len(part) for name in missing})
    return {name: [cell for columns in each for cell in columns[name]] for name in names}


def main():
    csv.field_size_limit(1 << 28)
    with open(sys.argv[1], encoding="utf-8") as file:
        plan = json.load(file)
    kind, delimiter = KINDS[plan["format"]], DELIMITERS.get(plan["format"])
    parts = [kind(path, delimiter) for path in plan["files"]]
    if plan["csv"]:
        whole = together(parts, plan["format"] != "json-lines")
        with open(plan["csv"], "w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file, lineterminator="\n", quoting=csv.QUOTE_ALL)
            writer.writerow(whole)
            writer.writerows(zip(*whole.values()))
    for made in plan["made"]:
        with open(made["csv"], newline="", encoding="utf-8") as file:
            lines = csv.reader(file)
            names = next(lines)
            whole = dict(zip(names, zip(*lines)))
        start = 0
        for part, path in zip(parts, made["files"]):
            end = start + len(part)
            part.write(path, {name: list(cells[start:end]) for name, cells in whole.items()})
            start = end


main()
