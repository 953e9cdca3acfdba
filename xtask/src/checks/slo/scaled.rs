//! The rules with less patience: nobody can wait for three days.

use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use regex::{Captures, Regex};

/// By how much every duration is shorter: a minute becomes two seconds.
pub(super) const FACTOR: u32 = 30;

/// Rules in which every range, every `offset` and every `for` is shorter by [`FACTOR`]; nothing else is different.
pub(super) fn scaled(rules: &str) -> Result<String> {
    let place = Regex::new(r"(\[|\bfor: |\boffset )([0-9]+)(s|m|h|d)\b")?;
    let mut wrong = None;
    let mut places = 0;
    let scaled = place.replace_all(rules, |found: &Captures<'_>| {
        places += 1;
        match shorter(&found[2], &found[3]) {
            Ok(shorter) => format!("{}{}ms", &found[1], shorter.as_millis()),
            Err(error) => {
                wrong = Some(error);
                String::new()
            }
        }
    });
    if let Some(error) = wrong {
        return Err(error);
    }
    if places < 20 {
        bail!("the rules' durations are not found");
    }
    Ok(scaled.into_owned())
}

fn shorter(count: &str, unit: &str) -> Result<Duration> {
    let count: u64 = count.parse().context("a duration is too long")?;
    let seconds = match unit {
        "s" => 1,
        "m" => 60,
        "h" => 60 * 60,
        _ => 24 * 60 * 60,
    };
    Ok(Duration::from_secs(count * seconds) / FACTOR)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_shorter_and_nothing_else_is_different() {
        let rule = "expr: rate(a[5m]) > x:ratio1h or b offset 1h\nfor: 2m\nlabels: {window: 1h}\nfor: 3d\n";
        let scaled = scaled(&rule.repeat(6)).unwrap();
        let expected = "expr: rate(a[10000ms]) > x:ratio1h or b offset 120000ms\nfor: 4000ms\nlabels: {window: 1h}\nfor: 8640000ms\n";
        assert_eq!(scaled, expected.repeat(6));
    }
}
