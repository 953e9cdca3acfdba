//! The example data.

use app::core::database::Database;
use app::core::database::keyset::{PageRequest, Sort};
use app::core::database::seed::seeds;
use app::repositories::base::BaseRepository;
use rstest::rstest;

use super::suite::{Row, Sample, all};
use crate::support::database::{Kind, TestDatabase};

/// Fills the database, and answers how many rows each table got.
async fn fill(database: &Database, rows: u64) -> Vec<(&'static str, u64)> {
    let mut filled = Vec::new();
    for seed in seeds().unwrap() {
        filled.push((seed.table(), seed.fill(database, rows).await.unwrap()));
    }
    filled
}

async fn everything<E: Sample>(database: &Database) -> Vec<Row<E>> {
    all(database, Sort::<E>::default(), E::Filter::default()).await
}

#[rstest]
#[tokio::test]
async fn seeds_fill_empty_tables_and_leave_others_alone(
    #[values(Kind::Sqlite, Kind::Postgres)] kind: Kind,
) {
    let Some(database) = TestDatabase::of(kind).await else {
        return;
    };
    let filled = fill(&database, 25).await;
    assert_eq!(filled, [("users", 25), ("products", 25), ("orders", 5)]);
    let again = fill(&database, 50).await;
    assert_eq!(again, [("users", 0), ("products", 0), ("orders", 0)]);

    let orders = app::repositories::orders::OrderRepository::new(database.database());
    let page = PageRequest::first(
        100,
        Sort::default(),
        app::models::orders::OrderFilter::default(),
    );
    let page = orders.list(&page).await.unwrap();
    let details = orders.with_lines(page.rows).await.unwrap();
    assert_eq!(details.len(), 5);
    assert!(details.iter().all(|order| !order.lines.is_empty()));
}

#[rstest]
#[tokio::test]
async fn seeds_make_the_same_rows_each_time(#[values(Kind::Sqlite, Kind::Postgres)] kind: Kind) {
    let (Some(one), Some(other)) = (TestDatabase::of(kind).await, TestDatabase::of(kind).await)
    else {
        return;
    };
    // more than are made at a time
    fill(&one, 2_100).await;
    fill(&other, 2_100).await;
    assert_eq!(
        everything::<app::models::users::Entity>(&one).await,
        everything::<app::models::users::Entity>(&other).await
    );
    assert_eq!(
        everything::<app::models::products::Entity>(&one).await,
        everything::<app::models::products::Entity>(&other).await
    );
    assert_eq!(
        everything::<app::models::orders::Entity>(&one).await,
        everything::<app::models::orders::Entity>(&other).await
    );
}
