//! Users in the database.

use app::core::database::DataError;
use app::core::database::keyset::{PageRequest, Sort};
use app::models::users::{ActiveModel, Entity, UserFilter, UserIn, UserPatch};
use app::repositories::base::BaseRepository;
use app::repositories::users::UserRepository;
use chrono::{DateTime, Utc};
use rstest::rstest;
use sea_orm::NotSet;

use super::counting::Counting;
use super::suite::{Connection, Meaning, Sample, conformance};
use crate::support::database::{Kind, TestDatabase};

pub(super) fn time(number: u32) -> DateTime<Utc> {
    DateTime::from_timestamp_micros(1_767_225_600_000_000 + i64::from(number % 9) * 1_500).unwrap()
}

pub(super) fn user(number: u32) -> UserIn {
    UserIn {
        name: format!("User {}", number % 4),
        email: format!("user-{number}@example.com"),
        age: (!number.is_multiple_of(3)).then(|| i32::try_from(number % 5).unwrap()),
        is_active: number.is_multiple_of(2),
    }
}

impl Sample for Entity {
    fn repository<C: Connection>(connection: &C) -> impl BaseRepository<Entity = Self, Conn = C> {
        UserRepository::new(connection)
    }

    async fn prepare<C: Connection>(_: &C) {}

    fn row(number: u32) -> ActiveModel {
        user(number).into_new(time(number))
    }

    fn change(number: u32) -> ActiveModel {
        let patch = UserPatch {
            name: number
                .is_multiple_of(2)
                .then(|| format!("Changed {}", number % 3)),
            age: number
                .is_multiple_of(3)
                .then_some(number.is_multiple_of(4).then_some(40)),
            ..UserPatch::default()
        };
        patch.into_changes(time(number + 1))
    }

    fn filters() -> Vec<Meaning<Self>> {
        let active = UserFilter {
            is_active: Some(true),
            min_age: None,
        };
        let inactive = UserFilter {
            is_active: Some(false),
            min_age: None,
        };
        let grown = UserFilter {
            is_active: None,
            min_age: Some(2),
        };
        let both = UserFilter {
            is_active: Some(true),
            min_age: Some(0),
        };
        vec![
            (active, |user| user.is_active),
            (inactive, |user| !user.is_active),
            (grown, |user| user.age >= Some(2)),
            (both, |user| user.is_active && user.age.is_some()),
        ]
    }
}

conformance!(Entity);

#[rstest]
#[tokio::test]
async fn a_row_may_leave_a_column_to_the_database(
    #[values(Kind::Sqlite, Kind::Postgres)] kind: Kind,
) {
    let Some(database) = TestDatabase::of(kind).await else {
        return;
    };
    let users = UserRepository::new(database.database());
    let whole = users.create(user(1).into_new(time(1))).await.unwrap();
    assert!(whole.age.is_some());
    let without_age = ActiveModel {
        age: NotSet,
        ..user(4).into_new(time(4))
    };
    // Its statement has another text, also after one that sets all columns and before the next.
    let created = users.create(without_age).await.unwrap();
    assert_eq!(created.age, None);
    assert_eq!(users.get(created.id).await.unwrap(), created);
    let whole = users.create(user(2).into_new(time(2))).await.unwrap();
    assert!(whole.age.is_some());
}

#[rstest]
#[tokio::test]
async fn an_email_is_unique_regardless_of_case(#[values(Kind::Sqlite, Kind::Postgres)] kind: Kind) {
    let Some(database) = TestDatabase::of(kind).await else {
        return;
    };
    let users = UserRepository::new(database.database());
    let ada = UserIn {
        email: "Ada@Example.com".to_owned(),
        ..user(1)
    };
    let ada = users.create(ada.into_new(time(1))).await.unwrap();
    assert_eq!(ada.email, "Ada@Example.com", "it is kept as it was written");

    let second = UserIn {
        email: "aDA@example.COM".to_owned(),
        ..user(2)
    };
    let error = users.create(second.into_new(time(2))).await.unwrap_err();
    let DataError::Conflict { constraint } = error else {
        panic!("{error}")
    };
    assert_eq!(constraint.name.as_deref(), Some("uq_users_email"));
    assert_eq!(constraint.columns, ["email"], "for the answer");

    let bob = users.create(user(3).into_new(time(3))).await.unwrap();
    let rename = UserPatch {
        email: Some("ADA@example.com".to_owned()),
        ..UserPatch::default()
    };
    let error = users
        .update(bob.id, rename.into_changes(time(4)), None)
        .await
        .unwrap_err();
    assert!(matches!(error, DataError::Conflict { .. }), "{error}");

    let found = users.find_by_email("ADA@EXAMPLE.com").await.unwrap();
    assert_eq!(found.map(|user| user.id), Some(ada.id));
    assert_eq!(
        users.find_by_email("nobody@example.com").await.unwrap(),
        None
    );
}

#[rstest]
#[tokio::test]
async fn users_without_an_age_come_first_in_the_order_of_age(
    #[values(Kind::Sqlite, Kind::Postgres)] kind: Kind,
) {
    let Some(database) = TestDatabase::of(kind).await else {
        return;
    };
    let users = UserRepository::new(database.database());
    for (number, age) in [(1, Some(30)), (2, None), (3, Some(0)), (4, None)] {
        let user = UserIn {
            age,
            ..user(number)
        };
        users.create(user.into_new(time(number))).await.unwrap();
    }
    let by_age: Sort<Entity> = "age".parse().unwrap();
    let page = users
        .list(&PageRequest::first(10, by_age, UserFilter::default()))
        .await
        .unwrap();
    let ages: Vec<_> = page.rows.iter().map(|user| user.age).collect();
    assert_eq!(ages, [None, None, Some(0), Some(30)]);
}

#[rstest]
#[tokio::test]
async fn an_age_that_nobody_has_is_refused_by_the_table_itself(
    #[values(Kind::Sqlite, Kind::Postgres)] kind: Kind,
) {
    let Some(database) = TestDatabase::of(kind).await else {
        return;
    };
    let ancient = UserIn {
        age: Some(151),
        ..user(1)
    };
    let error = UserRepository::new(database.database())
        .create(ancient.into_new(time(1)))
        .await
        .unwrap_err();
    let DataError::Invalid { constraint } = error else {
        panic!("{error}")
    };
    assert_eq!(constraint.name.as_deref(), Some("ck_users_age"));
}

#[rstest]
#[tokio::test]
async fn many_are_created_with_a_statement_for_each_chunk_not_for_each_row(
    #[values(Kind::Sqlite, Kind::Postgres)] kind: Kind,
) {
    let Some(database) = TestDatabase::of(kind).await else {
        return;
    };
    let counting = Counting::new(database.database());
    let mut number = 0;
    // 4000 users with 8 values each are as many as one statement binds.
    for (rows, statements) in [(0, 0), (1, 1), (500, 1), (4000, 1), (4001, 2), (8001, 3)] {
        let users = (0..rows).map(|_| {
            number += 1;
            user(number).into_new(time(number))
        });
        let users = users.collect();
        let created = UserRepository::new(&counting).create_many(users).await;
        assert_eq!(created.unwrap().len(), rows);
        assert_eq!(counting.statements(), statements, "{rows} rows");
    }
}
