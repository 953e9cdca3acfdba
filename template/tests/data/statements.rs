//! Statements and rows through the pool, and what their errors mean.

use app::core::database::DataError;
use futures::TryStreamExt;
use rstest::rstest;
use sea_orm::{
    ActiveValue::Set, ColumnTrait, ConnectionTrait, EntityTrait, ExprTrait, PaginatorTrait,
    QueryFilter, StreamTrait,
};

use crate::{
    support::database::{Kind, TestDatabase},
    toys::{add, count, many_rows, named, names, number, session, sql, toy},
};

#[rstest]
#[tokio::test]
async fn entities_are_created_read_changed_and_deleted(
    #[values(Kind::Sqlite, Kind::Postgres)] kind: Kind,
) {
    let Some(db) = TestDatabase::of(kind).await else {
        return;
    };
    let db = db.database();
    let bear = add(db, "bear").await.unwrap();
    let car = add(db, "car").await.unwrap();
    assert_ne!(bear, car);

    let found = toy::Entity::find_by_id(bear).one(db).await.unwrap();
    assert_eq!(found.unwrap().name, "bear");

    let older = toy::Entity::update_many()
        .col_expr(toy::Column::Age, toy::Column::Age.into_expr().add(1))
        .filter(toy::Column::Id.eq(bear))
        .exec_with_returning(db)
        .await
        .unwrap();
    assert_eq!(older[0].age, 4);

    let more = ["doll", "egg", "frog"].map(named);
    toy::Entity::insert_many(more).exec(db).await.unwrap();
    let pages = toy::Entity::find().paginate(db, 2);
    assert_eq!(pages.num_pages().await.unwrap(), 3);
    assert_eq!(pages.fetch_page(2).await.unwrap().len(), 1);

    let deleted = toy::Entity::delete_by_id(car).exec(db).await.unwrap();
    assert_eq!(deleted.rows_affected, 1);
    assert_eq!(names(db).await, ["bear", "doll", "egg", "frog"]);
}

#[rstest]
#[tokio::test]
async fn rows_are_streamed_to_the_end_without_closing_the_connection(
    #[values(Kind::Sqlite, Kind::Postgres)] kind: Kind,
) {
    let Some(db) = TestDatabase::of(kind).await else {
        return;
    };
    let db = db.pool([("POOL_MAX_SIZE", "1")]);
    let before = session(&db).await.unwrap();
    let in_a_task = tokio::spawn({
        let db = db.clone();
        async move {
            let mut rows = db.stream_raw(many_rows(&db)).await.unwrap();
            let mut sum = 0;
            while let Some(row) = rows.try_next().await.unwrap() {
                sum += i64::from(row.try_get_by_index::<i32>(0).unwrap());
            }
            sum
        }
    });
    assert_eq!(in_a_task.await.unwrap(), 100_000 * 100_001 / 2);
    assert_eq!(session(&db).await.unwrap(), before);
}

#[rstest]
#[tokio::test]
async fn an_error_in_the_middle_of_a_stream_is_its_last_item(
    #[values(Kind::Sqlite, Kind::Postgres)] kind: Kind,
) {
    let Some(db) = TestDatabase::of(kind).await else {
        return;
    };
    let db = db.pool([("POOL_MAX_SIZE", "1")]);
    let failing = match kind {
        Kind::Sqlite => {
            "WITH RECURSIVE n(i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n WHERE i < 9) \
             SELECT CASE WHEN i < 5 THEN i ELSE json('{') END FROM n"
        }
        Kind::Postgres => "SELECT 1 / (5 - i) FROM generate_series(1, 9) AS n(i)",
    };
    let rows = db.stream_raw(sql(&db, failing)).await.unwrap();
    let rows: Result<Vec<_>, _> = rows.try_collect().await;
    assert!(rows.is_err());
    assert_eq!(db.status().in_use(), 0, "an ordinary error closes nothing");
    assert_eq!(number(&db, "SELECT count(*) FROM toys").await.unwrap(), 0);
}

#[rstest]
#[tokio::test]
async fn a_second_row_with_the_same_unique_value_is_a_conflict(
    #[values(Kind::Sqlite, Kind::Postgres)] kind: Kind,
) {
    let Some(db) = TestDatabase::of(kind).await else {
        return;
    };
    add(db.database(), "bear").await.unwrap();
    let error = DataError::from(add(db.database(), "bear").await.unwrap_err());
    let DataError::Conflict { constraint } = &error else {
        panic!("{error:?}");
    };
    match kind {
        Kind::Sqlite => assert_eq!(constraint.to_string(), "toys(name)"),
        Kind::Postgres => assert_eq!(constraint.to_string(), "toys_name_key"),
    }
    assert_eq!(constraint.table.as_deref(), Some("toys"));
    assert_eq!(count(db.database()).await, 1);
}

/// The foreign key is deferred: it is checked when the statement ends, after its rows were returned.
#[rstest]
#[tokio::test]
async fn a_reference_to_nothing_is_refused_even_if_the_statement_returns_a_row(
    #[values(Kind::Sqlite, Kind::Postgres)] kind: Kind,
) {
    let Some(db) = TestDatabase::of(kind).await else {
        return;
    };
    let mut toy = named("bear");
    toy.owner_id = Set(Some(404));
    let insert = toy::Entity::insert(toy.clone()).exec_with_returning(db.database());
    let error = DataError::from(insert.await.unwrap_err());
    assert!(
        matches!(error, DataError::MissingReference { .. }),
        "{error:?}"
    );
    assert_eq!(count(db.database()).await, 0);

    add(db.database(), "car").await.unwrap();
    let update = sql(db.database(), "UPDATE toys SET owner_id = 404 RETURNING id");
    let error = DataError::from(db.query_one_raw(update).await.unwrap_err());
    assert!(
        matches!(error, DataError::MissingReference { .. }),
        "{error:?}"
    );
    assert_eq!(
        number(db.database(), "SELECT count(owner_id) FROM toys")
            .await
            .unwrap(),
        0
    );
}

#[rstest]
#[tokio::test]
async fn a_row_that_others_refer_to_is_in_use(#[values(Kind::Sqlite, Kind::Postgres)] kind: Kind) {
    let Some(db) = TestDatabase::of(kind).await else {
        return;
    };
    let mut toy = named("bear");
    toy.owner_id = Set(Some(1));
    toy::Entity::insert(toy).exec(db.database()).await.unwrap();
    let delete = sql(db.database(), "DELETE FROM owners WHERE id = 1");
    let error = DataError::of_delete(db.execute_raw(delete).await.unwrap_err());
    let DataError::InUse { constraint } = error else {
        panic!("{error:?}");
    };
    match kind {
        Kind::Sqlite => assert_eq!(constraint.name, None),
        Kind::Postgres => assert_eq!(constraint.name.as_deref(), Some("toys_owner_fkey")),
    }
}

#[rstest]
#[tokio::test]
async fn checks_and_missing_values_make_a_row_invalid(
    #[values(Kind::Sqlite, Kind::Postgres)] kind: Kind,
) {
    let Some(db) = TestDatabase::of(kind).await else {
        return;
    };
    for (values, violated) in [("'bear', -1", "toys_age_check"), ("NULL, 1", "toys(name)")] {
        let insert = format!("INSERT INTO toys (name, age) VALUES ({values})");
        let error = db.execute_raw(sql(db.database(), &insert)).await;
        let error = DataError::from(error.unwrap_err());
        let DataError::Invalid { constraint } = &error else {
            panic!("{error:?}");
        };
        assert_eq!(constraint.to_string(), violated);
    }
}

#[rstest]
#[tokio::test]
async fn what_raw_sql_leaves_in_a_session_is_not_met_by_the_next_user(
    #[values(Kind::Sqlite, Kind::Postgres)] kind: Kind,
) {
    let Some(db) = TestDatabase::direct_of(kind).await else {
        return;
    };
    let db = db.pool([("POOL_MAX_SIZE", "1")]);
    let (set, ask) = match kind {
        Kind::Sqlite => ("PRAGMA foreign_keys = OFF; BEGIN", "PRAGMA foreign_keys"),
        Kind::Postgres => (
            "SET extra_float_digits = 0; BEGIN",
            "SELECT current_setting('extra_float_digits')::bigint",
        ),
    };
    let before = number(&db, ask).await.unwrap();
    db.execute_unprepared(set).await.unwrap();
    assert_eq!(number(&db, ask).await.unwrap(), before);
    db.transaction(async |tx| {
        let set = set.split(';').next().unwrap();
        tx.execute_unprepared(set).await
    })
    .await
    .unwrap();
    assert_eq!(number(&db, ask).await.unwrap(), before);
    db.transaction(async |tx| add(tx, "bear").await)
        .await
        .unwrap();
}
