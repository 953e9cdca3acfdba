//! `migrate` and `seed`, on both databases.

use std::thread;

use rstest::rstest;

use crate::{
    program::Program,
    support::database::{Kind, TestDatabase},
};

/// A program on a migrated database. `None` if there is no such database here.
async fn program(kind: Kind) -> Option<(Program, TestDatabase)> {
    let database = TestDatabase::of(kind).await?;
    Some((Program::new().with_all(database.settings()), database))
}

/// The names after this word at the beginning of a line.
fn names(output: &str, word: &str) -> Vec<String> {
    let rest = output.lines().filter_map(|line| line.strip_prefix(word));
    rest.map(|name| name.trim().to_owned()).collect()
}

#[rstest]
#[case(Kind::Sqlite)]
#[case(Kind::Postgres)]
#[tokio::test]
async fn the_schema_goes_down_and_up_again(#[case] kind: Kind) {
    let Some((program, _database)) = program(kind).await else {
        return;
    };
    let all = names(&program.output(&["migrate", "status"]), "applied");
    let last: Vec<_> = all.last().cloned().into_iter().collect();

    assert_eq!(names(&program.output(&["migrate", "down"]), "undone"), last);
    assert_eq!(
        names(&program.output(&["migrate", "status"]), "pending"),
        last
    );
    assert_eq!(names(&program.output(&["migrate", "up"]), "applied"), last);
    assert_eq!(program.output(&["migrate", "up"]), "nothing to do\n");

    let all_down: Vec<_> = all.iter().rev().cloned().collect();
    assert_eq!(
        names(&program.output(&["migrate", "down", "99"]), "undone"),
        all_down
    );
    assert_eq!(
        names(&program.output(&["migrate", "fresh"]), "applied"),
        all
    );
    program.output(&["migrate", "status", "--wait=1"]);
}

#[rstest]
#[case(Kind::Sqlite)]
#[case(Kind::Postgres)]
#[tokio::test]
async fn processes_that_migrate_at_once_share_the_work(#[case] kind: Kind) {
    let Some((program, _database)) = program(kind).await else {
        return;
    };
    let all = names(&program.output(&["migrate", "status"]), "applied");
    program.output(&["migrate", "down", "99"]);

    let outputs = thread::scope(|scope| {
        let run = || scope.spawn(|| program.output(&["migrate", "up"]));
        let runs = [run(), run(), run()];
        runs.map(|run| run.join().unwrap())
    });
    let mut applied: Vec<String> = outputs
        .iter()
        .flat_map(|output| names(output, "applied"))
        .collect();
    applied.sort();
    assert_eq!(
        applied, all,
        "each migration was applied once: {outputs:#?}"
    );
}

#[rstest]
#[case("dev")]
#[case("uat")]
#[case("prod")]
fn fresh_is_refused_outside_local(#[case] env: &str) {
    let program = Program::new()
        .with("APP_ENV", env)
        .with("RATE_LIMIT_TRUSTED_PROXIES", "none")
        .with("DATABASE_URL", "postgres://app@127.0.0.1:1/app");
    let error = program.error(&["migrate", "fresh"]);
    assert_eq!(
        error,
        format!(
            "error: `migrate fresh` drops every table, which is refused outside local (APP_ENV={env})\n"
        )
    );
}

#[tokio::test]
async fn status_waits_for_another_process_to_migrate() {
    let database = TestDatabase::new().await;
    let program = Program::new().with_all(database.settings());
    if names(&program.output(&["migrate", "down"]), "undone").is_empty() {
        return; // a project without migrations has nothing to wait for
    }
    let error = program.error(&["migrate", "status", "--wait=0"]);
    assert!(error.contains("still migrations to be applied"), "{error}");

    let mut waiting = program.start(&["migrate", "status", "--wait"]);
    program.output(&["migrate", "up"]);
    assert!(waiting.end().success(), "{}", waiting.stderr());
    assert!(
        waiting.seen.iter().any(|line| line.ends_with("0 pending")),
        "{:?}",
        waiting.seen
    );
}

#[test]
fn status_says_why_the_database_could_not_be_asked_when_it_has_waited() {
    let program = Program::new().with("DATABASE_URL", "postgres://app@127.0.0.1:1/app");
    let error = program.error(&["migrate", "status", "--wait=1"]);
    assert!(error.contains("onnection refused"), "{error}");
}

#[tokio::test]
async fn seed_fills_empty_tables_only() {
    let database = TestDatabase::new().await;
    let program = Program::new().with_all(database.settings());
    let first = program.output(&["seed", "--rows", "3"]);
    let second = program.output(&["seed", "--rows", "3"]);
    for line in first.lines().filter(|line| line.ends_with(" rows")) {
        let table = line.split_whitespace().next().unwrap();
        assert!(
            second.contains(&format!("{table:12} nothing to add")),
            "{second}"
        );
    }
    assert_eq!(first.lines().count(), second.lines().count());
}

#[test]
fn seed_is_refused_in_prod() {
    let program = Program::new()
        .with("APP_ENV", "prod")
        .with("RATE_LIMIT_TRUSTED_PROXIES", "none")
        .with("DATABASE_URL", "postgres://app@127.0.0.1:1/app");
    let error = program.error(&["seed"]);
    assert!(error.contains("APP_ENV=prod"), "{error}");
}
