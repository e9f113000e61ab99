"""Pictures of the data: drawn without a screen, the same bytes each time."""

import numpy as np

from .series import autocorrelation, fill

DPI = 90


class Plots:
    """Draws into a folder and remembers what each picture shows."""

    def __init__(self, folder):
        import matplotlib

        matplotlib.use("Agg")
        import matplotlib.pyplot as plt

        plt.rcParams.update({"axes.grid": True, "grid.alpha": 0.3, "font.size": 9, "figure.autolayout": True,
                             "axes.formatter.useoffset": False})
        self.plt = plt
        self.folder = folder
        self.made = []

    def save(self, figure, name, shows):
        """Writes a picture; without the library's version in it, which would change its bytes."""
        figure.savefig(self.folder / f"{name}.png", dpi=DPI, metadata={"Software": None})
        self.plt.close(figure)
        self.made.append({"file": f"{name}.png", "shows": shows})

    def bars(self, name, shows, labels, values, xlabel):
        """Horizontal bars."""
        figure, axes = self.plt.subplots(figsize=(7, 1 + 0.25 * len(labels)))
        axes.barh(range(len(labels)), values)
        axes.set_yticks(range(len(labels)), [plain(label) for label in labels])
        axes.invert_yaxis()
        axes.set_xlabel(xlabel)
        axes.set_title(shows)
        self.save(figure, name, shows)

    def grid(self, name, shows, items, draw, width=3.2, height=2.2):
        """Small pictures beside each other."""
        across = min(4, len(items))
        down = -(-len(items) // across)
        figure, axes = self.plt.subplots(down, across, figsize=(width * across, height * down + 0.4), squeeze=False)
        for axis, item in zip(axes.flat, items, strict=False):
            draw(axis, item)
        for axis in list(axes.flat)[len(items):]:
            axis.set_visible(False)
        figure.suptitle(shows)
        self.save(figure, name, shows)


def plain(text, most=32):
    """A label without what the drawing library would take for mathematics."""
    text = str(text).replace("$", r"\$")
    return text if len(text) <= most else text[: most - 1] + "…"


def of_table(plots, table, schema, statistics, task):
    """Pictures of a table."""
    numbers = [c["name"] for c in schema["columns"] if c["type"] in ("number", "integer") and c["role"] in ("feature", "target")]
    missing = sorted(((f["missing_share"], n) for n, f in statistics["columns"].items() if f["missing"]), key=lambda i: (-i[0], i[1]))[:30]
    if missing:
        plots.bars("missing", "Missing values by column", [n for _, n in missing], [100 * s for s, _ in missing], "missing (%)")
    first = [n for n in task["targets"] if n in numbers][:4]
    shown = (first + [n for n in numbers if n not in first])[:16]
    if shown:
        def histogram(axis, name):
            values = table.sample[name].to_numpy(np.float64)
            axis.hist(values[np.isfinite(values)], bins=40)
            axis.set_title(plain(name, 24))

        plots.grid("distributions", "Distributions of the numeric columns", shown, histogram)
    matrix = statistics["correlations"]["matrix"]
    if len(matrix) >= 2:
        many = min(len(matrix), 40)
        figure, axes = plots.plt.subplots(figsize=(2.5 + 0.22 * many, 2 + 0.2 * many))
        image = axes.imshow(np.asarray(matrix)[:many, :many], vmin=-1, vmax=1, cmap="RdBu_r")
        labels = [plain(n, 16) for n in statistics["correlations"]["names"][:many]]
        axes.set_xticks(range(many), labels, rotation=90)
        axes.set_yticks(range(many), labels)
        axes.grid(False)
        axes.set_title("Correlations")
        figure.colorbar(image, ax=axes)
        plots.save(figure, "correlations", "Correlations of the numeric columns")
    if statistics["time"] is not None:
        of_time(plots, table, statistics, task, numbers)
    of_target(plots, table, statistics["target"], task)
    if statistics["text"]:
        of_text(plots, statistics["text"])


def of_time(plots, table, statistics, task, numbers):
    """Series, their autocorrelations and their typical season."""
    time = statistics["time"]
    window = table.window.dropna(subset=[time["column"]]).sort_values(time["column"], kind="stable")
    if task["group_columns"]:
        first = window[task["group_columns"]].astype(str).agg(" / ".join, axis=1)
        window = window[first == sorted(first.unique())[0]]
    shown = ([n for n in task["targets"] if n in numbers] or numbers)[:6]
    if not shown or len(window) < 10:
        return
    stamps = window[time["column"]].to_numpy("datetime64[s]")

    def line(axis, name):
        axis.plot(stamps, window[name].to_numpy(np.float64), linewidth=0.7)
        axis.set_title(plain(name))
        axis.tick_params(axis="x", rotation=30)

    plots.grid("series", f"Series over time, one {time['step']} a step", shown, line, 4.2, 2.6)
    filled = {n: v for n in shown if (v := fill(window[n].to_numpy(np.float64))) is not None and np.ptp(v) > 0}
    if not filled:
        return
    lags = min(200, *(len(v) // 2 for v in filled.values()))

    def correlation(axis, name):
        axis.vlines(range(1, lags + 1), 0, autocorrelation(filled[name], lags)[1:], linewidth=0.8)
        axis.set_ylim(-1, 1)
        axis.set_title(plain(name))
        axis.set_xlabel("lag (steps)")

    plots.grid("autocorrelation", "Autocorrelations", list(filled), correlation, 4.2, 2.4)
    season = next((f["season_steps"] for f in statistics["series"].values() if f["season_steps"]), None)
    if season and season <= 400:
        def typical(axis, name):
            values = filled[name]
            whole = len(values) // season * season
            if whole:
                rounds = values[-whole:].reshape(-1, season)
                low, middle, high = np.quantile(rounds, [0.1, 0.5, 0.9], axis=0)
                axis.fill_between(range(season), low, high, alpha=0.3)
                axis.plot(middle)
            axis.set_title(plain(name))
            axis.set_xlabel(f"step of {season}")

        plots.grid("season", f"Typical season of {season} steps (median, 10 to 90 %)", list(filled), typical, 4.2, 2.4)


def of_target(plots, table, facts, task):
    """The target's distribution and what predicts it alone."""
    if facts is None:
        return
    name = facts["name"]
    if facts["kind"] == "classes":
        classes = facts.get("classes", [])[:30]
        plots.bars("target", f"Classes of {plain(name)}", [c["value"] for c in classes], [c["rows"] for c in classes], "rows")
    else:
        values = table.sample[name].to_numpy(np.float64)
        figure, axes = plots.plt.subplots(figsize=(6, 3.5))
        axes.hist(values[np.isfinite(values)], bins=60)
        axes.set_xlabel(plain(name))
        axes.set_title(f"Distribution of the target {plain(name)}")
        plots.save(figure, "target", f"Distribution of the target {name}")
    single = facts.get("single_features", [])[:20]
    if single:
        plots.bars("features", f"What each feature alone explains of {plain(name)}", [f["feature"] for f in single], [f["score"] for f in single], "share explained")


def of_text(plots, facts):
    """Classes and lengths of texts."""
    if facts["classes"]:
        shown = facts["classes"][:30]
        plots.bars("classes", "Texts by class", [c["value"] for c in shown], [c["rows"] for c in shown], "texts")
    lengths = facts.get("words")
    if lengths:
        keys = ["min", "median", "mean", "p95", "max"]
        plots.bars("lengths", "Words in a text", keys, [lengths[key] for key in keys], "words")


def of_kernels(plots, facts):
    """How often each operation occurs."""
    shown = list(facts["operations"].items())[:30]
    if shown:
        plots.bars("operations", "Tasks that use an operation", [n for n, _ in shown], [c for _, c in shown], "tasks")

