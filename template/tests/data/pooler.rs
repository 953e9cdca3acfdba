//! `DATABASE_POOLER=transaction`, and statements that don't stay prepared. What a pooler does can be told from any server: each
//! transaction must bring along what it needs, and leave nothing.

use app::core::database::{DataError, migrator::Migrator};
use sea_orm::{ConnectionTrait, TransactionTrait};

use crate::{
    support::database::TestDatabase,
    toys::{add, count, number, sql},
};

const PREPARED: &str = "SELECT count(*) FROM pg_prepared_statements";

async fn text(connection: &impl ConnectionTrait, show: &str) -> String {
    let row = connection.query_one_raw(sql(connection, show)).await;
    row.unwrap().unwrap().try_get_by_index(0).unwrap()
}

#[tokio::test]
async fn each_transaction_brings_its_settings_along_and_leaves_none() {
    let Some(db) = TestDatabase::postgres().await else {
        return;
    };
    let url = format!("{}&options[search_path]=public,pg_catalog", db.url());
    let pool = db.pool([
        ("URL", url.replace("/?&", "/?").as_str()),
        ("POOLER", "transaction"),
        ("AUTO_MIGRATE", "false"),
        ("POOL_MAX_SIZE", "1"),
        ("COMMAND_TIMEOUT_SECS", "7"),
    ]);
    for (setting, value) in [
        ("statement_timeout", "7s"),
        ("client_connection_check_interval", "10ms"),
        ("search_path", "public,pg_catalog"),
    ] {
        let show = format!("SHOW {setting}");
        assert_eq!(text(&pool, &show).await, value, "a statement of its own");
        let tx = pool.begin().await.unwrap();
        assert_eq!(text(&tx, &show).await, value, "a transaction");
        let inner = tx.begin().await.unwrap();
        assert_eq!(text(&inner, &show).await, value, "a savepoint");
    }
    add(&pool, "bear").await.unwrap();
    let error = DataError::from(add(&pool, "bear").await.unwrap_err());
    assert!(matches!(error, DataError::Conflict { .. }), "{error:?}");
    assert_eq!(count(&pool).await, 1);
    assert_eq!(
        number(&pool, PREPARED).await,
        Ok(0),
        "nothing stays prepared"
    );
    // what runs as it is, outside a transaction, is what another client of the pooler would meet
    let session = "DO $$ BEGIN IF current_setting('statement_timeout') = '7s' THEN RAISE 'left behind'; END IF; END $$";
    pool.execute_unprepared(session).await.unwrap();
}

#[tokio::test]
async fn as_many_statements_stay_prepared_as_the_cache_holds() {
    let Some(db) = TestDatabase::direct().await else {
        return;
    };
    let pool = db.pool([("POOL_MAX_SIZE", "1"), ("STATEMENT_CACHE_SIZE", "2")]);
    for nr in 0..5 {
        let select = format!("SELECT CAST({nr} AS BIGINT)");
        number(&pool, &select).await.unwrap();
    }
    assert_eq!(number(&pool, PREPARED).await, Ok(2));
}

/// sqlx asks for a type of the owner's when it meets it first: in the middle of preparing a statement.
#[tokio::test]
async fn types_of_the_owner_are_read_although_nothing_stays_prepared() {
    let Some(db) = TestDatabase::postgres().await else {
        return;
    };
    let make = "CREATE TYPE mood AS ENUM ('happy'); CREATE TYPE \"My Type\" AS ENUM ('sad')";
    db.execute_unprepared(make).await.unwrap();
    let pool = db.pool([("AUTO_MIGRATE", "false"), ("POOLER", "transaction")]);
    pool.transaction(async |tx| {
        let select = "SELECT 'happy'::mood, 'sad'::\"My Type\", ARRAY['happy'::mood]";
        tx.query_one_raw(sql(tx, select)).await
    })
    .await
    .unwrap();
}

#[tokio::test]
async fn migrations_refuse_to_go_through_a_pooler() {
    let Some(db) = TestDatabase::direct().await else {
        return;
    };
    let config = db.config([("POOLER", "transaction"), ("AUTO_MIGRATE", "false")]);
    let migrator = Migrator::new(&config, "tests").unwrap();
    for refused in [
        migrator.up().await.map(drop),
        migrator.status().await.map(drop),
    ] {
        let error = refused.unwrap_err().to_string();
        assert!(error.contains("DATABASE_POOLER=none"), "{error}");
    }
}
