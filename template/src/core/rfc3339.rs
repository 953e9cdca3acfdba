//! Times as text, as RFC 3339 has them.

use chrono::{DateTime, Datelike, Timelike, Utc};
use serde::ser::Error;
use serde::{Serialize, Serializer};

/// For the fields of a `…Out`: `#[serde(serialize_with = "rfc3339::serialize")]`.
///
/// The text is chrono's own, in UTC and with as many digits of the second as it needs. But chrono formats each of its parts for itself:
/// 3 600 instructions instead of 700, twice for each row of a list.
///
/// # Errors
///
/// Those of the serializer.
pub fn serialize<S: Serializer>(time: &DateTime<Utc>, serializer: S) -> Result<S::Ok, S::Error> {
    let naive = time.naive_utc();
    let nanosecond = naive.nanosecond();
    let year = match u32::try_from(naive.year()) {
        // Nanoseconds beyond a second are those of a leap second.
        Ok(year @ 0..=9999) if nanosecond < 1_000_000_000 => year,
        _ => return time.serialize(serializer),
    };
    let mut text = *b"0000-00-00T00:00:00.000000000Z";
    write(&mut text[0..4], year);
    write(&mut text[5..7], naive.month());
    write(&mut text[8..10], naive.day());
    write(&mut text[11..13], naive.hour());
    write(&mut text[14..16], naive.minute());
    write(&mut text[17..19], naive.second());
    write(&mut text[20..29], nanosecond);
    let end = match nanosecond {
        0 => 19,
        _ if nanosecond.is_multiple_of(1_000_000) => 23,
        _ if nanosecond.is_multiple_of(1_000) => 26,
        _ => 29,
    };
    text[end] = b'Z';
    let text = str::from_utf8(&text[..=end]).map_err(S::Error::custom)?;
    serializer.serialize_str(text)
}

/// The number's digits, from the last to the first that has room.
fn write(digits: &mut [u8], mut number: u32) {
    for digit in digits.iter_mut().rev() {
        // Below 10.
        *digit = b'0' + (number % 10) as u8;
        number /= 10;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[derive(Serialize)]
    struct Out(#[serde(serialize_with = "serialize")] DateTime<Utc>);

    #[track_caller]
    fn written_as_chrono_does(time: DateTime<Utc>) {
        let ours = serde_json::to_string(&Out(time)).unwrap();
        assert_eq!(ours, serde_json::to_string(&time).unwrap());
    }

    #[test]
    fn what_is_special_about_a_time_is_written_as_chrono_does() {
        for seconds in [0, 951_782_400, 4_102_444_799, -62_167_219_200, -1] {
            for nanosecond in [0, 1, 1_000, 120_000_000, 123_456_000, 999_999_999] {
                written_as_chrono_does(DateTime::from_timestamp(seconds, nanosecond).unwrap());
            }
        }
        // Which need a sign, and a leap second.
        written_as_chrono_does(DateTime::<Utc>::MIN_UTC);
        written_as_chrono_does(DateTime::<Utc>::MAX_UTC);
        written_as_chrono_does(DateTime::from_timestamp(1_483_228_799, 1_500_000_000).unwrap());
    }

    proptest! {
        #[test]
        fn any_time_is_written_as_chrono_does(
            microseconds in -62_167_219_200_000_000_i64..253_402_300_800_000_000,
        ) {
            written_as_chrono_does(DateTime::from_timestamp_micros(microseconds).unwrap());
        }
    }
}
