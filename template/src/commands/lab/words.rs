//! Words of the command line that clap doesn't know.

use std::time::Duration;

/// A day: longer than anybody watches.
const LONGEST_SECS: f64 = 86_400.0;

/// A time with its unit: `500ms`, `10s`, `1.5s`, `2m`.
///
/// # Errors
///
/// What was wrong, and what is accepted.
pub(super) fn duration(text: &str) -> Result<Duration, String> {
    let at = text.find(|c: char| c.is_ascii_alphabetic());
    let (number, unit) = text.split_at(at.unwrap_or(text.len()));
    let unit = match unit {
        "ms" => 0.001,
        "s" => 1.0,
        "m" => 60.0,
        _ => return Err("a number and ms, s or m, such as 10s".to_owned()),
    };
    let secs = number.parse().ok().map(|number: f64| number * unit);
    let secs = secs.filter(|secs| (0.0..=LONGEST_SECS).contains(secs));
    let secs = secs.ok_or("a number and its unit, such as 10s, up to a day")?;
    Ok(Duration::from_secs_f64(secs))
}

/// Requests per second.
///
/// # Errors
///
/// What is accepted.
pub(super) fn rate(text: &str) -> Result<f64, String> {
    let rate = text.parse().ok();
    rate.filter(|rate| (0.1..=1e6).contains(rate))
        .ok_or_else(|| "requests per second, 0.1 to 1000000".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_have_a_unit() {
        for (text, millis) in [
            ("10s", 10_000),
            ("500ms", 500),
            ("1.5s", 1500),
            ("2m", 120_000),
            ("0s", 0),
        ] {
            assert_eq!(duration(text), Ok(Duration::from_millis(millis)), "{text}");
        }
        for text in ["", "10", "s", "-1s", "10 s", "1h", "NaNs", "infs", "90000s"] {
            assert!(duration(text).is_err(), "{text}");
        }
    }

    #[test]
    fn rates_are_positive() {
        assert_eq!(rate("2.5"), Ok(2.5));
        for text in ["0", "-1", "NaN", "inf", "many", "2000000"] {
            assert!(rate(text).is_err(), "{text}");
        }
    }
}
