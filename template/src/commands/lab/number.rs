//! Counts as figures of plots and tables, and how those are written.

use std::time::Duration;

/// A count as a figure.
#[expect(
    clippy::cast_precision_loss,
    reason = "nobody counts to 2⁵² requests in a run"
)]
pub(super) fn float(count: u64) -> f64 {
    count as f64
}

/// How many there are, as a figure.
pub(super) fn length<T>(items: &[T]) -> f64 {
    float(items.len() as u64)
}

/// A duration in milliseconds, to the microsecond.
pub(super) fn millis(duration: Duration) -> f64 {
    (duration.as_secs_f64() * 1e6).round() / 1e3
}

/// With three digits, and thousands as `k`: the labels of an axis have little room.
pub(super) fn short(value: f64) -> String {
    let size = value.abs();
    if size >= 999_500.0 {
        format!("{}M", three_digits(value / 1e6))
    } else if size >= 9_995.0 {
        format!("{}k", three_digits(value / 1e3))
    } else {
        three_digits(value)
    }
}

fn three_digits(value: f64) -> String {
    let decimals = match value.abs() {
        size if size >= 99.95 || size == 0.0 => 0,
        size if size >= 9.995 => 1,
        size if size >= 0.9995 => 2,
        _ => 3,
    };
    let text = format!("{value:.decimals$}");
    if text.contains('.') {
        text.trim_end_matches('0').trim_end_matches('.').to_owned()
    } else {
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_keep_three_digits() {
        for (value, text) in [
            (0.0, "0"),
            (0.25, "0.25"),
            (0.0472, "0.047"),
            (1.5, "1.5"),
            (12.34, "12.3"),
            (999.6, "1000"),
            (4096.0, "4096"),
            (12_345.0, "12.3k"),
            (250_000.0, "250k"),
            (1_200_000.0, "1.2M"),
        ] {
            assert_eq!(short(value), text);
        }
    }
}
