"""What a file is, judged by its first megabyte: never by its name alone."""

import csv
import gzip
import io
import re
import zlib
from collections import Counter
from dataclasses import dataclass, field

from .problem import Problem

HEAD_BYTES = 1 << 20
SAMPLE_LINES = 300
DELIMITERS = [",", ";", "\t", "|", " "]

MAGIC = [
    (b"PK\x03\x04", "a zip archive or a spreadsheet", "unpack it, or export the sheet as CSV"),
    (b"\x89PNG", "a PNG picture", "give a table, JSON-lines or text"),
    (b"\xff\xd8\xff", "a JPEG picture", "give a table, JSON-lines or text"),
    (b"%PDF", "a PDF document", "extract its text or tables first"),
    (b"SQLite format 3", "an SQLite database", "export the table as CSV or Parquet"),
    (b"\x93NUMPY", "a NumPy array", "write it as CSV or Parquet with named columns"),
    (b"\x89HDF", "an HDF5 file", "export the table as CSV or Parquet"),
    (b"\x7fELF", "a program", "give a table, JSON-lines or text"),
    (b"BZh", "a bzip2 archive", "unpack it, or compress it with gzip instead"),
    (b"\xfd7zXZ", "an xz archive", "unpack it, or compress it with gzip instead"),
    (b"\x28\xb5\x2f\xfd", "a zstd archive", "unpack it, or compress it with gzip instead"),
]

NUMBER = re.compile(r"^[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?$")
COMMA_NUMBER = re.compile(r"^[+-]?\d+,\d+$")
DATE = re.compile(r"^\d{4}[-/.]?\d{1,2}[-/.]?\d{1,2}([T ].*)?$|^\d{1,2}[-/.]\d{1,2}[-/.]\d{2,4}([T ].*)?$")
MISSING = {"", "NA", "N/A", "NaN", "nan", "null", "NULL", "None", "n/a", "-nan", "<NA>"}


@dataclass
class Dialect:
    """How a delimited file is written."""

    encoding: str
    compression: str | None
    delimiter: str
    header: bool
    columns: list
    skip_lines: int
    decimal: str = "."
    row_bytes: float = 100.0
    notes: list = field(default_factory=list)


def open_bytes(path):
    """The file's bytes, unpacked if it is gzip."""
    try:
        file = open(path, "rb")
    except OSError as error:
        raise unreadable(path, error) from error
    magic = file.read(2)
    file.seek(0)
    return gzip.GzipFile(fileobj=file) if magic == b"\x1f\x8b" else file


def read_block(file, size, path):
    """The next bytes, with what can go wrong in an archive as a problem."""
    try:
        return file.read(size)
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise Problem(
            "damaged", f"the gzip archive is damaged or cut off ({error})",
            "copy or compress the file again", file=path,
        ) from error
    except OSError as error:
        raise unreadable(path, error) from error


def unreadable(path, error):
    """A path that can't be read."""
    reason = error.strerror or str(error)
    return Problem(
        "unreadable", f"can't be read ({reason})",
        "give the path of an existing file or folder that this user may read", file=path,
    )


def head_of(path):
    """The first megabyte, sure to be text."""
    with open_bytes(path) as file:
        head = read_block(file, HEAD_BYTES, path)
        compression = "gzip" if isinstance(file, gzip.GzipFile) else None
    if not head.strip():
        raise Problem(
            "empty", "the file is empty" if not head else "the file has nothing but white space",
            "give a file with at least one row of data", file=path,
        )
    for magic, what, remedy in MAGIC:
        if head.startswith(magic):
            raise Problem("binary", f"the file is {what}", remedy, file=path)
    encoding = encoding_of(head, path)
    return head, encoding, compression


def encoding_of(head, path):
    """The text's encoding; a problem if these bytes are no text."""
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise Problem(
            "encoding", "the file is UTF-16", "convert it: iconv -f UTF-16 -t UTF-8", file=path, line=1,
        )
    control = sum(head.count(bytes([code])) for code in range(32) if code not in (9, 10, 12, 13, 27))
    if b"\0" in head or control > 0.02 * len(head):
        offset = next(i for i, code in enumerate(head) if code < 32 and code not in (9, 10, 12, 13, 27))
        line = head.count(b"\n", 0, offset) + 1
        raise Problem(
            "binary", f"the file holds binary data, not text (byte 0x{head[offset]:02x} at offset {offset})",
            "give CSV (also gzip), Parquet, JSON-lines or text", file=path, line=line,
        )
    if head.startswith(b"\xef\xbb\xbf"):
        return "utf-8-sig"
    try:
        head.decode("utf-8")
        return "utf-8"
    except UnicodeDecodeError as error:
        if error.start > len(head) - 4 and len(head) == HEAD_BYTES:
            return "utf-8"
        high = sum(1 for code in head if 0x80 <= code < 0xA0)
        if high > 0.02 * len(head):
            line = head.count(b"\n", 0, error.start) + 1
            raise Problem(
                "binary", f"the file holds binary data, not text (no UTF-8 at offset {error.start})",
                "give CSV (also gzip), Parquet, JSON-lines or text", file=path, line=line,
            ) from error
        return "latin-1"


def complete_lines(head, encoding):
    """The sample's lines, less a last one that may be cut off."""
    text = head.decode(encoding, errors="replace")
    if len(head) == HEAD_BYTES and "\n" in text:
        text = text[: text.rfind("\n") + 1]
    return text.splitlines(keepends=True)[:SAMPLE_LINES]


def is_json_lines(lines):
    """Whether these lines are one JSON object each."""
    filled = [line.strip() for line in lines if line.strip()]
    return bool(filled) and sum(line.startswith("{") for line in filled) > 0.9 * len(filled)


def delimited(path, head, encoding, compression, lines, *, insist):
    """The dialect of a delimited file, or None if it is prose."""
    skip = 0
    while skip < len(lines) and (lines[skip].startswith("#") or not lines[skip].strip()):
        skip += 1
    body = lines[skip:]
    if not body:
        raise Problem("no-rows", "the file has only comments", "give a file with rows", file=path)
    delimiter, rows = best_delimiter(body)
    if delimiter is not None and not insist and is_prose(rows):
        return None
    if delimiter is None:
        numeric = sum(is_value(line.strip()) for line in body[1:]) >= 0.9 * max(1, len(body) - 1)
        if not insist and not (numeric and len(body) > 1):
            return None
        delimiter, rows = ",", [row for row in csv.reader(body) if row]
    dialect = Dialect(encoding, compression, delimiter, True, [], skip)
    width = Counter(len(row) for row in rows[1:] or rows).most_common(1)[0][0]
    decimal_comma = delimiter == ";" and any(
        COMMA_NUMBER.match(cell.strip()) for row in rows[1:20] for cell in row
    )
    if decimal_comma:
        dialect.decimal = ","
        rows = [[cell.replace(",", ".") if COMMA_NUMBER.match(cell.strip()) else cell for cell in row]
                for row in rows]
    dialect.header = has_header(rows)
    first = [cell.strip() for cell in rows[0]]
    if dialect.header:
        if width == len(first) + 1:
            first = ["row_name", *first]
            dialect.notes.append(("row-names", "rows have one field more than the header: taken as row names"))
        dialect.columns = unique_names(first, dialect)
    else:
        dialect.columns = [f"c{index}" for index in range(width)]
        dialect.notes.append(("no-header", "the first line is data, not a header: columns are named c0, c1, …"))
    if encoding == "latin-1":
        dialect.notes.append(("encoding", "the file is not UTF-8; it was read as Latin-1"))
    sampled = sum(len(line) for line in body)
    dialect.row_bytes = sampled / len(body)
    return dialect


def best_delimiter(lines):
    """The delimiter that cuts most lines into the same number of fields."""
    best, best_rows, best_score = None, None, 0.0
    for rank, delimiter in enumerate(DELIMITERS):
        # A blank between words is not a delimiter unless the rest are numbers.
        try:
            rows = [row for row in csv.reader(io.StringIO("".join(lines)), delimiter=delimiter) if row]
        except csv.Error:
            continue
        counts = Counter(len(row) for row in rows)
        width, same = counts.most_common(1)[0]
        share = same / len(rows)
        if width < 2 or share < 0.5 or (len(rows) > 3 and same < 2):
            continue
        cells = [cell.strip() for row in rows[1:50] for cell in row]
        values = sum(is_value(cell) for cell in cells) / max(1, len(cells))
        if delimiter == " " and (values < 0.8 or share < 0.95):
            continue
        long = sum(len(cell.split()) > 25 for cell in cells) / max(1, len(cells))
        if values < 0.05 and share < 0.9 and long > 0.1:
            continue
        # Prose has commas too, but not the same number on each line.
        if share < 0.8 and values < 0.2 and best is None and len(rows) > 5:
            continue
        score = share + 0.3 * min(1.0, (width - 1) / 3) + 0.2 * values - 0.01 * rank
        if score > best_score:
            best, best_rows, best_score = delimiter, rows, score
    return best, best_rows


def is_prose(rows):
    """Whether the fields are clauses of sentences rather than values."""
    cells = [cell.strip() for row in rows for cell in row]
    values = sum(is_value(cell) and cell != "" for cell in cells)
    words = sum(len(cell.split()) for cell in cells) / max(1, len(cells))
    return words >= 4 and values < 0.05 * len(cells)


def is_value(text):
    """Whether a cell is a number, a date or missing."""
    return bool(NUMBER.match(text) or COMMA_NUMBER.match(text) or DATE.match(text)) or text in MISSING


def has_header(rows):
    """Whether the first row names the columns rather than filling them."""
    first, rest = [cell.strip() for cell in rows[0]], rows[1:]
    if not rest:
        return not any(is_value(cell) and cell for cell in first)
    filled = [cell for cell in first if cell]
    if len(set(filled)) < len(filled) - 1 or not filled:
        return False
    against = 0
    for index, cell in enumerate(first):
        column = [row[index].strip() for row in rest if index < len(row) and row[index].strip() not in MISSING]
        if not column:
            continue
        valued = sum(is_value(value) for value in column) >= 0.9 * len(column)
        if valued and cell and not is_value(cell):
            return True
        if (valued and is_value(cell) and cell) or cell in column:
            against += 1
    return against == 0 and not any(NUMBER.match(cell) for cell in filled)


def unique_names(names, dialect):
    """Names that are there and different."""
    seen, result = Counter(), []
    for index, name in enumerate(names):
        name = name or f"unnamed_{index}"
        seen[name] += 1
        if seen[name] > 1:
            dialect.notes.append(("duplicate-name", f"the column name {name!r} occurs more than once; later ones got a suffix"))
            name = f"{name}.{seen[name] - 1}"
        result.append(name)
    return result
