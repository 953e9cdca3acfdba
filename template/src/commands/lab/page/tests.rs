use regex::Regex;

use super::*;
use crate::commands::lab::{
    number::length,
    run::{About, PoolRow},
};

/// Every pattern at two concurrencies, and a path.
fn results() -> Results {
    let names = GROUPS
        .iter()
        .flat_map(|group| group.patterns)
        .map(|pattern| pattern.name);
    let names: Vec<_> = names.chain(["/api/v1/users?limit=1&sort=name"]).collect();
    let row = |name: &str, concurrency: u32| Row {
        pattern: name.to_owned(),
        source: "sweep".to_owned(),
        concurrency,
        seconds: 10.0,
        succeeded: 900,
        failed: 90,
        unanswered: 10,
        throughput: 90.0,
        mean_ms: Some(5.0),
        p50_ms: Some(4.0),
        p95_ms: Some(40.0),
        p99_ms: Some(400.0),
        max_ms: Some(4000.0),
        checkouts: Some(if name == "coalesced" { 100 } else { 1000 }),
        statements: Some(4000),
        coalesced: Some(if name == "coalesced" { 890 } else { 0 }),
        pool_max: Some(10),
        pool_peak: Some(10),
        pool_mean: Some(9.5),
        waiting_peak: Some(90),
        ..Row::default()
    };
    let sample = |name: &str, at_ms: f64| PoolRow {
        pattern: name.to_owned(),
        concurrency: 50,
        rate: None,
        at_ms,
        in_use: 10,
        waiting: 40,
    };
    Results {
        about: About {
            begun: "2026-11-29T08:00:00Z".to_owned(),
            url: "http://127.0.0.1:8080".to_owned(),
            processors: 2,
            load: "closed loop, 10 s each".to_owned(),
        },
        // The most connections first: the report has its own order.
        rows: names
            .iter()
            .flat_map(|name| [row(name, 50), row(name, 10)])
            .collect(),
        pool: names
            .iter()
            .flat_map(|name| [sample(name, 0.0), sample(name, 900.0)])
            .collect(),
    }
}

fn count(page: &str, part: &str) -> usize {
    page.matches(part).count()
}

#[test]
fn the_report_shows_every_series_of_every_pattern() {
    let results = results();
    let page = render(&results);
    let patterns = by_pattern(&results.rows);
    for pattern in &patterns {
        let name = html! { (pattern.name) }.into_string();
        // In the comparison, in both plots of its section, and in the table of all measurements, twice.
        let rows = count(&page, &format!("<th scope=\"row\">{name}</th>"));
        assert_eq!(rows, 3, "{name}");
        assert!(
            count(&page, &format!("<title>{name} at 50: ")) >= 2,
            "{name}"
        );
    }
    let patterns = patterns.len();
    for title in ["Latency", "Success and failure", "Pool at 50 connections"] {
        assert_eq!(
            count(&page, &format!("<figcaption>{title}</figcaption>")),
            patterns,
            "{title}"
        );
    }
    for series in ["mean", "p50", "p95", "p99"] {
        assert_eq!(
            count(&page, &format!("<title>{series} at 10: ")),
            patterns,
            "{series}"
        );
    }
    for piece in ["succeeded", "failed", "not answered"] {
        assert_eq!(
            count(&page, &format!("<title>{piece} at 50: ")),
            patterns,
            "{piece}"
        );
    }
    let sections = sections(&results).len();
    assert_eq!(
        count(&page, "<figcaption>Throughput</figcaption>"),
        sections
    );
    assert_eq!(
        count(
            &page,
            "<figcaption>Latency that 99 of 100 kept to</figcaption>"
        ),
        sections
    );
    for series in [
        "without at 50: 100",
        "with at 50: 10",
        "prevented at 50: 89",
    ] {
        assert_eq!(
            count(&page, &format!("<title>{series}</title>")),
            1,
            "{series}"
        );
    }
}

#[test]
fn the_report_needs_nothing_but_itself() {
    let page = render(&results());
    for part in [
        "<script", "<link", "<img", "href=", "src=", "url(", "@import",
    ] {
        assert!(!page.contains(part), "{part}");
    }
    for part in [
        "color-scheme: light dark",
        "prefers-color-scheme: dark",
        "<html lang=\"en\">",
    ] {
        assert!(page.contains(part), "{part}");
    }
    // Every plot says in words what it shows.
    let plots = count(&page, "<figure>");
    assert_eq!(count(&page, "role=\"img\" aria-label=\""), plots);
}

#[test]
fn labels_of_places_do_not_overlap() {
    let mut results = results();
    let row = results.rows[0].clone();
    results.rows = (0..16)
        .map(|number| Row {
            concurrency: 10_000 + number * 100,
            ..row.clone()
        })
        .collect();
    let page = render(&results);
    let tick =
        Regex::new(r#"<text class="tick" x="([\d.]+)" y="190.0" text-anchor="middle">(\d+)<"#)
            .unwrap();
    let figure = page.split("<figcaption>Throughput").nth(1).unwrap();
    let figure = figure.split("</figure>").next().unwrap();
    let mut end = 0.0;
    for found in tick.captures_iter(figure) {
        let (middle, wide) = (
            found[1].parse::<f64>().unwrap(),
            6.0 * length(found[2].as_bytes()),
        );
        assert!(
            middle - wide / 2.0 >= end,
            "{} is written over the one before",
            &found[2]
        );
        end = middle + wide / 2.0;
    }
    assert!(end > 0.0);
}

#[test]
fn what_was_measured_twice_counts_as_it_was_last() {
    let mut results = results();
    let again = Row {
        throughput: 7.5,
        ..results.rows[0].clone()
    };
    results.rows.push(again);
    let patterns = by_pattern(&results.rows);
    assert_eq!(
        (patterns[0].rows.len(), patterns[0].rows[1].throughput),
        (2, 7.5)
    );
}

#[test]
fn what_others_measured_or_at_another_rate_stands_beside_what_was_swept() {
    let mut results = results();
    let swept = results.rows[0].clone();
    let imported = Row {
        pattern: swept.pattern.clone(),
        source: "hey".to_owned(),
        concurrency: swept.concurrency,
        throughput: 7.5,
        ..Row::default()
    };
    let at_a_rate = Row {
        rate: Some(40.0),
        throughput: 40.0,
        ..swept.clone()
    };
    results.rows.extend([imported.clone(), at_a_rate.clone()]);
    let sections = sections(&results);
    let shown: Vec<_> = sections[0]
        .patterns
        .iter()
        .filter(|rows| rows.pattern == swept.pattern)
        .map(|rows| (rows.name.as_str(), rows.hardest().unwrap().clone()))
        .collect();
    assert_eq!(
        shown,
        [
            ("per_statement (sweep)", swept),
            ("per_statement (hey)", imported),
            ("per_statement (sweep, 40 due/s)", at_a_rate),
        ]
    );
    // Nobody looked at the pool meanwhile, but in the sweep without a rate.
    let pools = sections[0]
        .patterns
        .iter()
        .map(|rows| charts::pool(rows, &results).into_string());
    let has_pool: Vec<_> = pools.map(|pool| pool.contains("<figure>")).collect();
    assert_eq!(has_pool, [true, false, false, true]);
}

#[test]
fn no_plot_has_more_patterns_than_there_are_colours() {
    let mut results = results();
    for source in ["hey", "oha"] {
        let imported = results.rows.iter().filter(|row| row.is_swept());
        let imported = imported.map(|row| Row {
            source: source.to_owned(),
            statements: None,
            ..row.clone()
        });
        let imported: Vec<_> = imported.collect();
        results.rows.extend(imported);
    }
    let sections = sections(&results);
    let shown = sections.iter().map(|section| section.patterns.len());
    assert!(shown.clone().all(|patterns| patterns <= COLOURS));
    assert_eq!(shown.sum::<usize>(), by_pattern(&results.rows).len());
    let page = render(&results);
    assert_eq!(count(&page, "<title>prevented at 50: 89</title>"), 1);
}

#[test]
fn what_hey_and_oha_do_not_know_is_left_out() {
    let row = Row {
        pattern: "imported <b>".to_owned(),
        source: "hey".to_owned(),
        concurrency: 5,
        succeeded: 1,
        ..Row::default()
    };
    let page = render(&Results {
        about: About::default(),
        rows: vec![row],
        pool: Vec::new(),
    });
    assert!(page.contains("imported &lt;b&gt;") && !page.contains("<b>"));
    assert!(!page.contains("<figcaption>Pool"));
    assert!(!page.contains("NaN"));
}

#[test]
fn the_picture_names_every_pattern() {
    let svg = picture(&results());
    for pattern in GROUPS.iter().flat_map(|group| group.patterns) {
        assert!(
            svg.contains(&format!(">{}</text>", pattern.name)),
            "{}",
            pattern.name
        );
    }
    assert!(svg.starts_with("<svg xmlns=\"http://www.w3.org/2000/svg\""));
}
