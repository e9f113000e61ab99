

def known(text):
    """Whether a cell holds a value."""
    return text.strip().lower() not in ("", "na", "n/a", "nan", "null", "none", "?")


def read(path):
    """The rows of each series by slot, with their numbers, and the last slot."""
    rows = [(number, row) for number, row in enumerate(raw_rows(path)) if known(row[TIME])]
    moments = {row[TIME]: moment(row[TIME]) for _, row in rows}
    times = sorted(set(moments.values()))
    if BY_POSITION:
        slots = {time: place for place, time in enumerate(times)}
    elif MONTHS:
        dates = {time: datetime.fromtimestamp(time, timezone.utc) for time in times}
        slots = {time: (12 * date.year + date.month - 1) // MONTHS for time, date in dates.items()}
    else:
        steps = Counter(b - a for a, b in zip(times, times[1:]))
        step = max(steps, key=lambda step: (steps[step], -step))
        slots = {time: round((time - times[0]) / step) for time in times}
    first = min(slots.values())
    table = {}
    for number, row in rows:
        slot = slots[moments[row[TIME]]] - first
        series = tuple(row[key] for key in KEYS)
        # Of two rows of one time the first counts: clocks are set back.
        table.setdefault(series, {}).setdefault(slot, (number, row))
    return table, max(slots.values()) - first


def origins(last, series):
    """The last known slots of training rows and of each hidden part."""
    end = SHARE * (last + 1) // 100
    training = range(CONTEXT - 1, end - HORIZON)
    stride = max(1, len(training) * HORIZON * series // MOST_TRAIN)
    while math.gcd(stride, SEASON) > 1:
        stride += 1
    hidden = range(end + CONTEXT - 1, last + 1 - HORIZON, PERIOD)
    if len(hidden) < 3 or not training:
        sys.exit(f"{TABLE} is too short for a horizon of {HORIZON} steps")
    a, b = math.ceil(0.4 * len(hidden)), math.ceil(0.7 * len(hidden))
    found = {"train": training[::stride]}
    for part, some in (("search", hidden[:a]), ("select", hidden[a:b]), ("sealed", hidden[b:])):
        most = max(1, MOST_HIDDEN // (HORIZON * series))
        found[part] = some[:: math.ceil(len(some) / most)]
    return found


def calendar(text):
    """What a clock and a calendar say of a moment."""
    date = datetime.fromtimestamp(moment(text), timezone.utc)
    every = {"hour_of_day": date.hour + date.minute / 60, "day_of_week": date.weekday(), "month_of_year": date.month}
    return [every[name] for name in CALENDAR]


def history(rows, target, origin):
    """What the series did up to an origin: its last values, and their mean."""
    past = [rows[slot][1][target] if slot in rows else "" for slot in range(origin, origin - CONTEXT, -1)]
    values = [float(text) for text in past if known(text)]
    mean = sum(values) / len(values) if values else ""
    return [text if known(text) else "" for text in past], mean


def examples(table, target, series, origin):
    """The rows that one origin of one series gives: raw row, inputs, answer."""
    rows = table[series]
    past, mean = history(rows, target, origin)
    then = rows[origin][1] if origin in rows else {}
    for step in range(1, HORIZON + 1):
        if origin + step not in rows:
            continue
        number, row = rows[origin + step]
        if not known(row[target]):
            continue
        # The same phase in the last season that had ended by then.
        back = math.ceil(step / SEASON) * SEASON - step
        inputs = [target] * (len(TARGETS) > 1) + list(series) + [row[TIME], step, *calendar(row[TIME])]
        inputs += past[:LAGS] + [past[back] if back < CONTEXT else "", mean]
        inputs += [row[name] for name in KNOWN] + [then.get(name, "") for name in PAST]
        yield number, inputs, row[target]


def main():
    data, out, _ = arguments()
    table, last = read(data / TABLE)
    header = ["column"] * (len(TARGETS) > 1) + KEYS + [TIME, "steps_ahead", *CALENDAR]
    header += [f"lag_{lag}" for lag in range(LAGS)] + ["season_ago", "history_mean"]
    header += KNOWN + [f"{name}_at_origin" for name in PAST]
    listed = []
    for part, starts in origins(last, len(TARGETS) * len(table)).items():
        rows = []
        for target in TARGETS:
            for series in table:
                for origin in starts:
                    for number, inputs, answer in examples(table, target, series, origin):
                        name = f"{part}-{len(rows)}"
                        rows.append([name, *inputs, answer])
                        listed.append([name, number, part, target])
        if part == "train":
            save(out / "public/train.csv", ["row_id", *header, ANSWER], rows)
            training = rows
        else:
            save(out / f"public/{part}/inputs.csv", ["row_id", *header], [row[:-1] for row in rows])
            save(out / f"private/{part}/answers.csv", ["row_id", ANSWER], [[row[0], row[-1]] for row in rows])
            if SCALED:
                save(out / f"private/{part}/scale.csv", ["scale"], [[scale(training, header)]])
    save(out / "private/rows.csv", ["row_id", "raw_row", "part", "column"], listed)


def scale(training, header):
    """The mean absolute error of repeating the last season, over the training rows."""
    place = 1 + header.index(TIME)
    series = {}
    for row in training:
        label = tuple(row[1:place])
        series.setdefault(label, {})[moment(row[place])] = float(row[-1])
    errors = []
    for values in series.values():
        ordered = [values[time] for time in sorted(values)]
        errors += [abs(b - a) for a, b in zip(ordered, ordered[SEASON:])]
    return sum(errors) / len(errors)


main()
