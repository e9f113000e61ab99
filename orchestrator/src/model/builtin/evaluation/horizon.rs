//! How far ahead an objective asks to look.

/// Units of time with their lengths in seconds.
const UNITS: [(&str, f64); 7] = [
    ("second", 1.0),
    ("minute", 60.0),
    ("hour", 3600.0),
    ("day", 86_400.0),
    ("week", 604_800.0),
    ("month", 2_629_800.0),
    ("year", 31_557_600.0),
];
const SHORT: [(&str, &str); 8] = [
    ("h", "hour"),
    ("hr", "hour"),
    ("min", "minute"),
    ("d", "day"),
    ("w", "week"),
    ("quarter", "quarter"),
    ("value", "step"),
    ("point", "step"),
];
const NUMBERS: [&str; 13] = [
    "zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten",
    "eleven", "twelve",
];
/// Words after a length that say it is the horizon.
const AFTER: [&str; 5] = ["ahead", "advance", "horizon", "future", "forecast"];
/// Words before a length that say so.
const BEFORE: [&str; 5] = ["next", "horizon", "coming", "following", "ahead"];
/// Words before a length that say it lies in the past.
const PAST: [&str; 5] = ["last", "past", "previous", "preceding", "every"];

/// The horizon in steps of `step_s` seconds, if the objective names one.
pub(super) fn steps(objective: &str, step_s: f64) -> Option<u64> {
    let words = words(objective);
    let mut best: Option<(u8, u64)> = None;
    for at in 0..words.len() {
        let Some((length, used)) = length_at(&words[at..], step_s) else {
            continue;
        };
        let before = &words[at.saturating_sub(2)..at];
        let after = &words[at + used..words.len().min(at + used + 2)];
        let says = |some: &[String], list: &[&str]| some.iter().any(|w| list.contains(&w.as_str()));
        let counted = number(&words[at]).is_some();
        let rank = if says(before, &PAST) {
            continue;
        } else if words[at] == "tomorrow" || says(after, &AFTER) || says(before, &BEFORE) {
            2
        } else if counted {
            1
        } else {
            continue;
        };
        if length >= 0.5 && best.is_none_or(|(known, _)| rank > known) {
            best = Some((rank, length.round().max(1.0) as u64));
        }
    }
    best.map(|(_, steps)| steps)
}

/// Words in small letters, numbers apart from the letters after them.
fn words(objective: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut before = ' ';
    for c in objective.to_lowercase().chars() {
        let breaks = before.is_ascii_digit() && c.is_alphabetic();
        if !c.is_alphanumeric() || breaks {
            words.push(String::new());
        }
        if c.is_alphanumeric()
            && let Some(word) = words.last_mut()
        {
            word.push(c);
        }
        before = c;
    }
    words.retain(|word| !word.is_empty());
    words
}

fn number(word: &str) -> Option<f64> {
    let named = NUMBERS.iter().position(|n| *n == word);
    named.map_or_else(
        || word.parse::<u32>().ok().map(f64::from),
        |n| Some(n as f64),
    )
}

/// A length in steps at the beginning of some words, and how many it takes.
fn length_at(words: &[String], step_s: f64) -> Option<(f64, usize)> {
    if words[0] == "tomorrow" {
        return Some((86_400.0 / step_s, 1));
    }
    match number(&words[0]) {
        Some(count) => Some((count * unit(words.get(1)?, step_s)?, 2)),
        None => Some((unit(&words[0], step_s)?, 1)),
    }
}

/// A unit's length in steps.
fn unit(word: &str, step_s: f64) -> Option<f64> {
    let word = word
        .strip_suffix('s')
        .filter(|w| !w.is_empty())
        .unwrap_or(word);
    let full = SHORT.iter().find(|(short, _)| *short == word);
    let full = full.map_or(word, |(_, full)| full);
    if full == "step" {
        return Some(1.0);
    }
    if full == "quarter" {
        return Some(3.0 * 2_629_800.0 / step_s);
    }
    let (_, seconds) = UNITS.iter().find(|(name, _)| *name == full)?;
    Some(seconds / step_s)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_become_steps() {
        let hourly = |text: &str| steps(text, 3600.0);
        assert_eq!(
            hourly("forecast all series 24 hours ahead with the smallest RMSE"),
            Some(24)
        );
        assert_eq!(hourly("predict demand 24h ahead"), Some(24));
        assert_eq!(hourly("a 36-hour-ahead forecast"), Some(36));
        assert_eq!(hourly("forecast the next day"), Some(24));
        assert_eq!(
            hourly("forecast the next two days from hourly data"),
            Some(48)
        );
        assert_eq!(hourly("day-ahead prices"), Some(24));
        assert_eq!(hourly("the load of tomorrow"), Some(24));
        assert_eq!(hourly("predict 7 days"), Some(168));
        assert_eq!(hourly("of the last 3 years, forecast 12 steps"), Some(12));
        assert_eq!(
            hourly("from 3 years of data forecast one week ahead"),
            Some(168)
        );
        assert_eq!(hourly("forecast the temperature every hour"), None);
        assert_eq!(hourly("smallest RMSE"), None);
        assert_eq!(steps("sales of the next quarter", 2_629_800.0), Some(3));
        assert_eq!(steps("forecast 30 minutes ahead", 86_400.0), None);
    }
}
