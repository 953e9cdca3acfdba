//! Batches that are sent twice, to several replicas, or to one that is killed over them.

use std::time::Duration;

use futures::future::join_all;
use rstest::rstest;
use sea_orm::{ConnectionTrait, TransactionSession, TransactionTrait};
use serde_json::json;

use super::{
    cancelled::patient,
    client::{Answer, Client},
    sessions::{WAITING, at_least, first, nothing_runs},
};
use crate::{
    program::Program,
    support::database::{Kind, TestDatabase},
};

const BATCH: &str = "/api/v1/users/batch";

/// So many users with addresses of their own.
fn users(of: &str, count: usize) -> String {
    let users = (0..count)
        .map(|number| json!({ "name": "User", "email": format!("{of}-{number}@example.com") }));
    users.collect::<serde_json::Value>().to_string()
}

async fn rows(database: &TestDatabase, table: &str) -> i64 {
    first(database, &format!("SELECT count(*) FROM {table}")).await
}

/// Whoever sets the answer of a key waits for whoever holds the lock.
const HELD_BEFORE_THE_ANSWER: &str = "
    CREATE FUNCTION held() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN PERFORM pg_advisory_xact_lock(1); RETURN NEW; END $$;
    CREATE TRIGGER held BEFORE UPDATE ON idempotency_keys FOR EACH ROW EXECUTE FUNCTION held()";

#[rstest]
#[case::between_key_and_effect("", "LOCK TABLE users IN EXCLUSIVE MODE")]
#[case::between_effect_and_answer(HELD_BEFORE_THE_ANSWER, "SELECT pg_advisory_xact_lock(1)")]
#[tokio::test]
async fn a_service_that_is_killed_between_two_statements_has_created_nothing_and_the_key_is_free(
    #[case] prepare: &str,
    #[case] lock: &str,
) {
    let Some(database) = TestDatabase::of(Kind::Postgres).await else {
        return;
    };
    let program = patient(&database);
    let mut service = program.start(&[]);
    let client = Client::of(&service.url());
    database.execute_unprepared(prepare).await.unwrap();
    let held = database.begin().await.unwrap();
    held.execute_unprepared(lock).await.unwrap();

    let body = users("killed", 3);
    let request = tokio::spawn(client.post_once(BATCH, "batch-1", &body));
    at_least(1, &database, WAITING).await;
    // With SIGKILL: it has no time for anything.
    drop(service);
    assert!(
        request.await.is_err(),
        "it was answered by a killed service"
    );
    // The lock is still held: what waits for it has ended because its client is gone.
    nothing_runs(&database).await;
    held.rollback().await.unwrap();
    assert_eq!(rows(&database, "users").await, 0);
    assert_eq!(rows(&database, "idempotency_keys").await, 0);

    let mut service = program.start(&[]);
    let client = Client::of(&service.url());
    let first = client.post_once(BATCH, "batch-1", &body).await;
    assert!(first.status == 200 && !first.is_replayed(), "{first:?}");
    let second = client.post_once(BATCH, "batch-1", &body).await;
    assert!(second.status == 200 && second.is_replayed(), "{second:?}");
    assert_eq!(second.body, first.body);
    assert_eq!(rows(&database, "users").await, 3);
}

#[tokio::test]
async fn of_one_key_sent_to_two_replicas_at_once_there_is_one_effect_and_one_answer() {
    const KEYS: usize = 20;

    let Some(database) = TestDatabase::of(Kind::Postgres).await else {
        return;
    };
    let programs = [patient(&database), patient(&database)];
    let mut replicas = programs.each_ref().map(|program| program.start(&[]));
    let clients = replicas
        .each_mut()
        .map(|replica| Client::of(&replica.url()));
    let mut replayed_by = [0, 0];
    for key in 0..KEYS {
        let (name, body) = (format!("key-{key}"), users(&format!("key-{key}"), 3));
        let sent = clients.iter().flat_map(|client| {
            let again = || tokio::spawn(client.post_once(BATCH, &name, &body));
            [again(), again()]
        });
        let answers = join_all(sent).await;
        let answers: Vec<Answer> = answers.into_iter().map(Result::unwrap).collect();
        let first: Vec<_> = answers
            .iter()
            .filter(|answer| !answer.is_replayed())
            .collect();
        assert_eq!(first.len(), 1, "{answers:#?}");
        for answer in &answers {
            assert_eq!((answer.status, &answer.body), (200, &first[0].body));
        }
        for (replica, of_replica) in answers.chunks(2).enumerate() {
            replayed_by[replica] += usize::from(of_replica.iter().all(Answer::is_replayed));
        }
    }
    println!("replayed what the other one had done: {replayed_by:?}");
    assert_eq!(
        replayed_by.iter().sum::<usize>(),
        KEYS,
        "each key was done by one replica"
    );
    let expected = i64::try_from(KEYS).unwrap();
    assert_eq!(rows(&database, "users").await, expected * 3);
    assert_eq!(rows(&database, "idempotency_keys").await, expected);
}

/// Who waits longer for the first request than a statement may take is told so.
#[tokio::test]
async fn a_request_whose_first_sending_is_still_under_way_is_a_conflict_and_has_no_effect() {
    let Some(database) = TestDatabase::of(Kind::Postgres).await else {
        return;
    };
    let first_one = patient(&database);
    let second_one = Program::on_free_port()
        .with_all(database.settings())
        .with("DATABASE_COMMAND_TIMEOUT_SECS", "1");
    let (mut first_one, mut second_one) = (first_one.start(&[]), second_one.start(&[]));
    let clients = [&mut first_one, &mut second_one].map(|replica| Client::of(&replica.url()));
    let held = database.begin().await.unwrap();
    held.execute_unprepared("LOCK TABLE users IN EXCLUSIVE MODE")
        .await
        .unwrap();

    let body = users("slow", 3);
    let first = tokio::spawn(clients[0].post_once(BATCH, "batch-1", &body));
    at_least(1, &database, WAITING).await;
    let second = clients[1].post_once(BATCH, "batch-1", &body).await;
    assert_eq!(second.status, 409, "{second:?}");
    assert!(second.took >= Duration::from_secs(1), "{second:?}");
    held.rollback().await.unwrap();
    assert_eq!(first.await.unwrap().status, 200);
    let again = clients[1].post_once(BATCH, "batch-1", &body).await;
    assert!(again.status == 200 && again.is_replayed(), "{again:?}");
    assert_eq!(rows(&database, "users").await, 3);
}

#[rstest]
#[case(1, 1)]
#[case(500, 1)]
#[case(5000, 2)]
#[tokio::test]
async fn a_batch_is_one_statement_for_each_chunk_not_for_each_row(
    #[case] count: usize,
    #[case] statements: i64,
) {
    let Some(database) = TestDatabase::of(Kind::Postgres).await else {
        return;
    };
    let program = patient(&database)
        .with("BATCH_MAX_ITEMS", "5000")
        .with("SERVER_BODY_LIMIT_BYTES", "1000000");
    let mut service = program.start(&[]);
    let client = Client::of(&service.url());
    let counted = "
        CREATE SEQUENCE statements;
        CREATE FUNCTION counted() RETURNS trigger LANGUAGE plpgsql AS $$
        BEGIN PERFORM nextval('statements'); RETURN NULL; END $$;
        CREATE TRIGGER counted AFTER INSERT ON users FOR EACH STATEMENT EXECUTE FUNCTION counted()";
    database.execute_unprepared(counted).await.unwrap();
    let answer = client.post(BATCH, &users("many", count)).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    assert_eq!(
        rows(&database, "users").await,
        i64::try_from(count).unwrap()
    );
    let seen: i64 = first(&database, "SELECT last_value FROM statements").await;
    assert_eq!(seen, statements);
}
