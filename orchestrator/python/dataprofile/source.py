"""From a path to what lies there: one table, texts, or kernel tasks."""

import os
import stat
from pathlib import Path

from . import kernels, sniff, stream, texts
from .problem import Problem

TABLES = (".csv", ".tsv", ".parquet", ".pq", ".jsonl", ".ndjson", ".csv.gz", ".tsv.gz", ".jsonl.gz", ".ndjson.gz")
MOST_FILES = 200_000
MOST_PIECES = 1_000


def ending(path):
    """The name's ending, with what is before `.gz`."""
    name = path.name.lower()
    return "".join(Path(name).suffixes[-2:]) if name.endswith(".gz") else Path(name).suffix


def classify(path):
    """(what, facts): `table` with a file, `texts`, `kernels` or `text`."""
    try:
        mode = path.stat().st_mode
    except OSError as error:
        raise sniff.unreadable(path, error) from error
    if stat.S_ISDIR(mode):
        return folder(path)
    if not stat.S_ISREG(mode):
        raise Problem("unreadable", "is neither a file nor a folder", "give a file or a folder", file=path)
    if path.suffix == ".py" and kernels.looks_like([path]):
        return "kernels", [path]
    return "file", path


def list_files(path):
    """All files below, in order of name; hidden ones left out."""
    found = []

    def unreadable(error):
        raise sniff.unreadable(error.filename or path, error)

    for base, folders, names in os.walk(path, onerror=unreadable):
        folders[:] = sorted(name for name in folders if not name.startswith(".") and name != "__pycache__")
        found += [Path(base) / name for name in sorted(names) if not name.startswith(".")]
        if len(found) > MOST_FILES:
            raise Problem("too-many-files", f"the folder has more than {MOST_FILES:,} files",
                          "pack the texts into one JSON-lines or Parquet file", file=path)
    return sorted((file for file in found if file.is_file()), key=lambda file: str(file.relative_to(path)))


def folder(path):
    files = list_files(path)
    if not files:
        raise Problem("empty", "the folder has no files", "give a folder with data", file=path)
    scripts = [file for file in files if file.suffix == ".py"]
    if scripts and len(scripts) >= 0.5 * len(files) and kernels.looks_like(scripts):
        return "kernels", scripts
    tables = [file for file in files if ending(file) in TABLES and file.name.lower() not in texts.LABEL_FILES]
    if tables:
        named = [file for file in tables if file.name.lower().split(".")[0] == "train"]
        if len(tables) > 1 and not named and alike(tables):
            return "tables", sorted(tables, key=lambda file: file.relative_to(path).parts)
        chosen = named[0] if named else max(tables, key=lambda file: (file.stat().st_size, str(file)))
        return "file", (chosen, [file for file in files if file != chosen])
    documents = [file for file in files if file.suffix.lower() in texts.TEXT_ENDINGS]
    if not any(file.stat().st_size for file in files):
        raise Problem("empty", f"all {len(files)} files of the folder are empty", "give a folder with data", file=path)
    if len(documents) == 1 and len(files) == 1:
        return "file", documents[0]
    if len(documents) >= 0.5 * len(files) or any(f.name.lower() in texts.LABEL_FILES for f in files):
        return "texts", documents + [f for f in files if f.name.lower() in texts.LABEL_FILES and f not in documents]
    endings = sorted({file.suffix or "none" for file in files})[:8]
    raise Problem("unknown-format", f"none of the {len(files)} files is a table, a text or a kernel task (endings: {', '.join(endings)})",
                  "give CSV, Parquet, JSON-lines, text files or KernelBench tasks", file=path)


def alike(tables):
    """Whether tables have one format and the same columns, so that they are pieces of one."""
    if len(tables) > MOST_PIECES or len({kind_of(ending(file)) for file in tables}) > 1:
        return False
    try:
        opened = [open_table(file) for file in tables]
    except Problem:
        return False
    first, described = opened[0]
    if first is None:
        return False
    same = ("format", "delimiter", "header", "decimal")
    for reader, other in opened[1:]:
        if reader is None or any(described.get(key) != other.get(key) for key in same):
            return False
        ours, theirs = set(first.columns), set(reader.columns)
        # Objects may lack keys; other rows may not lack cells.
        if ours != theirs and (described["format"] != "json-lines" or len(ours & theirs) < 0.8 * len(ours | theirs)):
            return False
    return True


def kind_of(end):
    """What an ending says, whether or not gzip has compressed it."""
    kinds = {".tsv": ".csv", ".pq": ".parquet", ".ndjson": ".jsonl"}
    plain = end.removesuffix(".gz")
    return kinds.get(plain, plain)


def open_tables(folder, tables):
    """The stream of several files of one schema, and how they are described."""
    opened = [open_table(file) for file in tables]
    described = opened[0][1]
    notes = {note["id"]: note for _, each in opened for note in each["notes"]}
    described |= {"name": folder.name, "bytes": sum(each["bytes"] for _, each in opened),
                  "compression": next((each["compression"] for _, each in opened if each["compression"]), None),
                  "tables": [str(file.relative_to(folder)) for file in tables], "notes": list(notes.values())}
    return stream.Chain([reader for reader, _ in opened]), described


def open_table(path):
    """The file's stream and how it is described, or None if it is prose."""
    source = {"name": path.name, "format": None, "bytes": path.stat().st_size, "compression": None, "notes": []}
    if not source["bytes"]:
        raise Problem("empty", "the file is empty", "give a file with at least one row of data", file=path)
    with sniff.open_bytes(path) as file:
        magic = sniff.read_block(file, 4, path)
    if magic == b"PAR1" or ending(path) in (".parquet", ".pq"):
        return stream.ParquetStream(path), source | {"format": "parquet"}
    head, encoding, compression = sniff.head_of(path)
    lines = sniff.complete_lines(head, encoding)
    source |= {"compression": compression, "encoding": encoding}
    if sniff.is_json_lines(lines) or ending(path).startswith((".jsonl", ".ndjson")):
        return stream.JsonLinesStream.open(path, lines), source | {"format": "json-lines"}
    if head.lstrip().startswith((b"[", b"{")) and ending(path) == ".json":
        raise Problem("unknown-format", "the file is one JSON document, not one object a line",
                      "write it as JSON-lines: one object a line", file=path, line=1)
    insist = ending(path).split(".")[1:2] in (["csv"], ["tsv"])
    dialect = sniff.delimited(path, head, encoding, compression, lines, insist=insist)
    if dialect is None:
        return None, source | {"format": "text"}
    source |= {"format": "csv", "delimiter": dialect.delimiter, "header": dialect.header, "decimal": dialect.decimal}
    source["notes"] = [{"id": key, "saw": saw, "do": "check that this is what the file means"} for key, saw in dialect.notes]
    return stream.CsvStream(path, dialect), source


def after_reading(reader, source, rows, skip_ragged):
    """What came to light while the rows were read; too much of it is a problem."""
    for part in getattr(reader, "parts", [reader]):
        after_reading_one(part, source, rows, skip_ragged)
    nested = [name for name in reader.columns if name in getattr(reader, "nested", ())]
    for name in nested:
        source["notes"].append({"id": "nested-values", "subject": name, "saw": "its values are lists, which are no single value each",
                                "do": "write what matters of them to columns of their own; evaluations leave it out"})


def after_reading_one(reader, source, rows, skip_ragged):
    """The same of one file."""
    ragged = getattr(reader, "ragged", None)
    if ragged is not None and ragged.count:
        first = ", ".join(f"line {item['line']:,} has {item['fields']}" for item in ragged.first)
        saw = f"{ragged.count:,} of {rows + ragged.count:,} rows do not have {ragged.expected} fields: {first}"
        if not skip_ragged:
            raise Problem("ragged", saw, "repair these lines, or use --skip-ragged to leave them out",
                          file=reader.path, line=ragged.first[0]["line"])
        source["notes"].append({"id": "ragged-rows", "saw": saw + "; they were left out", "do": "repair these lines",
                                "value": ragged.count, "unit": "rows"})
    invalid = getattr(reader, "invalid_bytes", {"lines": 0})
    if invalid["lines"]:
        source["notes"].append({"id": "invalid-utf8", "saw": f"{invalid['lines']:,} lines are not UTF-8, the first is line {invalid['first_line']:,}",
                                "do": "convert the file", "value": invalid["lines"], "unit": "lines"})
    if getattr(reader, "blank_lines", 0):
        source["notes"].append({"id": "blank-lines", "saw": f"{reader.blank_lines:,} blank lines were left out",
                                "do": "check that no rows are missing", "value": reader.blank_lines, "unit": "lines"})
    unknown = getattr(reader, "unknown", {})
    if unknown:
        source["notes"].append({"id": "late-columns", "saw": f"{len(unknown)} keys first occur after the first lines and were left out: "
                                + ", ".join(sorted(unknown)[:8]), "do": "give every object the same keys", "value": len(unknown), "unit": "keys"})
