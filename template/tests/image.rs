//! The Dockerfile agrees with the package. Whether the image works is seen by building it.

use std::fs;
use std::path::Path;

use regex::Regex;

fn read(file: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(file);
    fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// What a pattern's group matches in a file.
#[track_caller]
fn find(file: &str, pattern: &str) -> String {
    let found = Regex::new(pattern)
        .ok()
        .and_then(|pattern| Some(pattern.captures(&read(file))?[1].to_owned()));
    found.unwrap_or_else(|| panic!("{file} has nothing that matches {pattern}"))
}

#[test]
fn the_builder_has_the_rust_that_the_package_asks_for_or_a_newer_one() {
    let needed = find("Cargo.toml", r#"(?m)^rust-version = "1\.(\d+)"#);
    let builders = find(
        "Dockerfile",
        r"(?m)^FROM \S+/rust:1\.(\d+)(?:\.\d+)?-\w+(?:@sha256:\w+)? AS rust$",
    );
    let [needed, builders]: [u32; 2] = [needed, builders].map(|minor| minor.parse().unwrap());
    assert!(
        builders >= needed,
        "the Dockerfile builds with Rust 1.{builders}, Cargo.toml asks for 1.{needed}"
    );
}

#[test]
fn the_image_has_the_c_library_of_the_debian_it_was_built_on() {
    let built_on = find("Dockerfile", r"(?m)^FROM \S+/rust:[\d.]+-(\w+)");
    let runs_on = find("Dockerfile", r"(?m)^FROM \S+-debian(\d+):\w+");
    let number = match built_on.as_str() {
        "bookworm" => "12",
        "trixie" => "13",
        other => panic!("say here which number Debian {other} has"),
    };
    assert_eq!(runs_on, number, "it is built on Debian {number}");
}

#[test]
fn nobody_has_to_be_root() {
    // The last one counts.
    let user = find("Dockerfile", r"(?ms).*^USER (\S+)$");
    let is_number = |part: &str| part.parse::<u32>().is_ok_and(|id| id > 0);
    assert!(
        user.split(':').count() == 2 && user.split(':').all(is_number),
        "USER is {user}; accepted are two numbers above 0, such as 10001:10001"
    );
}

#[test]
fn what_is_copied_reaches_the_builder() {
    let ignore = read(".dockerignore");
    let mut let_in: Vec<&str> = ignore
        .lines()
        .filter_map(|line| line.strip_prefix('!'))
        .collect();
    let dockerfile = read("Dockerfile");
    let mut copied: Vec<&str> = dockerfile
        .lines()
        .filter_map(|line| line.strip_prefix("COPY "))
        .filter(|paths| !paths.starts_with("--from="))
        .filter_map(|paths| paths.rsplit_once(' '))
        .flat_map(|(from, _)| from.split(' '))
        .collect();
    let_in.sort_unstable();
    copied.sort_unstable();
    assert_eq!(
        copied, let_in,
        "what the Dockerfile copies, and what .dockerignore lets in"
    );
}
