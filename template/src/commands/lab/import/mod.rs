//! What `hey` and `oha` measured, taken over into a run, so that it is shown like what the lab measured.

mod hey_csv;
mod hey_summary;
mod oha;

use std::{
    fs,
    path::{Path, PathBuf},
    thread::available_parallelism,
};

use anyhow::{Context, bail};
use chrono::{SecondsFormat, Utc};
use clap::Args;

use super::{
    page,
    run::{About, Row, Run},
};
use crate::commands::output::print_line;

#[derive(Debug, Args)]
pub(super) struct ImportArgs {
    /// Output of `hey`, its summary or with `-o csv`, or of `oha --output-format json`. None of them says what was measured: the
    /// file's name does, as in `one-checkout@50.csv`
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// What was measured, for files whose name doesn't say it
    #[arg(long, value_name = "NAME")]
    pattern: Option<String>,
    /// How many connections there were, for files whose name doesn't say it
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    concurrency: Option<u32>,
    /// Add it to this run, beside what is there; without it, a new one is made
    #[arg(long, value_name = "DIR")]
    into: Option<PathBuf>,
}

impl ImportArgs {
    pub(super) fn run(self) -> anyhow::Result<()> {
        // All are read before anything is written.
        let rows = self.files.iter().map(|file| self.row(file));
        let rows: Vec<_> = rows.collect::<anyhow::Result<_>>()?;
        let run = match &self.into {
            Some(dir) => Run::open(Some(dir))?,
            None => Run::begin(&About {
                begun: Utc::now().to_rfc3339_opts(SecondsFormat::Secs, true),
                processors: available_parallelism().map_or(0, usize::from),
                load: "imported".to_owned(),
                ..About::default()
            })?,
        };
        for row in &rows {
            run.add(row, &[])?;
        }
        let path = run.report(&page::render(&run.results()?))?;
        print_line(&format!("report  {}", path.display()));
        Ok(())
    }

    fn row(&self, file: &Path) -> anyhow::Result<Row> {
        let text =
            fs::read_to_string(file).with_context(|| format!("can't read {}", file.display()))?;
        let (pattern, concurrency) = named(file);
        let concurrency = concurrency.or(self.concurrency).with_context(|| {
            format!(
                "{}: how many connections were there? Call the file pattern@50.csv, or say --concurrency 50",
                file.display()
            )
        })?;
        let measured =
            parse(&text).with_context(|| format!("{} can't be imported", file.display()))?;
        Ok(Row {
            pattern: pattern
                .or_else(|| self.pattern.clone())
                .unwrap_or_else(|| stem(file)),
            concurrency,
            ..measured
        })
    }
}

/// Which pattern and how many connections the name of a file speaks of.
fn named(file: &Path) -> (Option<String>, Option<u32>) {
    let stem = stem(file);
    let parts = stem.rsplit_once('@');
    let named = parts.and_then(|(pattern, number)| {
        let number = number.parse().ok().filter(|number| *number > 0)?;
        (!pattern.is_empty()).then(|| (pattern.to_owned(), number))
    });
    named.unzip()
}

fn stem(file: &Path) -> String {
    let stem = file.file_stem().unwrap_or(file.as_os_str());
    stem.to_string_lossy().into_owned()
}

/// Finds out which of the formats it is.
fn parse(text: &str) -> anyhow::Result<Row> {
    let start = text.trim_start();
    if start.starts_with('{') {
        oha::parse(text)
    } else if start.starts_with(hey_csv::FIRST_COLUMN) {
        hey_csv::parse(text)
    } else if start.starts_with(hey_summary::HEADING) {
        hey_summary::parse(text)
    } else {
        bail!(
            "it is neither output of hey (its summary, or with -o csv) nor of oha (with --output-format json)"
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn assert_named(file: &str, pattern: Option<&str>, concurrency: Option<u32>) {
        assert_eq!(
            named(Path::new(file)),
            (pattern.map(str::to_owned), concurrency)
        );
    }

    #[test]
    fn a_file_is_named_after_what_it_holds() {
        assert_named("runs/one-checkout@50.csv", Some("one-checkout"), Some(50));
        assert_named("a@b@7.json", Some("a@b"), Some(7));
        for file in [
            "one-checkout.csv",
            "x@.csv",
            "x@many.csv",
            "@50.csv",
            "x@0.csv",
        ] {
            assert_named(file, None, None);
        }
    }

    fn arguments(file: &Path) -> ImportArgs {
        ImportArgs {
            files: vec![file.to_owned()],
            pattern: None,
            concurrency: None,
            into: None,
        }
    }

    #[test]
    fn the_name_is_heard_before_the_options() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("one@50.csv");
        fs::write(&file, include_str!("recorded/hey.csv")).unwrap();
        let arguments = ImportArgs {
            concurrency: Some(7),
            pattern: Some("other".to_owned()),
            ..arguments(&file)
        };
        let row = arguments.row(&file).unwrap();
        assert_eq!((row.pattern.as_str(), row.concurrency), ("one", 50));
        let unnamed = dir.path().join("x.csv");
        fs::copy(&file, &unnamed).unwrap();
        let row = arguments.row(&unnamed).unwrap();
        assert_eq!((row.pattern.as_str(), row.concurrency), ("other", 7));
    }

    #[test]
    fn what_is_missing_or_strange_is_named_with_its_file() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("one.csv");
        let error = |file: &Path| format!("{:#}", arguments(file).row(file).unwrap_err());
        assert!(error(&file).contains("can't read"), "{}", error(&file));
        fs::write(&file, include_str!("recorded/hey.csv")).unwrap();
        assert!(
            error(&file).contains("how many connections"),
            "{}",
            error(&file)
        );
        let file = dir.path().join("one@1.txt");
        fs::write(&file, "Running 10s test @ http://127.0.0.1\n").unwrap();
        assert!(
            error(&file).contains("one@1.txt can't be imported: it is neither"),
            "{}",
            error(&file)
        );
    }
}
