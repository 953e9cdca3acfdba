//! The schema's history, whatever migrations are registered: this binary brings two of its own, the project's parts theirs.

use std::time::Duration;

use app::core::{
    config::{Config, DatabaseConfig},
    database::migrator::{MigrateError, Migrator},
};
use rstest::rstest;
use sea_orm::ConnectionTrait;

use crate::{
    support::database::{Kind, TestDatabase},
    toys::{add, count, eventually, number, sql},
};

const OURS: [&str; 2] = [
    "m00000000_000001_create_owners",
    "m00000000_000002_create_toys",
];

fn migrator(db: &TestDatabase) -> Migrator {
    Migrator::new(&db.config([]), "tests").unwrap()
}

/// Everything the database says about its schema, but for the list of migrations.
async fn schema(db: &TestDatabase) -> Vec<String> {
    let text = match db.kind() {
        Kind::Sqlite => {
            "SELECT type || ' ' || name || ': ' || coalesce(sql, '') FROM sqlite_schema \
             WHERE tbl_name NOT IN ('seaql_migrations', 'sqlite_sequence') ORDER BY 1"
        }
        Kind::Postgres => {
            "SELECT concat_ws(' ', table_name, column_name, data_type, character_maximum_length, numeric_precision, \
                              numeric_scale, is_nullable, column_default, is_identity) AS line \
             FROM information_schema.columns WHERE table_schema = 'public' AND table_name <> 'seaql_migrations' \
             UNION ALL SELECT indexdef FROM pg_indexes WHERE schemaname = 'public' AND tablename <> 'seaql_migrations' \
             UNION ALL SELECT concat_ws(' ', conrelid::regclass, conname, pg_get_constraintdef(oid)) FROM pg_constraint \
             WHERE connamespace = 'public'::regnamespace AND conrelid <> 'seaql_migrations'::regclass \
             UNION ALL SELECT concat_ws(' ', typname, typtype) FROM pg_type \
             WHERE typnamespace = 'public'::regnamespace AND typname NOT LIKE '%seaql_migrations' \
             UNION ALL SELECT proname FROM pg_proc WHERE pronamespace = 'public'::regnamespace ORDER BY 1"
        }
    };
    let rows = db.query_all_raw(sql(db.database(), text)).await.unwrap();
    rows.iter()
        .map(|row| row.try_get_by_index(0).unwrap())
        .collect()
}

#[rstest]
#[tokio::test]
async fn up_down_and_up_again_leave_the_same_schema(
    #[values(Kind::Sqlite, Kind::Postgres)] kind: Kind,
) {
    let Some(db) = TestDatabase::direct_of(kind).await else {
        return;
    };
    let migrator = migrator(&db);
    let names = migrator.names();
    let first = schema(&db).await;
    assert!(!first.is_empty());

    let undone = migrator.down(u32::MAX).await.unwrap();
    assert!(undone.iter().eq(names.iter().rev()), "{undone:?}");
    assert_eq!(
        schema(&db).await,
        Vec::<String>::new(),
        "down() leaves something behind"
    );

    assert_eq!(migrator.up().await.unwrap(), names);
    assert_eq!(schema(&db).await, first);
}

#[rstest]
#[tokio::test]
async fn each_migration_can_be_undone_alone(#[values(Kind::Sqlite, Kind::Postgres)] kind: Kind) {
    let Some(db) = TestDatabase::direct_of(kind).await else {
        return;
    };
    let migrator = migrator(&db);
    let mut schemas = vec![schema(&db).await];
    while let [_] = migrator.down(1).await.unwrap()[..] {
        schemas.push(schema(&db).await);
    }
    assert_eq!(schemas.len(), migrator.names().len() + 1);
    migrator.up().await.unwrap();
    for expected in schemas {
        assert_eq!(schema(&db).await, expected);
        migrator.down(1).await.unwrap();
    }
}

#[rstest]
#[tokio::test]
async fn the_status_tells_where_the_schema_stands(
    #[values(Kind::Sqlite, Kind::Postgres)] kind: Kind,
) {
    let Some(db) = TestDatabase::direct_of(kind).await else {
        return;
    };
    let migrator = migrator(&db);
    let names = migrator.names();
    assert_eq!(
        names[..2],
        OURS,
        "sorted by name, in whatever order they were registered"
    );
    let status = migrator.status().await.unwrap();
    assert_eq!(status.applied, names);
    assert!(
        status.pending.is_empty() && status.unknown.is_empty(),
        "{status:?}"
    );

    migrator.down(1).await.unwrap();
    db.execute_unprepared("INSERT INTO seaql_migrations VALUES ('m99991231_000001_later', 0)")
        .await
        .unwrap();
    let status = migrator.status().await.unwrap();
    assert_eq!(status.applied, names[..names.len() - 1]);
    assert_eq!(status.pending, names[names.len() - 1..]);
    assert_eq!(status.unknown, ["m99991231_000001_later"]);
}

#[rstest]
#[tokio::test]
async fn the_status_of_an_empty_database_changes_nothing(
    #[values(Kind::Sqlite, Kind::Postgres)] kind: Kind,
) {
    let Some(db) = TestDatabase::direct_of(kind).await else {
        return;
    };
    let migrator = migrator(&db);
    migrator.down(u32::MAX).await.unwrap();
    db.execute_unprepared("DROP TABLE seaql_migrations")
        .await
        .unwrap();
    let status = migrator.status().await.unwrap();
    assert_eq!(status.pending, migrator.names());
    db.execute_unprepared("DROP TABLE seaql_migrations")
        .await
        .unwrap_err();
}

#[rstest]
#[tokio::test]
async fn a_release_that_is_taken_back_leaves_a_newer_schema_alone(
    #[values(Kind::Sqlite, Kind::Postgres)] kind: Kind,
) {
    let Some(db) = TestDatabase::direct_of(kind).await else {
        return;
    };
    db.execute_unprepared("INSERT INTO seaql_migrations VALUES ('m99991231_000001_later', 0)")
        .await
        .unwrap();
    assert!(migrator(&db).up().await.unwrap().is_empty());
}

#[rstest]
#[tokio::test]
async fn fresh_drops_all_data_and_applies_everything_again(
    #[values(Kind::Sqlite, Kind::Postgres)] kind: Kind,
) {
    let Some(db) = TestDatabase::direct_of(kind).await else {
        return;
    };
    let migrator = migrator(&db);
    let before = schema(&db).await;
    add(db.database(), "bear").await.unwrap();
    db.execute_unprepared("CREATE TABLE stray (id INTEGER)")
        .await
        .unwrap();
    migrator.fresh().await.unwrap();
    assert_eq!(schema(&db).await, before);
    assert_eq!(count(db.database()).await, 0);
}

#[rstest]
#[tokio::test]
async fn whoever_migrates_at_the_same_time_takes_turns(
    #[values(Kind::Sqlite, Kind::Postgres)] kind: Kind,
) {
    let Some(db) = TestDatabase::direct_of(kind).await else {
        return;
    };
    let migrator = migrator(&db);
    migrator.down(u32::MAX).await.unwrap();
    let (first, second, third) = tokio::join!(migrator.up(), migrator.up(), migrator.up());
    let mut applied = [first.unwrap(), second.unwrap(), third.unwrap()];
    applied.sort_by_key(Vec::len);
    assert_eq!(
        applied,
        [vec![], vec![], migrator.names()],
        "one works, the others find nothing to do"
    );
}

#[rstest]
#[tokio::test]
async fn waiting_for_the_schema_ends_when_nothing_is_pending(
    #[values(Kind::Sqlite, Kind::Postgres)] kind: Kind,
) {
    let Some(db) = TestDatabase::direct_of(kind).await else {
        return;
    };
    let migrator = migrator(&db);
    migrator.down(1).await.unwrap();
    let error = migrator
        .wait_until_current(Duration::ZERO)
        .await
        .unwrap_err();
    assert!(
        matches!(error, MigrateError::StillPending { .. }),
        "{error}"
    );
    let waiting = migrator.wait_until_current(Duration::from_secs(30));
    let applying = async {
        tokio::time::sleep(Duration::from_millis(100)).await;
        migrator.up().await
    };
    let (waited, applied) = tokio::join!(waiting, applying);
    applied.unwrap();
    assert_eq!(waited.unwrap().applied, migrator.names());
}

/// An index may take longer to build than any statement of the service may run.
#[tokio::test]
async fn migrations_have_no_statement_timeout() {
    let Some(db) = TestDatabase::direct().await else {
        return;
    };
    let config = db.config([("COMMAND_TIMEOUT_SECS", "1")]);
    let migrator = Migrator::new(&config, "tests").unwrap();
    migrator.down(1).await.unwrap();
    // whatever is applied, the migrator waits for this to end
    let blocking = sea_orm::TransactionTrait::begin(db.database())
        .await
        .unwrap();
    blocking
        .execute_unprepared("LOCK TABLE seaql_migrations IN ACCESS EXCLUSIVE MODE")
        .await
        .unwrap();
    let unblock = async {
        tokio::time::sleep(Duration::from_millis(1500)).await;
        drop(blocking);
    };
    let (applied, ()) = tokio::join!(migrator.up(), unblock);
    assert_eq!(applied.unwrap().len(), 1);
}

#[tokio::test]
async fn limits_that_the_database_sets_for_everybody_do_not_hold_for_migrations() {
    let Some(db) = TestDatabase::direct().await else {
        return;
    };
    let migrator = migrator(&db);
    migrator.down(1).await.unwrap();
    let blocking = sea_orm::TransactionTrait::begin(db.database())
        .await
        .unwrap();
    blocking
        .execute_unprepared("LOCK TABLE seaql_migrations IN ACCESS EXCLUSIVE MODE")
        .await
        .unwrap();
    for limit in ["statement_timeout", "lock_timeout"] {
        let set = format!(
            "DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET {limit} = 200', current_database()); END $$"
        );
        db.execute_unprepared(&set).await.unwrap();
    }
    let unblock = async {
        tokio::time::sleep(Duration::from_millis(600)).await;
        drop(blocking);
    };
    let (applied, ()) = tokio::join!(migrator.up(), unblock);
    assert_eq!(applied.unwrap().len(), 1);
}

/// The lock is gone with the session it was bound to, so whoever goes on without it isn't alone any more.
#[tokio::test]
async fn a_migrator_whose_session_ends_gives_up() {
    let Some(db) = TestDatabase::direct().await else {
        return;
    };
    let pool = db.pool([("POOL_MAX_SIZE", "1")]);
    let lock = "SELECT pg_advisory_lock(x'6d696772617465'::bigint)::text";
    pool.query_one_raw(sql(&pool, lock)).await.unwrap();
    let waiting = tokio::spawn({
        let migrator = migrator(&db);
        async move { migrator.up().await }
    });
    let end = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity \
               WHERE datname = current_database() AND query LIKE '%pg_try_advisory_lock%' AND pid <> pg_backend_pid()";
    eventually("the session of the migrator is ended", async || {
        number(&pool, end).await.unwrap() == 1
    })
    .await;
    pool.close().await;
    let error = waiting.await.unwrap().unwrap_err();
    assert!(matches!(error, MigrateError::Database(_)), "{error}");
}

#[tokio::test]
async fn waiting_for_a_schema_ends_if_there_is_no_such_database() {
    let Some(db) = TestDatabase::direct().await else {
        return;
    };
    let settings = db
        .settings()
        .into_iter()
        .map(|(key, value)| (key, value.replace("/app_test", "/nowhere_app_test")));
    let config = Config::for_tests(settings);
    let migrator = Migrator::new(config.section::<DatabaseConfig>(), "tests").unwrap();
    let waiting = migrator.wait_until_current(Duration::from_hours(1));
    let ended = tokio::time::timeout(Duration::from_secs(30), waiting).await;
    let error = ended.expect("it waits for what can't come").unwrap_err();
    assert!(error.to_string().contains("does not exist"), "{error}");
}
