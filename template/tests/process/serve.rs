//! Starting and stopping.

#[cfg(feature = "sqlite")]
use std::net::TcpListener;

use crate::program::{Program, get};
#[cfg(unix)]
use crate::support::database::{Kind, TestDatabase};

/// How the last line of a start begins.
#[cfg(all(unix, feature = "sqlite"))]
const LAST: &str = if cfg!(feature = "swagger-ui") {
    "Swagger UI  http://127.0.0.1:"
} else {
    "ready       http://127.0.0.1:"
};

#[cfg(all(unix, feature = "sqlite"))]
#[test]
fn the_last_line_of_a_start_says_where_to_go_and_sigterm_ends_it_well() {
    let program = Program::on_free_port();
    let mut service = program.start(&[]);
    let line = service.line_with(LAST);
    if cfg!(feature = "swagger-ui") {
        assert!(line.ends_with("/docs"), "{line}");
    }
    assert!(
        program.dir().join("app.db").is_file(),
        "the database of `local` is a file"
    );

    let before = service.seen.len();
    service.terminate();
    let status = service.end();
    assert_eq!(
        status.code(),
        Some(0),
        "{:#?} {}",
        service.seen,
        service.stderr()
    );
    let next = service.seen.get(before).expect("it says that it stops");
    assert!(
        next.contains("stopping"),
        "{LAST}… was not the last line: {next}"
    );
}

#[cfg(feature = "sqlite")]
#[test]
fn it_answers_once_it_has_said_so() {
    let program = Program::on_free_port();
    let mut service = program.start(&["serve"]);
    let url = service.url();
    let answer = get(&url, "/readyz");
    assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
}

#[cfg(feature = "sqlite")]
#[test]
fn a_port_in_use_names_the_key_and_the_port() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let program = Program::new().with("SERVER_PORT", port.as_str());
    let error = program.error(&[]).replace(&port, "<port>");
    insta::assert_snapshot!(error, @"error: port <port> is in use already: stop what listens there, or set SERVER_PORT to another port");
}

/// Whatever the project's lists read is locked, and statements have longer than a test waits.
#[cfg(unix)]
#[tokio::test]
async fn a_second_sigterm_ends_it_although_a_statement_waits_for_a_lock() {
    use sea_orm::{ConnectionTrait, DbBackend, Statement, TransactionTrait};
    use std::{panic, thread};

    let Some(database) = TestDatabase::of(Kind::Postgres).await else {
        return;
    };
    let program = Program::on_free_port()
        .with_all(database.settings())
        .with("DATABASE_AUTO_MIGRATE", "false")
        .with("DATABASE_COMMAND_TIMEOUT_SECS", "600")
        .with("SERVER_REQUEST_TIMEOUT_SECS", "900")
        .with("SERVER_SHUTDOWN_TIMEOUT_SECS", "900");
    let mut service = program.start(&[]);
    let url = service.url();
    let document: serde_json::Value = serde_json::from_str(&program.output(&["openapi"])).unwrap();
    let paths = document["paths"].as_object().unwrap();
    let list = |(path, item): (&String, &serde_json::Value)| {
        let is_list = path.starts_with("/api/") && !path.contains('{') && item.get("get").is_some();
        is_list.then(|| path.clone())
    };
    let lists: Vec<String> = paths.iter().filter_map(list).collect();
    let lock = database.begin().await.unwrap();
    let lock_all = "DO $$ DECLARE name text; BEGIN \
            FOR name IN SELECT quote_ident(tablename) FROM pg_tables WHERE schemaname = 'public' LOOP \
                EXECUTE 'LOCK TABLE ' || name || ' IN ACCESS EXCLUSIVE MODE'; \
            END LOOP; END $$";
    lock.execute_unprepared(lock_all).await.unwrap();
    let clients: Vec<_> = lists
        .into_iter()
        .map(|path| {
            let url = url.clone();
            // what becomes of the connection is not for the client to say
            thread::spawn(move || panic::catch_unwind(|| get(&url, &path)).is_ok())
        })
        .collect();
    let waits = "SELECT FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'";
    let waits = Statement::from_string(DbBackend::Postgres, waits);
    while database
        .query_one_raw(waits.clone())
        .await
        .unwrap()
        .is_none()
    {
        if clients.iter().all(thread::JoinHandle::is_finished) {
            return; // a project whose lists don't read the database
        }
    }

    service.terminate();
    service.line_with("stopping: requests have");
    service.terminate();
    assert!(service.end().success(), "{}", service.stderr());
    let seen = service.seen.join("\n");
    assert!(seen.contains("cut off by a second signal"), "{seen}");
    assert!(!seen.contains("while connections were in use"), "{seen}");
    drop(lock);
}

#[cfg(all(feature = "sqlite", feature = "http-client"))]
#[test]
fn what_refuses_to_start_does_so_before_the_database_is_touched() {
    let program = Program::on_free_port();
    let file = program.dir().join("ca.pem");
    let broken = "-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----\n";
    std::fs::write(&file, broken).unwrap();
    let program = program.with("HTTP_CLIENT_CA_CERT", file);
    let error = program.error(&["serve"]);
    assert!(error.contains("HTTP_CLIENT_CA_CERT"), "{error}");
    assert!(!program.dir().join("app.db").exists(), "{error}");
}
