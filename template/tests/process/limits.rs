//! What a client may ask for, on the running binary: time, which ends its work in the database too, and how often.

use std::thread;
use std::time::{Duration, Instant};

use sea_orm::{ConnectionTrait, DbBackend, Statement, TransactionTrait};

#[cfg(feature = "sqlite")]
use crate::program::get;
use crate::program::{Program, send};
use crate::support::database::{Kind, TestDatabase};
use crate::support::files::project_file;

/// How the requests of these tests begin that give the service a tenth of a second.
const A_TENTH: &[&str] = &["X-Request-Timeout: 0.1"];

/// The lists of the project, which read the database. There are none in a project without resources.
fn lists(program: &Program) -> Vec<String> {
    let document: serde_json::Value = serde_json::from_str(&program.output(&["openapi"])).unwrap();
    let paths = document["paths"].as_object().unwrap().iter();
    let is_list = |(path, item): &(&String, &serde_json::Value)| {
        path.starts_with("/api/") && !path.contains('{') && item.get("get").is_some()
    };
    paths
        .filter(is_list)
        .map(|(path, _)| path.clone())
        .collect()
}

/// Sends a request with a deadline of less than a second, and makes sure that it is ended there, and not at a limit of the service's.
fn ask_too_much(url: &str, request: &str, deadline: &[&str]) {
    let start = Instant::now();
    let answer = send(url, request, deadline, "");
    let took = start.elapsed();
    assert!(
        answer.starts_with("HTTP/1.1 504 ") && answer.contains("X-Request-Timeout"),
        "the request was not ended by its deadline: {answer}"
    );
    assert!(
        took < Duration::from_secs(5),
        "{request} with {deadline:?} was answered after {took:?}"
    );
}

async fn waits_for_a_lock(database: &TestDatabase) -> bool {
    let waits = "SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'";
    let waits = Statement::from_string(DbBackend::Postgres, waits);
    database.query_one_raw(waits).await.unwrap().is_some()
}

/// Every table is locked, so a statement would wait until its limit of 15 seconds.
#[tokio::test]
async fn a_deadline_ends_the_statement_in_postgresql() {
    let Some(database) = TestDatabase::of(Kind::Postgres).await else {
        return;
    };
    let program = Program::on_free_port()
        .with_all(database.settings())
        .with("DATABASE_AUTO_MIGRATE", "false")
        .with("DATABASE_COMMAND_TIMEOUT_SECS", "15");
    let mut service = program.start(&[]);
    let url = service.url();
    let lock = database.begin().await.unwrap();
    let lock_all = "DO $$ DECLARE name text; BEGIN \
            FOR name IN SELECT quote_ident(tablename) FROM pg_tables WHERE schemaname = 'public' LOOP \
                EXECUTE 'LOCK TABLE ' || name || ' IN ACCESS EXCLUSIVE MODE'; \
            END LOOP; END $$";
    lock.execute_unprepared(lock_all).await.unwrap();

    for list in lists(&program) {
        let start = Instant::now();
        let mut seen = false;
        // On a busy machine the time may be over before the statement begins.
        while !seen {
            let (url, request) = (url.clone(), format!("GET {list}"));
            let client = thread::spawn(move || ask_too_much(&url, &request, A_TENTH));
            while !client.is_finished() {
                seen |= waits_for_a_lock(&database).await;
            }
            if let Err(panic) = client.join() {
                std::panic::resume_unwind(panic);
            }
            assert!(
                start.elapsed() < Duration::from_secs(12),
                "{list}: no statement was seen in pg_stat_activity while its request was answered"
            );
        }
        let start = Instant::now();
        while waits_for_a_lock(&database).await {
            assert!(
                start.elapsed() < Duration::from_secs(10),
                "{list}: 10 s after its request was answered the statement is still in pg_stat_activity"
            );
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
    drop(lock);
}

/// Every table is a view that first counts to a billion, which takes a minute and more.
#[cfg(all(target_os = "linux", feature = "sqlite"))]
#[tokio::test]
async fn a_deadline_stops_the_statement_in_sqlite() {
    let database = TestDatabase::sqlite().await;
    let tables = "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%' AND name NOT LIKE '%migrations'";
    let tables = Statement::from_string(DbBackend::Sqlite, tables);
    for row in database.query_all_raw(tables).await.unwrap() {
        let name: String = row.try_get("", "name").unwrap();
        let slow = format!(
            "ALTER TABLE {name} RENAME TO {name}_real; \
             CREATE VIEW {name} AS SELECT {name}_real.* FROM ( \
                 WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 1000000000) SELECT count(*) FROM n \
             ) CROSS JOIN {name}_real"
        );
        database.execute_unprepared(&slow).await.unwrap();
    }
    let program = Program::on_free_port()
        .with_all(database.settings())
        .with("DATABASE_AUTO_MIGRATE", "false")
        .with("DATABASE_COMMAND_TIMEOUT_SECS", "19");
    let mut service = program.start(&[]);
    let url = service.url();
    for list in lists(&program) {
        let start = Instant::now();
        // On a busy machine the time may be over before the statement begins.
        loop {
            let before = service.processor_time();
            let half_a_second = ["X-Request-Timeout: 0.5"];
            ask_too_much(&url, &format!("GET {list}"), &half_a_second);
            if service.processor_time() - before > 0.1 {
                break;
            }
            assert!(
                start.elapsed() < Duration::from_secs(30),
                "{list}: no statement was seen at work while its request was answered"
            );
        }
        let start = Instant::now();
        loop {
            let before = service.processor_time();
            // Long enough for a statement to get its turn on a busy machine.
            thread::sleep(Duration::from_secs(1));
            let used = service.processor_time() - before;
            if used < 0.04 {
                break;
            }
            assert!(
                start.elapsed() < Duration::from_secs(10),
                "{list}: 10 s after its request was answered the statement still runs: {used:.2} s of processor time in a second"
            );
        }
    }
}

#[cfg(feature = "sqlite")]
#[test]
fn a_client_that_sends_too_much_gets_429_while_probes_are_answered() {
    let program = Program::on_free_port()
        .with("RATE_LIMIT_ENABLED", "true")
        .with("RATE_LIMIT_PER_SECOND", "1")
        .with("RATE_LIMIT_BURST", "3");
    let mut service = program.start(&[]);
    let url = service.url();
    let limited = (0..100).map(|_| get(&url, "/")).find(|answer| {
        assert!(
            answer.contains("ratelimit-policy: \"client\";q=3;w=3\r\n"),
            "{answer}"
        );
        answer.starts_with("HTTP/1.1 429 ")
    });
    let answer = limited.expect("none of 100 requests at once is limited, where 3 are allowed");
    assert!(answer.contains("ratelimit: \"client\";r=0;t="), "{answer}");
    assert!(answer.contains("retry-after: 1\r\n"), "{answer}");
    assert!(answer.contains("\"code\":\"rate_limited\""), "{answer}");
    for _ in 0..20 {
        let answer = get(&url, "/livez");
        assert!(
            answer.starts_with("HTTP/1.1 200 "),
            "a probe is limited: {answer}"
        );
    }
}

#[test]
fn outside_local_it_must_be_told_which_proxies_to_trust_also_with_the_shipped_settings() {
    let shipped = project_file("env_files").display().to_string();
    for env in ["dev", "uat", "prod"] {
        let program = Program::new()
            .with("APP_ENV", env)
            .with("APP_CONFIG_DIR", &shipped)
            .with("DATABASE_URL", "postgres://app@127.0.0.1:1/app");
        let error = program.error(&["serve"]);
        assert!(
            error.contains("RATE_LIMIT_TRUSTED_PROXIES must say which proxies"),
            "{env}: {error}"
        );
    }
}

/// A request of this client, by way of a proxy on this machine.
#[cfg(feature = "sqlite")]
fn status_for(url: &str, client: &str) -> (String, String) {
    let answer = send(url, "GET /", &[&format!("X-Forwarded-For: {client}")], "");
    let status = answer.split(' ').nth(1).unwrap().to_owned();
    (status, answer.to_lowercase())
}

#[cfg(feature = "sqlite")]
#[test]
fn each_client_behind_a_proxy_has_a_limit_of_its_own() {
    let program = Program::on_free_port()
        .with("RATE_LIMIT_ENABLED", "true")
        .with("RATE_LIMIT_PER_SECOND", "1")
        .with("RATE_LIMIT_BURST", "3")
        .with("RATE_LIMIT_TRUSTED_PROXIES", "127.0.0.0/8");
    let mut service = program.start(&[]);
    let url = service.url();
    let greedy: Vec<_> = (0..50).map(|_| status_for(&url, "203.0.113.7")).collect();
    let limited: Vec<_> = greedy
        .iter()
        .filter(|(status, _)| status == "429")
        .collect();
    // On a busy machine some seconds may pass meanwhile, and each lets one more through.
    assert!(limited.len() > 10, "50 requests of one client: {greedy:#?}");
    for (_, answer) in limited {
        assert!(answer.contains("\r\nretry-after: "), "{answer}");
        assert!(answer.contains("\r\nratelimit: "), "{answer}");
        assert!(answer.contains(r#""code":"rate_limited""#), "{answer}");
    }
    for other in ["203.0.113.8", "2001:db8::1"] {
        assert_eq!(status_for(&url, other).0, "200", "another client: {other}");
    }
    // The address that the proxy added counts, not the one that its client made up, which could send three.
    let made_up = || status_for(&url, "198.51.100.1, 203.0.113.7, 127.0.0.1").0;
    let made_up = [made_up(), made_up(), made_up()];
    let probes: Vec<_> = (0..20).map(|_| get(&url, "/livez")).collect();
    assert!(
        probes
            .iter()
            .all(|answer| answer.starts_with("HTTP/1.1 200 "))
    );
    assert!(
        made_up.contains(&"429".to_owned()),
        "a client chose its own address: {made_up:?}"
    );
}
