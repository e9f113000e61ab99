"""Tables as a sequence of data frames, none of them large."""

import io
import itertools
import json

import numpy as np
import pandas as pd

from . import sniff
from .problem import Problem

BLOCK_BYTES = 8 << 20
LONGEST_LINE_BYTES = 64 << 20
JSON_ROWS = 20_000
SHOWN_LINES = 5


class Ragged:
    """Rows whose number of fields is not the header's."""

    def __init__(self, expected):
        self.expected = expected
        self.count = 0
        self.first = []

    def add(self, line, fields):
        if len(self.first) < SHOWN_LINES:
            self.first.append({"line": int(line), "fields": int(fields)})


class CsvStream:
    """A delimited file, a block of whole lines at a time."""

    def __init__(self, path, dialect):
        self.path = path
        self.dialect = dialect
        self.columns = dialect.columns
        self.ragged = Ragged(len(dialect.columns))
        self.blank_lines = 0
        self.invalid_bytes = {"lines": 0, "first_line": None}
        self.row_bytes = dialect.row_bytes

    def frames(self):
        """Yields the rows; counts what is wrong with the others."""
        dialect = self.dialect
        line = 1
        skip = dialect.skip_lines + (1 if dialect.header else 0)
        with sniff.open_bytes(self.path) as file:
            rest, wanted = b"", BLOCK_BYTES
            while True:
                data = sniff.read_block(file, wanted, self.path)
                last = not data
                block = rest + data
                if not block:
                    return
                if last and not block.endswith(b"\n"):
                    block += b"\n"
                ends, counts, used = scan(block, dialect.delimiter.encode())
                if not used:
                    if last or len(block) > LONGEST_LINE_BYTES:
                        raise Problem(
                            "unbalanced-quote",
                            "a quoted field that begins here does not end " + ("before the file does" if last else f"within {len(block):,} bytes"),
                            "close the quote, or double a quote that belongs to the text",
                            file=self.path, line=line,
                        )
                    rest = block
                    continue
                rest, block = block[used:], block[:used]
                newlines = block.count(b"\n")
                good, skip = self.keep(block, ends, counts, line, skip)
                if good:
                    yield self.parse(good, line)
                line += newlines
                if last:
                    return

    def keep(self, block, ends, counts, line, skip):
        """The block less its header, blank lines and ragged rows."""
        starts = np.concatenate(([0], ends[:-1] + 1))
        widths = ends - starts
        raw = np.frombuffer(block, np.uint8)
        returns = (widths == 1) & (raw[starts] == 13)
        blank = (widths == 0) | returns
        drop = blank | (counts != self.ragged.expected)
        skipped = min(skip, len(ends))
        drop[:skipped] = True
        bad = np.flatnonzero(drop & ~blank)
        bad = bad[bad >= skipped]
        self.blank_lines += int(blank[skipped:].sum()) if self.ragged.expected > 1 else 0
        if self.ragged.expected == 1:
            drop[skipped:] &= ~blank[skipped:] | returns[skipped:]
            bad = np.flatnonzero(drop & ~blank)
            bad = bad[bad >= skipped]
        for index in bad[:SHOWN_LINES]:
            before = block.count(b"\n", 0, int(starts[index]))
            self.ragged.add(line + before, counts[index])
        self.ragged.count += len(bad)
        if not drop.any():
            return block, 0
        kept = np.flatnonzero(~drop)
        if not len(kept):
            return b"", skip - skipped
        # Whole runs of lines, so that one bad line does not copy the rest singly.
        breaks = np.flatnonzero(np.diff(kept) > 1)
        firsts = np.concatenate(([kept[0]], kept[breaks + 1]))
        lasts = np.concatenate((kept[breaks], [kept[-1]]))
        parts = [block[starts[a] : ends[b] + 1] for a, b in zip(firsts, lasts, strict=True)]
        return b"".join(parts), skip - skipped

    def parse(self, block, line):
        """A block of sound lines as a frame."""
        if self.dialect.encoding.startswith("utf-8"):
            try:
                block.decode("utf-8")
            except UnicodeDecodeError as error:
                self.note_invalid(block, line, error)
        try:
            return pd.read_csv(
                io.BytesIO(block), sep=self.dialect.delimiter, header=None, names=self.columns,
                index_col=False, encoding=self.dialect.encoding, encoding_errors="replace",
                decimal=self.dialect.decimal, skip_blank_lines=self.ragged.expected > 1,
                low_memory=False,
            )
        except pd.errors.ParserError as error:
            raise Problem(
                "malformed", f"the rows after this line can't be parsed ({str(error).strip()})",
                "look for a stray quote or delimiter there", file=self.path, line=line,
            ) from error

    def note_invalid(self, block, line, error):
        if self.invalid_bytes["first_line"] is None:
            self.invalid_bytes["first_line"] = line + block.count(b"\n", 0, error.start)
        for row in block.split(b"\n"):
            try:
                row.decode("utf-8")
            except UnicodeDecodeError:
                self.invalid_bytes["lines"] += 1


class Chain:
    """Several files of one schema, one after the other."""

    def __init__(self, parts):
        self.parts = parts
        self.path = parts[0].path
        self.columns = list(dict.fromkeys(name for part in parts for name in part.columns))
        self.row_bytes = max(part.row_bytes for part in parts)

    @property
    def nested(self):
        """Columns of lists in any of them."""
        return {name for part in self.parts for name in getattr(part, "nested", ())}

    def frames(self):
        """Yields the rows."""
        for part in self.parts:
            for frame in part.frames():
                yield frame.reindex(columns=self.columns)


def scan(block, delimiter):
    """Ends of the whole lines, fields of each, and how many bytes they take."""
    raw = np.frombuffer(block, np.uint8)
    newline = raw == 10
    field = raw == delimiter[0]
    if b'"' in block:
        inside = np.logical_xor.accumulate(raw == 34)
        newline &= ~inside
        field &= ~inside
    ends = np.flatnonzero(newline)
    if not len(ends):
        return ends, ends, 0
    fields = np.searchsorted(np.flatnonzero(field), ends)
    counts = np.diff(fields, prepend=0) + 1
    return ends, counts, int(ends[-1]) + 1


class JsonLinesStream:
    """One JSON object a line; nested objects become dotted columns."""

    def __init__(self, path, columns, row_bytes):
        self.path = path
        self.columns = columns
        self.row_bytes = row_bytes
        self.unknown = {}
        self.nested = set()

    @classmethod
    def open(cls, path, lines):
        """Takes the columns from the first lines, in order of appearance."""
        columns = {}
        for number, line in enumerate(lines, 1):
            if line.strip():
                columns.update(dict.fromkeys(flat(parse_object(path, number, line))))
        return cls(path, list(columns), max(1.0, sum(map(len, lines)) / len(lines)))

    def frames(self):
        """Yields the rows; counts columns that the first lines lacked."""
        known = dict.fromkeys(self.columns)
        rows, size = [], 0
        with sniff.open_bytes(self.path) as file:
            for number in itertools.count(1):
                line = read_line(file, self.path, number)
                if not line:
                    break
                if not line.strip():
                    continue
                row = flat(parse_object(self.path, number, line), lists=self.nested)
                for key in row:
                    if key not in known:
                        self.unknown[key] = self.unknown.get(key, 0) + 1
                rows.append([row.get(key) for key in self.columns])
                size += len(line)
                if len(rows) >= JSON_ROWS or size > BLOCK_BYTES:
                    yield pd.DataFrame(rows, columns=self.columns)
                    rows, size = [], 0
        if rows:
            yield pd.DataFrame(rows, columns=self.columns)


def read_line(file, path, number):
    """A line of bounded length."""
    try:
        line = file.readline(LONGEST_LINE_BYTES)
    except (EOFError, OSError) as error:
        raise Problem("damaged", f"can't be read to its end ({error})", "copy the file again",
                      file=path, line=number) from error
    if len(line) >= LONGEST_LINE_BYTES:
        raise Problem("malformed", f"a line is longer than {LONGEST_LINE_BYTES:,} bytes",
                      "write one JSON object a line", file=path, line=number)
    return line


def parse_object(path, number, line):
    """A line's object."""
    try:
        value = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise Problem("malformed", f"the line is not JSON ({error})", "write one JSON object a line",
                      file=path, line=number) from error
    if not isinstance(value, dict):
        raise Problem("malformed", f"the line is a JSON {type(value).__name__}, not an object",
                      "write one JSON object a line", file=path, line=number)
    return value


def flat(value, prefix="", lists=None):
    """Nested objects as dotted names; lists as their JSON text, their names noted."""
    result = {}
    for key, item in value.items():
        name = f"{prefix}{key}"
        if isinstance(item, dict):
            result.update(flat(item, name + ".", lists))
        elif isinstance(item, list):
            result[name] = json.dumps(item, ensure_ascii=False)
            if lists is not None:
                lists.add(name)
        else:
            result[name] = item
    return result


def plain(table):
    """An Arrow table as pandas knows it best, and its columns of lists.

    Structures become dotted columns, lists their JSON text, times UTC's, decimals floats.
    """
    import pyarrow as pa

    while any(pa.types.is_struct(field.type) for field in table.schema):
        table = table.flatten()
    nested = set()
    for place, field in enumerate(table.schema):
        kind, column = field.type, table.column(place)
        if pa.types.is_nested(kind):
            nested.add(field.name)
            cells = [None if cell is None else json.dumps(cell, ensure_ascii=False, default=str) for cell in column.to_pylist()]
            column = pa.array(cells, type=pa.string())
        elif pa.types.is_timestamp(kind) and kind.tz is not None:
            column = column.cast(pa.int64()).cast(pa.timestamp(kind.unit))
        elif pa.types.is_date(kind):
            column = column.cast(pa.timestamp("ms"))
        elif pa.types.is_decimal(kind):
            column = column.cast(pa.float64())
        else:
            continue
        table = table.set_column(place, field.name, column)
    return table, nested


class ParquetStream:
    """A Parquet file, some rows at a time."""

    def __init__(self, path):
        import pyarrow as pa
        import pyarrow.parquet as pq

        self.path = path
        try:
            self.file = pq.ParquetFile(path, memory_map=True)
        except (pa.ArrowInvalid, pa.ArrowException, OSError) as error:
            raise Problem("damaged", f"the Parquet file can't be read ({first_line(error)})",
                          "copy or write the file again", file=path) from error
        empty, self.nested = plain(self.file.schema_arrow.empty_table())
        self.columns = [str(name) for name in empty.schema.names]
        rows = max(1, self.file.metadata.num_rows)
        size = sum(self.file.metadata.row_group(i).total_byte_size for i in range(self.file.metadata.num_row_groups))
        self.row_bytes = max(1.0, size / rows)

    def frames(self):
        """Yields the rows."""
        import pyarrow as pa

        batch = max(100, int(BLOCK_BYTES / self.row_bytes))
        try:
            for rows in self.file.iter_batches(batch_size=min(batch, 100_000)):
                frame = plain(pa.Table.from_batches([rows]))[0].to_pandas()
                frame.columns = self.columns
                yield frame
        except (pa.ArrowException, OSError) as error:
            raise Problem("damaged", f"the Parquet file can't be read to its end ({first_line(error)})",
                          "copy or write the file again", file=self.path) from error


def first_line(error):
    return str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
