

def columns_of(name, column):
    """Names and cells of a column; the fields of a structure have dotted names. Times are UTC's."""
    kind = column.type
    if pyarrow.types.is_struct(kind):
        for field, inner in zip(kind, column.flatten()):
            yield from columns_of(f"{name}.{field.name}", inner)
        return
    if pyarrow.types.is_dictionary(kind):
        column = column.cast(kind.value_type)
    if pyarrow.types.is_timestamp(kind):
        whole = column.cast(pyarrow.timestamp("us", kind.tz), safe=False)
        column = whole.cast(pyarrow.int64()).cast(pyarrow.timestamp("us"))
    yield name, [cell(value) for value in column.to_pylist()]


def rows_of(path):
    """The rows of one file."""
    table = pyarrow.parquet.ParquetFile(path).read(use_threads=False)
    pairs = [pair for name, column in zip(table.column_names, table.columns) for pair in columns_of(name, column)]
    names = [name for name, _ in pairs]
    for values in zip(*[values for _, values in pairs]):
        yield dict(zip(names, values))
