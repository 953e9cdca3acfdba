//! The plot: what a request costs on each server, as bars.

use std::fmt::Write as _;

use super::ASKS;
use crate::bench::samples::{Samples, Spread, number};
use crate::bench::servers::Who;

const WIDTH: f64 = 840.0;
/// Where the bars begin: before them stand the names.
const LEFT: f64 = 300.0;
/// Behind the longest bar stands its figure.
const RIGHT: f64 = 70.0;
const ROW: f64 = 20.0;
const TITLE: f64 = 34.0;

/// Bars of processor time a request, a group for each thing that is asked for, each with the range of its rounds. Colours and letters
/// suit a bright page and a dark one.
pub(super) fn svg(samples: &Samples) -> String {
    let mut bars = String::new();
    let mut top = 0.0;
    for (ask, title) in ASKS {
        let spread = |who: Who| Spread::of(samples.of(&format!("{ask}/{}/cpu", who.name())));
        let rows: Vec<(Who, Spread)> = Who::ALL
            .into_iter()
            .filter_map(|who| Some((who, spread(who)?)))
            .collect();
        let most = rows
            .iter()
            .map(|(_, spread)| spread.max)
            .fold(0.0, f64::max);
        if most == 0.0 {
            continue;
        }
        let _ = writeln!(
            bars,
            r#"<text class="title" x="0" y="{:.0}">{title}: processor time, µs a request</text>"#,
            top + 22.0
        );
        top += TITLE;
        let scale = (WIDTH - LEFT - RIGHT) / most;
        for (who, Spread { median, min, max }) in rows {
            let class = if who == Who::Service { "own" } else { "other" };
            let middle = top + ROW / 2.0;
            let at = |value: f64| LEFT + value * scale;
            let _ = writeln!(
                bars,
                r#"<text x="{:.0}" y="{:.0}" text-anchor="end">{}</text>"#,
                LEFT - 8.0,
                middle + 4.0,
                who.describe()
            );
            let _ = writeln!(
                bars,
                r#"<rect class="{class}" x="{LEFT:.0}" y="{:.0}" width="{:.1}" height="{:.0}"/>"#,
                top + 3.0,
                median * scale,
                ROW - 6.0
            );
            let _ = writeln!(
                bars,
                r#"<path d="M{:.1} {middle:.0}H{:.1}"/>"#,
                at(min),
                at(max)
            );
            let _ = writeln!(
                bars,
                r#"<text x="{:.1}" y="{:.0}">{}</text>"#,
                at(max) + 6.0,
                middle + 4.0,
                number(median)
            );
            top += ROW;
        }
    }
    let height = top + 8.0;
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH:.0} {height:.0}\" font-family=\"system-ui, sans-serif\" font-size=\"12\" fill=\"#808080\">\n\
         <style>.title {{ font-size: 14px; font-weight: 600 }} .own {{ fill: #d9652b }} .other {{ fill: #7d93b2 }} path {{ stroke: #808080; stroke-width: 2 }}</style>\n\
         {bars}</svg>\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bars_are_as_long_as_what_they_show() {
        let mut samples = Samples::default();
        samples.add("get/bare/cpu", 10.0);
        samples.add("get/service/cpu", 20.0);
        let svg = svg(&samples);
        assert_eq!(svg.matches("<rect").count(), 2);
        assert!(
            svg.contains(r#"class="other" x="300" y="57" width="235.0""#),
            "{svg}"
        );
        assert!(
            svg.contains(r#"class="own" x="300" y="37" width="470.0""#),
            "{svg}"
        );
    }
}
