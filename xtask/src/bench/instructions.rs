//! The instructions that a request takes, as Valgrind counts them: the same on a busy machine as on an idle one, so that a check can
//! look at them.
//!
//! The kernel's share is not in it, nor what a processor makes of them: they tell that something has changed, not how fast it is.
//!
//! Everything runs on one processor, and one thread serves one connection: whoever asks has to wait before somebody can answer. The service
//! yields to all others, so that the database's answer is there before it goes to sleep: otherwise that is chance, and worth 2,000
//! instructions each time. Of many counts of a few requests the least is the one in which nothing else came in between.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};
use nix::sched::{CpuSet, sched_getaffinity, sched_setaffinity};
use nix::unistd::Pid;
use serde_json::json;
use tempfile::TempDir;

use super::samples::{Spread, number};
use super::servers::Server;
use super::stage::{Profile, Stage, told};
use crate::cargo::program;
use crate::context::Context;
use crate::http::free_port;
use crate::load::Client;
use crate::packages;
use crate::runner::say;

/// How much more a request may take than is written down.
const TOLERANCE: f64 = 0.03;

/// Until statements are prepared and everything lazy is made.
const WARM_UP: u32 = 100;
const BATCHES: u32 = 60;
const REQUESTS: u32 = 4;

/// What is asked for, as in [`requests`](super::sections).
const ASKS: [&str; 4] = ["static", "get", "list", "post"];

/// Counts, and says what came of it; whether nothing takes more than is written down. With `write`, what was counted is written down.
pub(crate) fn count(cx: &Context<'_>, write: bool) -> Result<bool> {
    let service = Stage::build(cx, Profile::Quick)?;
    stay_on_one_processor()?;
    let stage = Stage::set(cx, service, Profile::Quick)?;
    say("  counting    instructions a request");
    let counted = Counted::start(&stage)?.all(&stage)?;
    let file = cx.repo().root().join("bench/instructions.json");
    let before = read(&file)?;
    let mut is_well = true;
    for (ask, instructions) in &counted {
        let known = before.get(*ask).copied();
        let more = known.map(|known| instructions / known - 1.0);
        let verdict = match more {
            None => "not written down yet".to_owned(),
            Some(more) if more > TOLERANCE => {
                is_well = false;
                format!("{:+.1} %: more than is written down", more * 100.0)
            }
            Some(more) if more < -TOLERANCE => {
                format!("{:+.1} %: worth writing down", more * 100.0)
            }
            Some(more) => format!("{:+.1} %", more * 100.0),
        };
        say(&format!("  {ask:12}{:12}{verdict}", number(*instructions)));
    }
    if write {
        let rounded = counted.iter().map(|(ask, count)| (*ask, count.round()));
        let json = json!(rounded.collect::<BTreeMap<_, _>>());
        fs::write(&file, format!("{json:#}\n"))?;
        say(&format!("  written     {}", file.display()));
        return Ok(true);
    }
    if !is_well {
        say(
            "\n  A request takes more instructions than bench/instructions.json says. If that is what it has to cost, write it down: \
             `cargo xtask bench --instructions --write-baseline`, and say in the commit why.",
        );
    }
    Ok(is_well)
}

/// This tool, and what it starts from now on.
fn stay_on_one_processor() -> Result<()> {
    let this = Pid::from_raw(0);
    let allowed = sched_getaffinity(this)?;
    let first = (0..CpuSet::count()).find(|processor| allowed.is_set(*processor).unwrap_or(false));
    let mut one = CpuSet::new();
    one.set(first.context("there is no processor")?)?;
    Ok(sched_setaffinity(this, &one)?)
}

fn read(file: &Path) -> Result<BTreeMap<String, f64>> {
    if !file.is_file() {
        return Ok(BTreeMap::new());
    }
    let text = fs::read_to_string(file)?;
    serde_json::from_str(&text).with_context(|| format!("{} holds no figures", file.display()))
}

/// The service under Valgrind.
struct Counted {
    server: Server,
    /// Asks Valgrind to do something.
    vgdb: PathBuf,
    folder: TempDir,
    dumps: u32,
}

impl Counted {
    fn start(stage: &Stage<'_>) -> Result<Self> {
        let by_hand = "Valgrind is needed to count (Debian, Ubuntu: `apt-get install valgrind`)";
        if packages::find_program("vgdb").is_none() {
            packages::install(&["valgrind"], by_hand, |command| {
                Ok(stage.cx.execute(command)?.success())
            })?;
        }
        let valgrind = packages::find_program("valgrind").context(by_hand)?;
        let folder = TempDir::with_prefix("strata-bench-")?;
        let (port, management) = (free_port()?, free_port()?);
        let yielding = packages::find_program("chrt")
            .context("chrt is needed to count (Debian, Ubuntu: in util-linux)")?;
        let mut command = program(yielding, &stage.service.folder);
        command.args(["--idle", "0"]).arg(valgrind);
        let mut file = std::ffi::OsString::from("--callgrind-out-file=");
        file.push(folder.path().join("counted"));
        command.args(["--quiet", "--tool=callgrind"]).arg(file);
        command.arg(&stage.service.path).arg("serve");
        told(&mut command, &stage.database, management).env("SERVER_WORKER_THREADS", "1");
        let ready = (management, "/readyz");
        Ok(Self {
            server: Server::start(command, port, ready, &stage.cx.log, true)?,
            vgdb: packages::find_program("vgdb").context(by_hand)?,
            folder,
            dumps: 0,
        })
    }

    /// The instructions of each request, in the order in which they are asked for.
    fn all(mut self, stage: &Stage<'_>) -> Result<Vec<(&'static str, f64)>> {
        let ids = fs::read_to_string(stage.ids("users")?)?;
        let ids: Vec<&str> = ids.lines().collect();
        let mut client = Client::new(self.server.port(), "127.0.0.1".to_owned());
        let mut created = 0;
        let mut counted = Vec::new();
        for ask in ASKS {
            let mut send = |number: u32| -> Result<()> {
                let (request, body) = match ask {
                    "static" => ("GET /".to_owned(), String::new()),
                    "get" => {
                        let id = ids[number as usize % ids.len()];
                        (format!("GET /api/v1/users/{id}"), String::new())
                    }
                    "list" => ("GET /api/v1/users".to_owned(), String::new()),
                    _ => {
                        created += 1;
                        let email = format!("counted-{created:06}@example.com");
                        let body = json!({ "name": "Ada Lovelace", "email": email, "age": 36 });
                        ("POST /api/v1/users".to_owned(), body.to_string())
                    }
                };
                let (status, answer) = client.ask(&request, &body)?;
                ensure!(
                    matches!(status, 200 | 201),
                    "{request} is answered with {status}: {answer}"
                );
                Ok(())
            };
            (0..WARM_UP).try_for_each(&mut send)?;
            let mut batches = Vec::new();
            self.tell(stage.cx, "zero")?;
            for _ in 0..BATCHES {
                (0..REQUESTS).try_for_each(&mut send)?;
                batches.push(self.dump(stage.cx)? / f64::from(REQUESTS));
            }
            let spread = Spread::of(&batches).context("there are batches")?;
            stage.cx.note(&format!("{ask}: {spread}"))?;
            // Whatever else the machine does adds to a count, and takes nothing away.
            counted.push((ask, spread.min));
        }
        self.server.stop()?;
        Ok(counted)
    }

    /// What was counted since the last dump, or since [`tell`](Self::tell) it to begin at zero.
    fn dump(&mut self, cx: &Context<'_>) -> Result<f64> {
        self.tell(cx, "dump")?;
        self.dumps += 1;
        let file = self.folder.path().join(format!("counted.{}", self.dumps));
        let text = fs::read_to_string(&file).context("Valgrind writes down what it counted")?;
        let totals = text.lines().find_map(|line| line.strip_prefix("totals: "));
        Ok(totals.context("Valgrind counts")?.trim().parse()?)
    }

    fn tell(&self, cx: &Context<'_>, command: &str) -> Result<()> {
        let mut vgdb = program(&self.vgdb, self.folder.path());
        let process = format!("--pid={}", self.server.group().0);
        let status = cx.execute(vgdb.args([&process, command]))?;
        ensure!(
            status.success(),
            "Valgrind can't be spoken to; see {}",
            cx.log.display()
        );
        Ok(())
    }
}
