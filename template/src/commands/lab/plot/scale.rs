//! From figures to places on an axis.

/// An axis: its ends, and the figures that are written beside it.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Scale {
    is_log: bool,
    low: f64,
    high: f64,
    pub(super) ticks: Vec<f64>,
}

/// How many steps an axis has, about: more labels than that do not fit.
const STEPS: f64 = 5.0;

impl Scale {
    /// From zero to the highest figure, in round steps.
    pub(super) fn linear(highest: f64) -> Self {
        let highest = if highest > 0.0 { highest } else { 1.0 };
        let rough = highest / STEPS;
        let size = 10_f64.powf(rough.log10().floor());
        let step = [1.0, 2.0, 5.0, 10.0].map(|round| round * size);
        let step = step.into_iter().find(|step| *step >= rough * 0.999);
        let step = step.unwrap_or(10.0 * size);
        let steps = (highest / step - 1e-9).ceil();
        let mut ticks = Vec::new();
        let mut number = 0.0;
        while number <= steps {
            ticks.push(number * step);
            number += 1.0;
        }
        Self {
            is_log: false,
            low: 0.0,
            high: steps * step,
            ticks,
        }
    }

    /// From zero to the highest figure and no further, in round steps: time has no room to spare.
    pub(super) fn until(highest: f64) -> Self {
        let Self {
            mut ticks, high, ..
        } = Self::linear(highest);
        let high = if highest > 0.0 { highest } else { high };
        ticks.retain(|tick| *tick <= high);
        Self {
            is_log: false,
            low: 0.0,
            high,
            ticks,
        }
    }

    /// Equal ratios are equally far apart, so that milliseconds and seconds fit into one picture.
    pub(super) fn log(lowest: f64, highest: f64) -> Self {
        let lowest = lowest.clamp(1e-3, 1e9);
        let highest = highest.clamp(lowest, 1e9);
        let mut first = lowest.log10().floor();
        let mut last = highest.log10().ceil();
        if last - first < 1.0 {
            (first, last) = (first.min(last - 1.0), last.max(first + 1.0));
        }
        let every = ((last - first) / STEPS).ceil().max(1.0);
        let mut ticks = Vec::new();
        let mut exponent = first;
        while exponent <= last {
            ticks.push(10_f64.powf(exponent));
            exponent += every;
        }
        Self {
            is_log: true,
            low: first,
            high: last,
            ticks,
        }
    }

    /// Where a figure is: 0 at the axis' begin, 1 at its end.
    pub(super) fn at(&self, value: f64) -> f64 {
        let value = if self.is_log {
            value.max(1e-3).log10()
        } else {
            value
        };
        ((value - self.low) / (self.high - self.low)).clamp(0.0, 1.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn linear_steps_are_round_and_reach_the_highest() {
        assert_eq!(Scale::linear(10.0).ticks, [0.0, 2.0, 4.0, 6.0, 8.0, 10.0]);
        assert_eq!(Scale::linear(1234.0).ticks, [0.0, 500.0, 1000.0, 1500.0]);
        assert_eq!(Scale::linear(0.0).ticks.len(), 6);
        for highest in [0.003, 0.7, 1.0, 3.0, 17.0, 99.0, 101.0, 48_000.0] {
            let scale = Scale::linear(highest);
            assert!(scale.ticks.len() <= 7, "{highest}: {scale:?}");
            assert!(scale.at(highest) > 0.6, "{highest}: {scale:?}");
            assert!(scale.high >= highest, "{highest}: {scale:?}");
        }
    }

    #[test]
    fn time_ends_with_what_was_measured() {
        let scale = Scale::until(1.03);
        assert_eq!(scale.ticks, [0.0, 0.5, 1.0]);
        assert!((scale.at(1.03) - 1.0).abs() < 1e-9);
        assert_eq!(Scale::until(0.0), Scale::linear(0.0));
    }

    #[test]
    fn logarithmic_ends_are_powers_of_ten_around_the_figures() {
        let scale = Scale::log(0.4, 5200.0);
        assert_eq!(scale.ticks.first(), Some(&0.1));
        assert!(
            (scale.at(0.1), scale.at(10_000.0)) == (0.0, 1.0),
            "{scale:?}"
        );
        assert!((scale.at(10.0) - 0.4).abs() < 1e-9);
        // One figure alone, or none above zero, still makes an axis.
        for (lowest, highest) in [(10.0, 10.0), (0.0, 0.0), (3.0, 3.0), (5.0, 1.0)] {
            let scale = Scale::log(lowest, highest);
            assert!(
                scale.high > scale.low && scale.ticks.len() >= 2,
                "{scale:?}"
            );
        }
    }
}
