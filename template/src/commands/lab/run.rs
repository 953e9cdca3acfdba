//! A run's folder: what was measured, as CSV, and the report.

use std::{
    fs::{self, File, OpenOptions},
    path::{Path, PathBuf},
};

use anyhow::{Context, bail};
use chrono::Utc;
use serde::{Deserialize, Serialize, de::DeserializeOwned};

use super::watch::Sample;

/// Where runs are, seen from where the command is typed.
pub(super) const RUNS: &str = "lab/runs";

/// Who measured what the lab measured itself.
pub(super) const SWEEP: &str = "sweep";

const RESULTS: &str = "results.csv";
const POOL: &str = "pool.csv";
const ABOUT: &str = "run.json";
const REPORT: &str = "report.html";

/// One measurement: a pattern at a concurrency. docs/lab.md says what each column means.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct Row {
    /// The pattern's name, or the path that was asked for.
    pub(super) pattern: String,
    /// Who measured: `sweep`, `hey` or `oha`.
    pub(super) source: String,
    /// Connections, each with one request at a time.
    pub(super) concurrency: u32,
    /// Requests per second that were due; empty in a closed loop.
    pub(super) rate: Option<f64>,
    /// Until the last answer was there.
    pub(super) seconds: f64,
    /// Answers with a status below 400.
    pub(super) succeeded: u64,
    /// Answers with any other.
    pub(super) failed: u64,
    /// Requests without an answer: refused, broken off, or not in time.
    pub(super) unanswered: u64,
    /// Successes in a second.
    pub(super) throughput: f64,
    pub(super) mean_ms: Option<f64>,
    pub(super) p50_ms: Option<f64>,
    pub(super) p95_ms: Option<f64>,
    pub(super) p99_ms: Option<f64>,
    pub(super) max_ms: Option<f64>,
    /// Connections that were taken from the pool and given back.
    pub(super) checkouts: Option<u64>,
    /// Statements that the database was asked.
    pub(super) statements: Option<u64>,
    /// Requests that got what another's load came to.
    pub(super) coalesced: Option<u64>,
    /// Connections the pool may hold, and at most and on average held in use.
    pub(super) pool_max: Option<u32>,
    pub(super) pool_peak: Option<u32>,
    pub(super) pool_mean: Option<f64>,
    /// Callers that waited for one, at most.
    pub(super) waiting_peak: Option<u32>,
    /// How often each status came, such as `200:950 503:50`.
    pub(super) statuses: String,
}

impl Row {
    pub(super) fn requests(&self) -> u64 {
        self.succeeded + self.failed + self.unanswered
    }

    /// Whether the lab measured it, and looked at the service meanwhile.
    pub(super) fn is_swept(&self) -> bool {
        self.source == SWEEP
    }

    /// Whether both can be compared at different concurrencies: the same measured, at the same rate.
    pub(super) fn is_measured_like(&self, other: &Self) -> bool {
        (&self.source, self.rate) == (&other.source, other.rate)
    }
}

/// The pool at a moment of a measurement.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct PoolRow {
    pub(super) pattern: String,
    pub(super) concurrency: u32,
    /// As in the measurement.
    pub(super) rate: Option<f64>,
    /// Milliseconds since that measurement began.
    pub(super) at_ms: f64,
    pub(super) in_use: u32,
    pub(super) waiting: u32,
}

impl PoolRow {
    /// Whether it was looked at during this measurement.
    pub(super) fn is_of(&self, row: &Row) -> bool {
        let measured = (&row.pattern, row.concurrency, row.rate);
        row.is_swept() && (&self.pattern, self.concurrency, self.rate) == measured
    }
}

/// What holds for all of a run.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct About {
    /// When it began, in UTC.
    pub(super) begun: String,
    /// Which service was loaded.
    pub(super) url: String,
    /// The processors that the load had, and the service too if it was on the same machine.
    pub(super) processors: usize,
    /// How it was loaded, in words.
    pub(super) load: String,
}

/// A run and its folder.
pub(super) struct Run {
    dir: PathBuf,
}

/// What is known of a run.
pub(super) struct Results {
    pub(super) about: About,
    pub(super) rows: Vec<Row>,
    pub(super) pool: Vec<PoolRow>,
}

impl Run {
    /// Makes the folder of a new run, named after the time.
    pub(super) fn begin(about: &About) -> anyhow::Result<Self> {
        let runs = Path::new(RUNS);
        fs::create_dir_all(runs).with_context(|| format!("can't make {RUNS}"))?;
        // The folder ignores itself, so that a project without a lab need not know of it.
        fs::write(runs.join(".gitignore"), "*\n")?;
        let name = Utc::now().format("%Y%m%dT%H%M%SZ").to_string();
        let names = (1..100).map(|number| match number {
            1 => name.clone(),
            _ => format!("{name}-{number}"),
        });
        for name in names {
            let dir = runs.join(name);
            match fs::create_dir(&dir) {
                Ok(()) => {
                    let run = Self { dir };
                    run.describe(about)?;
                    return Ok(run);
                }
                Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {}
                Err(error) => {
                    return Err(error).with_context(|| format!("can't make {}", dir.display()));
                }
            }
        }
        bail!("there are too many runs of this second in {RUNS}")
    }

    /// The run of a folder; without one, the last run.
    pub(super) fn open(dir: Option<&Path>) -> anyhow::Result<Self> {
        let dir = match dir {
            Some(dir) => dir.to_owned(),
            None => last().context("there is no run in lab/runs yet: `lab sweep` makes one")?,
        };
        if !dir.join(RESULTS).is_file() {
            bail!("{} is no run: it holds no {RESULTS}", dir.display());
        }
        Ok(Self { dir })
    }

    fn describe(&self, about: &About) -> anyhow::Result<()> {
        let text = serde_json::to_string_pretty(about)?;
        fs::write(self.dir.join(ABOUT), text + "\n")?;
        Ok(())
    }

    /// Adds a measurement. It is on the disk when this returns, whatever becomes of the rest.
    pub(super) fn add(&self, row: &Row, samples: &[Sample]) -> anyhow::Result<()> {
        let pool = samples.iter().map(|sample| PoolRow {
            pattern: row.pattern.clone(),
            concurrency: row.concurrency,
            rate: row.rate,
            at_ms: sample.at_ms,
            in_use: sample.pool.in_use,
            waiting: sample.pool.waiting,
        });
        append(&self.dir.join(POOL), pool)?;
        append(&self.dir.join(RESULTS), [row])
    }

    /// All that was measured.
    pub(super) fn results(&self) -> anyhow::Result<Results> {
        let about = self.dir.join(ABOUT);
        let about = match fs::read_to_string(&about) {
            Ok(text) => serde_json::from_str(&text)
                .with_context(|| format!("{} is not what a run wrote", about.display()))?,
            Err(_) => About::default(), // a folder of CSV files that somebody put together
        };
        let rows: Vec<Row> = read(&self.dir.join(RESULTS))?;
        if rows.is_empty() {
            bail!("nothing was measured in {}", self.dir.display());
        }
        let pool = self.dir.join(POOL);
        let pool = if pool.is_file() {
            read(&pool)?
        } else {
            Vec::new()
        };
        Ok(Results { about, rows, pool })
    }

    /// Writes the report, and says where it is.
    pub(super) fn report(&self, html: &str) -> anyhow::Result<PathBuf> {
        let path = self.dir.join(REPORT);
        fs::write(&path, html).with_context(|| format!("can't write {}", path.display()))?;
        Ok(path)
    }
}

/// The run that was begun last: their names are times.
fn last() -> Option<PathBuf> {
    let runs = fs::read_dir(RUNS).ok()?;
    let folders = runs.filter_map(|entry| Some(entry.ok()?.path()));
    folders.filter(|dir| dir.join(RESULTS).is_file()).max()
}

fn append<R: Serialize>(path: &Path, rows: impl IntoIterator<Item = R>) -> anyhow::Result<()> {
    let is_new = !path.exists();
    let open = OpenOptions::new().create(true).append(true).open(path);
    let file = open.with_context(|| format!("can't write {}", path.display()))?;
    let mut writer = csv::WriterBuilder::new()
        .has_headers(is_new)
        .from_writer(file);
    for row in rows {
        writer.serialize(row)?;
    }
    Ok(writer.flush()?)
}

fn read<R: DeserializeOwned>(path: &Path) -> anyhow::Result<Vec<R>> {
    let file = File::open(path).with_context(|| format!("can't read {}", path.display()))?;
    let rows = csv::Reader::from_reader(file).into_deserialize();
    rows.collect::<Result<_, _>>()
        .with_context(|| format!("{} has another form", path.display()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::commands::lab::watch::Pool;

    fn row(pattern: &str) -> Row {
        Row {
            pattern: pattern.to_owned(),
            source: "sweep".to_owned(),
            concurrency: 10,
            seconds: 1.5,
            succeeded: 3,
            p50_ms: Some(0.25),
            statuses: "200:3".to_owned(),
            ..Row::default()
        }
    }

    #[test]
    fn what_was_added_is_read_back() {
        let dir = tempfile::tempdir().unwrap();
        let run = Run {
            dir: dir.path().to_owned(),
        };
        let rows = [row("one"), row("with, \"odd\" name")];
        let pool = Pool {
            max_size: 10,
            in_use: 3,
            waiting: 1,
        };
        run.add(&rows[0], &[Sample { at_ms: 0.5, pool }]).unwrap();
        run.add(&rows[1], &[]).unwrap();
        let results = Run::open(Some(dir.path())).unwrap().results().unwrap();
        assert_eq!(results.rows, rows);
        assert_eq!((results.pool.len(), results.pool[0].in_use), (1, 3));
        assert_eq!(results.about, About::default());
    }

    #[test]
    fn a_folder_that_is_no_run_is_named() {
        let dir = tempfile::tempdir().unwrap();
        let error = Run::open(Some(dir.path())).err().unwrap().to_string();
        assert!(
            error.contains("is no run: it holds no results.csv"),
            "{error}"
        );
        fs::write(dir.path().join(RESULTS), "pattern,concurrency\nx,many\n").unwrap();
        let run = Run::open(Some(dir.path())).unwrap();
        let error = format!("{:#}", run.results().err().unwrap());
        assert!(error.contains("results.csv has another form"), "{error}");
        fs::write(dir.path().join(RESULTS), "").unwrap();
        let error = run.results().err().unwrap().to_string();
        assert!(error.contains("nothing was measured"), "{error}");
    }
}
