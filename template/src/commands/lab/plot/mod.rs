//! Plots as SVG.
//!
//! Crates for plots draw with colours of their own, so that a picture is made for light pages or for dark ones; here a series is a class of
//! the page's style. What they bring beyond that (kinds of plots, fonts, pixels) a report doesn't need: the names of series stand
//! beside the plot, where they can't overlap.

mod scale;

use maud::{Markup, html};

use self::scale::Scale;
use super::number::{length, short};

/// Size of a plot, in units that the page scales.
const WIDTH: f64 = 380.0;
const HEIGHT: f64 = 220.0;
/// Around the figures: room for the labels.
const LEFT: f64 = 56.0;
const RIGHT: f64 = 14.0;
const TOP: f64 = 12.0;
const BOTTOM: f64 = 46.0;

/// A character is about so wide.
const CHARACTER: f64 = 6.0;

/// Room for the names of bars, and for what is written behind them.
const NAMES: f64 = 230.0;
const BEHIND: f64 = 70.0;
/// From bar to bar.
const ROW: f64 = 22.0;

/// A plot's title and what its axes show, with units.
#[derive(Clone, Copy, Debug)]
pub(super) struct Labels<'a> {
    pub(super) title: &'a str,
    pub(super) x: &'a str,
    pub(super) y: &'a str,
}

/// Figures that belong together, one for each place on the x axis.
#[derive(Clone, Debug)]
pub(super) struct Series {
    pub(super) name: String,
    pub(super) values: Vec<Option<f64>>,
}

/// How figures become heights.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Heights {
    Linear,
    Log,
}

/// A line for each series, over places that are equally far apart.
pub(super) fn lines(
    labels: Labels<'_>,
    places: &[String],
    series: &[Series],
    heights: Heights,
) -> Markup {
    let figures = || {
        series
            .iter()
            .flat_map(|series| series.values.iter().flatten())
    };
    let highest = figures().copied().fold(0.0, f64::max);
    let scale = match heights {
        Heights::Linear => Scale::linear(highest),
        Heights::Log => Scale::log(figures().copied().fold(f64::INFINITY, f64::min), highest),
    };
    let x = |place: usize| middle(place, places.len());
    figure(
        labels,
        &names(series),
        &html! {
            (y_axis(&scale, labels.y))
            (x_axis(places, labels.x))
            @for (number, series) in series.iter().enumerate() {
                @let points: Vec<_> = (0..).zip(&series.values).filter_map(|(place, value)| Some((place, (*value)?))).collect();
                @let line: Vec<_> = points.iter().map(|(place, value)| point(x(*place), y(&scale, *value))).collect();
                polyline class={ "line s" (number) } points=(line.join(" ")) {}
                @for (place, value) in &points {
                    circle class={ "dot s" (number) } cx=(px(x(*place))) cy=(px(y(&scale, *value))) r="3.5" {
                        title { (series.name) " at " (places[*place]) ": " (short(*value)) }
                    }
                }
            }
        },
    )
}

/// A bar at each place, of which each series is a piece.
pub(super) fn stacks(labels: Labels<'_>, places: &[String], series: &[Series]) -> Markup {
    let figure_of =
        |series: &Series, place: usize| series.values.get(place).copied().flatten().unwrap_or(0.0);
    let sum = |place: usize| -> f64 { series.iter().map(|series| figure_of(series, place)).sum() };
    let scale = Scale::linear((0..places.len()).map(sum).fold(0.0, f64::max));
    let wide = (width() / length(places) * 0.55).min(48.0);
    figure(
        labels,
        &names(series),
        &html! {
            (y_axis(&scale, labels.y))
            (x_axis(places, labels.x))
            @for (place, name) in places.iter().enumerate() {
                @for (number, piece) in series.iter().enumerate() {
                    @let below: f64 = series[..number].iter().map(|series| figure_of(series, place)).sum();
                    @let value = figure_of(piece, place);
                    @let (top, bottom) = (y(&scale, below + value), y(&scale, below));
                    @if value > 0.0 {
                        rect class={ "bar s" (number) } x=(px(middle(place, places.len()) - wide / 2.0)) y=(px(top)) width=(px(wide)) height=(px(bottom - top)) {
                            title { (piece.name) " at " (name) ": " (short(value)) }
                        }
                    }
                }
            }
        },
    )
}

/// Figures over time, each until the next comes; and the limit that they can't pass, if there is one.
pub(super) fn over_time(
    labels: Labels<'_>,
    series: &[(String, Vec<(f64, f64)>)],
    limit: Option<f64>,
) -> Markup {
    let points = || series.iter().flat_map(|(_, points)| points);
    let highest = points().map(|(_, value)| *value).fold(0.0, f64::max);
    let heights = Scale::linear(limit.unwrap_or(0.0).max(highest));
    let times = Scale::until(points().map(|(time, _)| *time).fold(0.0, f64::max));
    let x = |time: f64| LEFT + times.at(time) * width();
    let names: Vec<_> = series.iter().map(|(name, _)| name.as_str()).collect();
    figure(
        labels,
        &names,
        &html! {
            (y_axis(&heights, labels.y))
            @for tick in &times.ticks {
                text class="tick" x=(px(x(*tick))) y=(px(HEIGHT - BOTTOM + 16.0)) text-anchor="middle" { (short(*tick)) }
            }
            (x_label(labels.x))
            @if let Some(limit) = limit {
                line class="limit" x1=(px(LEFT)) x2=(px(WIDTH - RIGHT)) y1=(px(y(&heights, limit))) y2=(px(y(&heights, limit))) {
                    title { "at most " (short(limit)) }
                }
            }
            @for (number, (_, points)) in series.iter().enumerate() {
                path class={ "line s" (number) } d=(steps(points, x, |value| y(&heights, value))) {}
            }
        },
    )
}

/// A bar for each name, for a picture that stands alone: it brings its style along.
pub(super) fn bars(labels: Labels<'_>, bars: &[(String, f64)], style: &str) -> Markup {
    let scale = Scale::linear(bars.iter().map(|(_, value)| *value).fold(0.0, f64::max));
    let wide = 720.0 - NAMES - BEHIND;
    let high = 52.0 + ROW * length(bars);
    let top = |place: usize| 30.0 + ROW * length(&bars[..place]);
    html! {
        svg xmlns="http://www.w3.org/2000/svg" viewBox={ "0 0 720 " (px(high)) } role="img" aria-label=(labels.title) {
            style { (maud::PreEscaped(style)) }
            text class="title" x="8" y="18" { (labels.title) }
            @for (place, (name, value)) in bars.iter().enumerate() {
                text class="name" x=(px(NAMES - 8.0)) y=(px(top(place) + 15.0)) text-anchor="end" { (name) }
                rect class="bar s0" x=(px(NAMES)) y=(px(top(place) + 3.0)) width=(px((scale.at(*value) * wide).max(1.0))) height=(px(ROW - 6.0)) rx="2" {}
                text class="tick" x=(px(NAMES + scale.at(*value) * wide + 6.0)) y=(px(top(place) + 15.0)) { (short(*value)) }
            }
            text class="axis" x=(px(NAMES)) y=(px(high - 6.0)) { (labels.x) }
        }
    }
}

fn names(series: &[Series]) -> Vec<&str> {
    series.iter().map(|series| series.name.as_str()).collect()
}

fn figure(labels: Labels<'_>, names: &[&str], content: &Markup) -> Markup {
    let described = names.join(", ");
    html! {
        figure {
            figcaption { (labels.title) }
            @if names.len() > 1 {
                ul class="legend" {
                    @for (number, name) in names.iter().enumerate() { li { span class={ "swatch s" (number) } {} (name) } }
                }
            }
            svg viewBox={ "0 0 " (WIDTH) " " (HEIGHT) } role="img" aria-label={ (labels.title) ": " (described) ". " (labels.y) " by " (labels.x) "." } {
                (content)
            }
        }
    }
}

fn y_axis(scale: &Scale, label: &str) -> Markup {
    let middle = TOP + height() / 2.0;
    html! {
        @for tick in &scale.ticks {
            line class="grid" x1=(px(LEFT)) x2=(px(WIDTH - RIGHT)) y1=(px(y(scale, *tick))) y2=(px(y(scale, *tick))) {}
            text class="tick" x=(px(LEFT - 6.0)) y=(px(y(scale, *tick) + 3.5)) text-anchor="end" { (short(*tick)) }
        }
        text class="axis" x="12" y=(px(middle)) text-anchor="middle" transform={ "rotate(-90 12 " (px(middle)) ")" } { (label) }
    }
}

fn x_axis(places: &[String], label: &str) -> Markup {
    // Where there is no room for all names, every second is written, or every third.
    let longest = places
        .iter()
        .map(|name| length(name.as_bytes()))
        .fold(0.0, f64::max);
    let room = |every: &usize| {
        CHARACTER * (longest + 2.0) <= width() / length(places) * length(&places[..*every])
    };
    let every = (1..=places.len()).find(room).unwrap_or(1);
    html! {
        @for (place, name) in places.iter().enumerate().step_by(every) {
            text class="tick" x=(px(middle(place, places.len()))) y=(px(HEIGHT - BOTTOM + 16.0)) text-anchor="middle" { (name) }
        }
        (x_label(label))
    }
}

fn x_label(label: &str) -> Markup {
    html! { text class="axis" x=(px(LEFT + width() / 2.0)) y=(px(HEIGHT - 8.0)) text-anchor="middle" { (label) } }
}

/// Goes across until the next figure, then up or down to it.
fn steps(points: &[(f64, f64)], x: impl Fn(f64) -> f64, y: impl Fn(f64) -> f64) -> String {
    let places = points
        .iter()
        .map(|(time, value)| (px(x(*time)), px(y(*value))));
    let pieces = places
        .enumerate()
        .map(|(number, (across, height))| match number {
            0 => format!("M{across} {height}"),
            _ => format!("H{across}V{height}"),
        });
    pieces.collect()
}

fn width() -> f64 {
    WIDTH - LEFT - RIGHT
}

fn height() -> f64 {
    HEIGHT - TOP - BOTTOM
}

fn y(scale: &Scale, value: f64) -> f64 {
    TOP + (1.0 - scale.at(value)) * height()
}

/// The middle of one of so many places.
fn middle(place: usize, places: usize) -> f64 {
    let place = u32::try_from(place).map_or(0.0, f64::from);
    let places = u32::try_from(places).map_or(1.0, f64::from);
    LEFT + (place + 0.5) / places * width()
}

fn point(x: f64, y: f64) -> String {
    format!("{},{}", px(x), px(y))
}

/// A tenth of a unit is finer than a pixel.
fn px(value: f64) -> String {
    format!("{value:.1}")
}

#[cfg(test)]
mod tests;
