"""Why a dataset can't be profiled, for people and for language models."""


class Problem(Exception):
    """What is wrong, where, and what to do about it."""

    def __init__(self, kind, what, remedy, *, file=None, line=None, field=None):
        super().__init__(what)
        self.kind = kind
        self.what = what
        self.remedy = remedy
        self.file = None if file is None else str(file)
        self.line = line
        self.field = field

    def document(self):
        """The problem as one JSON object."""
        return {
            "kind": self.kind,
            "what": self.what,
            "file": self.file,
            "line": self.line,
            "field": self.field,
            "remedy": self.remedy,
        }

    def __str__(self):
        where = self.file or ""
        if self.line is not None:
            where += f", line {self.line}"
        if self.field is not None:
            where += f", field {self.field!r}"
        return f"{where}: {self.what}; {self.remedy}"
