"""Series over time: seasons, stationarity, drift, and what naive forecasts reach."""

import warnings

import numpy as np

MOST_SERIES = 24
MOST_POINTS = 3000
ACF_LAGS = 400


def pick(names, most=MOST_SERIES):
    """Some of the names, evenly spread."""
    if len(names) <= most:
        return list(names)
    places = np.linspace(0, len(names) - 1, most).round().astype(int)
    return [names[place] for place in dict.fromkeys(places.tolist())]


def analyse(values, calendar_seasons):
    """All facts of one series of equally spaced values."""
    values = fill(np.asarray(values, np.float64))
    if values is None or len(values) < 30 or np.ptp(values) == 0:
        return None
    recent = values[-MOST_POINTS:]
    correlation = autocorrelation(recent, min(ACF_LAGS, len(recent) // 2))
    seasons = []
    for length in candidate_seasons(recent, calendar_seasons):
        strength, trend = stl_strength(recent, length)
        if strength is not None:
            seasons.append({"length_steps": length, "strength": strength, "trend_strength": trend})
    seasons.sort(key=lambda season: (-round(season["strength"], 2), season["length_steps"]))
    best = next((s for s in seasons if s["strength"] >= 0.3), None)
    return {
        "points": len(values),
        "acf": {str(lag): correlation[lag] for lag in (1, 2, 3, 7, 12, 24, 48, 168) if lag < len(correlation)},
        "seasons": seasons,
        "season_steps": best["length_steps"] if best else None,
        "stationarity": stationarity(recent),
        "naive": naive(values, best["length_steps"] if best else None),
    }


def fill(values):
    """Missing values by straight lines; nothing if most are missing."""
    sound = np.isfinite(values)
    if sound.sum() < 30 or sound.mean() < 0.5:
        return None
    if sound.all():
        return values
    places = np.arange(len(values))
    return np.interp(places, places[sound], values[sound])


def autocorrelation(values, lags):
    """Autocorrelations at lags 0 to `lags`."""
    centred = values - values.mean()
    size = 1 << int(np.ceil(np.log2(2 * len(centred))))
    spectrum = np.abs(np.fft.rfft(centred, size)) ** 2
    products = np.fft.irfft(spectrum, size)[: lags + 1]
    return products / products[0] if products[0] > 0 else np.zeros(lags + 1)


def candidate_seasons(values, calendar):
    """Seasons of the calendar, and the first clear peak of the data's own."""
    found = [length for length in calendar if 2 <= length and 2 * length + 1 < len(values)]
    detrended = np.diff(values)
    lags = min(ACF_LAGS, len(detrended) // 3)
    correlation = autocorrelation(detrended, lags)
    peaks = [
        (correlation[lag], lag)
        for lag in range(3, lags)
        if correlation[lag] > 0.3 and correlation[lag] == correlation[max(1, lag - 2) : lag + 3].max()
    ]
    if peaks:
        lag = max(peaks)[1]
        # A season's multiples peak as high as the season itself.
        lag = min(other for height, other in peaks if height >= 0.9 * max(peaks)[0])
        if all(abs(lag - length) > max(2, 0.1 * length) for length in found):
            found.append(lag)
    return list(dict.fromkeys(length for length in found if 2 * length + 1 < len(values)))[:4]


def stl_strength(values, length):
    """Share of variance beyond the rest that the season, and the trend, explain."""
    from statsmodels.tsa.seasonal import STL

    values = values[-max(8 * length, 600) :]
    if len(values) < 2 * length + 1:
        return None, None
    parts = STL(values, period=length, robust=False, seasonal_jump=max(1, length // 10),
                trend_jump=max(1, length // 5), low_pass_jump=max(1, length // 5)).fit()
    rest = np.var(parts.resid)
    season = np.var(parts.seasonal + parts.resid)
    trend = np.var(parts.trend + parts.resid)
    strength = max(0.0, 1 - rest / season) if season > 0 else 0.0
    return strength, max(0.0, 1 - rest / trend) if trend > 0 else 0.0


def stationarity(values):
    """ADF asks for a unit root, KPSS for a level; both are needed for a verdict."""
    from statsmodels.tsa.stattools import adfuller, kpss

    values = values[-2000:]
    result = {"adf_p": None, "kpss_p": None, "verdict": "unknown"}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            result["adf_p"] = float(adfuller(values, maxlag=min(48, len(values) // 4), autolag="AIC")[1])
            result["kpss_p"] = float(kpss(values, regression="c", nlags="auto")[1])
        except (ValueError, np.linalg.LinAlgError, OverflowError):
            return result
    rooted, level = result["adf_p"] >= 0.05, result["kpss_p"] > 0.05
    result["verdict"] = {
        (False, True): "stationary", (True, False): "unit-root",
        (False, False): "trend-or-break", (True, True): "undecided",
    }[(rooted, level)]
    return result


def naive(values, season):
    """Errors of the simplest one-season-ahead forecasts on the last fifth."""
    start = max(int(0.8 * len(values)), 1)
    truth = values[start:]
    ahead = season or 1
    if start < ahead or not len(truth):
        return None
    def rmse(prediction):
        return float(np.sqrt(np.mean((truth - prediction) ** 2)))

    last = values[start - ahead : len(values) - ahead]
    # The last value before each stretch of one season, held for its length.
    origins = start - 1 + ahead * ((np.arange(len(truth))) // ahead)
    return {
        "horizon_steps": ahead,
        "last_value_rmse": rmse(values[origins]),
        "seasonal_rmse": rmse(last) if season else None,
        "mean_rmse": rmse(np.full(len(truth), values[:start].mean())),
    }


def drift(early, late):
    """How the last quarter differs from the first."""
    from scipy.stats import ks_2samp

    early, late = early[np.isfinite(early)], late[np.isfinite(late)]
    if len(early) < 20 or len(late) < 20:
        return None
    spread = np.sqrt((early.var() + late.var()) / 2)
    if spread == 0:
        return None
    return {
        "mean_shift_std": float((late.mean() - early.mean()) / spread),
        "std_ratio": float(late.std() / early.std()) if early.std() > 0 else None,
        "ks": float(ks_2samp(early, late, method="asymp").statistic),
    }


def group_columns(sample, time_name, candidates):
    """Columns that tell a long table's series apart, if it is one."""
    stamps = sample[time_name]
    repeated = float(stamps.duplicated().mean())
    if repeated < 0.3:
        return []
    for name in candidates:
        keys = sample[[name, time_name]].dropna()
        if len(keys) and keys.duplicated().mean() < 0.01 and sample[name].nunique() < 0.5 * len(sample):
            return [name]
    for i, first in enumerate(candidates[:8]):
        for second in candidates[i + 1 : 8]:
            keys = sample[[first, second, time_name]].dropna()
            if len(keys) and keys.duplicated().mean() < 0.01:
                return [first, second]
    return []
