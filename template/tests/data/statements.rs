//! Statements and rows through the pool, and what their errors mean.

use app::core::database::DataError;
use rstest::rstest;
use sea_orm::{ActiveValue::Set, ColumnTrait, EntityTrait, ExprTrait, PaginatorTrait, QueryFilter};

use crate::{
    support::database::Kind,
    toys::{add, count, named, names, toy, toy_box},
};

#[rstest]
#[tokio::test]
async fn entities_are_created_read_changed_and_deleted(
    #[values(Kind::Sqlite, Kind::Postgres)] kind: Kind,
) {
    let Some(db) = toy_box(kind).await else {
        return;
    };
    let bear = add(db.database(), "bear").await.unwrap();
    let car = add(db.database(), "car").await.unwrap();
    assert_ne!(bear, car);

    let found = toy::Entity::find_by_id(bear)
        .one(db.database())
        .await
        .unwrap();
    assert_eq!(found.unwrap().name, "bear");

    let older = toy::Entity::update_many()
        .col_expr(toy::Column::Age, toy::Column::Age.into_expr().add(1))
        .filter(toy::Column::Id.eq(bear))
        .exec_with_returning(db.database())
        .await
        .unwrap();
    assert_eq!(older[0].age, 4);

    let more = ["doll", "egg", "frog"].map(named);
    toy::Entity::insert_many(more)
        .exec(db.database())
        .await
        .unwrap();
    let pages = toy::Entity::find().paginate(db.database(), 2);
    assert_eq!(pages.num_pages().await.unwrap(), 3);
    assert_eq!(pages.fetch_page(2).await.unwrap().len(), 1);

    toy::Entity::delete_by_id(car)
        .exec(db.database())
        .await
        .unwrap();
    assert_eq!(names(db.database()).await, ["bear", "doll", "egg", "frog"]);
}

#[rstest]
#[tokio::test]
async fn a_second_row_with_the_same_unique_value_is_a_conflict(
    #[values(Kind::Sqlite, Kind::Postgres)] kind: Kind,
) {
    let Some(db) = toy_box(kind).await else {
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
    assert_eq!(count(db.database()).await, 1);
}

/// On SQLite foreign keys are checked when the statement ends, after its row was returned.
#[rstest]
#[tokio::test]
async fn a_reference_to_nothing_is_refused_even_if_the_insert_returns_a_row(
    #[values(Kind::Sqlite, Kind::Postgres)] kind: Kind,
) {
    let Some(db) = toy_box(kind).await else {
        return;
    };
    let mut toy = named("bear");
    toy.owner_id = Set(Some(404));
    let error = toy::Entity::insert(toy.clone())
        .exec_with_returning(db.database())
        .await;
    let error = DataError::from(error.unwrap_err());
    assert!(
        matches!(error, DataError::MissingReference { .. }),
        "{error:?}"
    );
    let in_transaction = db
        .transaction(async |tx| {
            toy::Entity::insert(toy).exec_with_returning(tx).await?;
            Ok::<_, DataError>(())
        })
        .await;
    let error = in_transaction.unwrap_err();
    assert!(
        matches!(error, DataError::MissingReference { .. }),
        "{error:?}"
    );
    assert_eq!(count(db.database()).await, 0);
}
