use regex::Regex;

use super::*;

const LABELS: Labels<'_> = Labels {
    title: "A title",
    x: "connections",
    y: "ms",
};

fn places(numbers: &[u32]) -> Vec<String> {
    numbers.iter().map(u32::to_string).collect()
}

fn series(name: &str, values: &[f64]) -> Series {
    Series {
        name: name.to_owned(),
        values: values.iter().copied().map(Some).collect(),
    }
}

/// The texts of a plot's axes, as boxes: a character is about six units wide, a line eleven high.
fn boxes(svg: &str) -> Vec<(String, [f64; 4])> {
    let text = Regex::new(
        r#"<text class="(?:tick|name)" x="([\d.]+)" y="([\d.]+)"(?: text-anchor="(\w+)")?>([^<]+)</text>"#,
    )
    .unwrap();
    let found = text.captures_iter(svg).map(|found| {
        let at = |number: usize| found[number].parse::<f64>().unwrap();
        let wide = length(found[4].as_bytes()) * 6.0;
        let left = match found.get(3).map(|anchor| anchor.as_str()) {
            Some("middle") => at(1) - wide / 2.0,
            Some("end") => at(1) - wide,
            _ => at(1),
        };
        (
            found[4].to_owned(),
            [left, at(2) - 11.0, left + wide, at(2)],
        )
    });
    found.collect()
}

#[track_caller]
fn assert_no_overlap(svg: &str) {
    let boxes = boxes(svg);
    assert!(boxes.len() > 3, "{svg}");
    for (number, (text, a)) in boxes.iter().enumerate() {
        assert!(a[0] >= 0.0, "{text} is cut off on the left");
        for (other, b) in &boxes[number + 1..] {
            let apart = a[2] <= b[0] || b[2] <= a[0] || a[3] <= b[1] || b[3] <= a[1];
            assert!(apart, "{text} {a:?} is written over {other} {b:?}");
        }
    }
}

#[test]
fn each_series_has_its_line_its_points_and_its_name() {
    let svg = lines(
        LABELS,
        &places(&[10, 50]),
        &[series("p50", &[1.0, 2.0]), series("<p99>", &[30.0, 4000.0])],
        Heights::Log,
    )
    .into_string();
    for part in [
        "aria-label=\"A title: p50, &lt;p99&gt;. ms by connections.\"",
        "<polyline class=\"line s0\"",
        "<polyline class=\"line s1\"",
        "<title>&lt;p99&gt; at 50: 4000</title>",
        "<span class=\"swatch s1\"></span>&lt;p99&gt;",
    ] {
        assert!(svg.contains(part), "{part}\n{svg}");
    }
    assert_eq!(svg.matches("<circle").count(), 4);
    assert_no_overlap(&svg);
}

#[test]
fn a_figure_that_is_missing_leaves_a_gap() {
    let gap = Series {
        name: "p99".to_owned(),
        values: vec![Some(1.0), None, Some(3.0)],
    };
    let svg = lines(LABELS, &places(&[1, 2, 3]), &[gap], Heights::Linear).into_string();
    assert_eq!(svg.matches("<circle").count(), 2);
    let nothing = lines(LABELS, &places(&[1]), &[series("x", &[])], Heights::Log).into_string();
    assert_eq!(nothing.matches("<circle").count(), 0);
}

#[test]
fn pieces_of_a_bar_stand_on_each_other() {
    let svg = stacks(
        LABELS,
        &places(&[10, 50, 100, 200]),
        &[
            series("succeeded", &[100.0, 80.0, 0.0, 5.0]),
            series("failed", &[0.0, 20.0, 100.0, 5.0]),
        ],
    )
    .into_string();
    // 100, 80 + 20, 100 and 5 + 5: an empty piece is not drawn.
    assert_eq!(svg.matches("<rect").count(), 6);
    assert!(svg.contains("<title>failed at 50: 20</title>"), "{svg}");
    assert_no_overlap(&svg);
}

#[test]
fn what_changes_over_time_goes_in_steps_below_its_limit() {
    let points = vec![(0.0, 0.0), (1.0, 10.0), (2.0, 3.0)];
    let svg = over_time(LABELS, &[("in use".to_owned(), points)], Some(10.0)).into_string();
    assert!(svg.contains("class=\"limit\""), "{svg}");
    assert!(
        svg.contains(" d=\"M56.0 174.0H211.0V12.0H366.0V125.4\""),
        "{svg}"
    );
    assert_no_overlap(&svg);
}

#[test]
fn bars_have_room_for_their_names() {
    let bars: Vec<_> = (1..=25)
        .map(|number| {
            (
                format!("a-pattern-with-a-long-name-{number}"),
                f64::from(number) * 4000.0,
            )
        })
        .collect();
    let svg = super::bars(LABELS, &bars, "text {}").into_string();
    assert_eq!(svg.matches("<rect").count(), 25);
    assert_no_overlap(&svg);
}
