//! How the databases find the pages of lists: along an index, from the place where the page begins.

use app::core::database::Database;
use app::core::database::keyset::{PageRequest, Sort};
use app::repositories::base::BaseRepository;
use sea_orm::{ConnectionTrait, DbBackend, QueryTrait, Statement};
use serde_json::Value;
use uuid::Uuid;

use super::suite::{FilterOf, Sample};
use crate::support::database::{Kind, TestDatabase};

/// Enough that a walk along an index is cheaper than any other plan.
fn rows_of(table: &str) -> u64 {
    match table {
        "orders" => 100_000, // of which a fifth are orders: 200 of each buyer, 50 in each status
        _ => 20_000,
    }
}

async fn seeded() -> Option<TestDatabase> {
    let database = TestDatabase::postgres().await?;
    for seed in app::core::database::seed::seeds().unwrap() {
        assert!(
            seed.fill(&database, rows_of(seed.table())).await.unwrap() > 0,
            "{seed:?}"
        );
    }
    database.execute_unprepared("ANALYZE").await.unwrap();
    Some(database)
}

/// A page in the middle of each list is an index scan with a condition on the index, and reads no row that it then throws away.
async fn middle_pages_are_index_scans<E: Sample>(
    database: &Database,
    rows_before: u64,
    filters: &[FilterOf<E>],
) {
    for filter in filters {
        for sort in Sort::<E>::all() {
            let mut request = PageRequest::first(rows_before, sort, filter.clone());
            let next = E::repository(database).list(&request).await.unwrap().next;
            request.after =
                Some(next.unwrap_or_else(|| panic!("{sort} {filter:?}: there are too few rows")));
            request.limit = 20;

            let select = request.select().build(DbBackend::Postgres);
            let explain = format!("EXPLAIN (ANALYZE, TIMING OFF, FORMAT JSON) {}", select.sql);
            let explain = match select.values {
                Some(values) => {
                    Statement::from_sql_and_values(DbBackend::Postgres, explain, values)
                }
                None => Statement::from_string(DbBackend::Postgres, explain),
            };
            let answer = database.query_one_raw(explain).await.unwrap().unwrap();
            let plan: Value = answer.try_get_by_index(0).unwrap();
            let limit = &plan[0]["Plan"];
            let scan = &limit["Plans"][0];
            let is_index_scan = matches!(
                scan["Node Type"].as_str(),
                Some("Index Scan" | "Index Only Scan")
            );
            assert!(
                is_index_scan && scan["Index Cond"].is_string(),
                "{sort} {filter:?}: {plan:#}"
            );
            assert_eq!(scan["Filter"], Value::Null, "{sort} {filter:?}: {plan:#}");
            assert_eq!(
                scan["Rows Removed by Filter"].as_u64().unwrap_or(0),
                0,
                "{sort} {filter:?}: {plan:#}"
            );
        }
    }
}

/// One test, since the rows take more time than all the plans.
#[tokio::test]
async fn lists_walk_along_an_index() {
    let Some(database) = seeded().await else {
        return;
    };
    lists_of_users(&database).await;
    lists_of_products(&database).await;
    lists_of_orders(&database).await;
}

async fn lists_of_users(database: &Database) {
    use app::models::users::{Entity, UserFilter};

    let filters = [None, Some(true), Some(false)].map(|is_active| {
        [None, Some(18), Some(40)].map(|min_age| UserFilter { is_active, min_age })
    });
    middle_pages_are_index_scans::<Entity>(database, 500, filters.as_flattened()).await;
}

async fn lists_of_products(database: &Database) {
    use app::models::products::{Entity, ProductFilter};

    let (low, high) = ("20".parse().ok(), "60".parse().ok());
    let filters = [(None, None), (low, None), (None, high), (low, high)];
    let filters = filters.map(|(min_price, max_price)| ProductFilter {
        min_price,
        max_price,
    });
    middle_pages_are_index_scans::<Entity>(database, 500, &filters).await;
}

async fn lists_of_orders(database: &Database) {
    use app::models::orders::{Entity, OrderFilter, OrderStatus};
    use app::models::users::UserFilter;
    use app::repositories::users::UserRepository;

    let users = UserRepository::new(database);
    let first = PageRequest::first(1, Sort::default().reversed(), UserFilter::default());
    let buyer: Uuid = users.list(&first).await.unwrap().rows[0].id;
    let filters = [None, Some(buyer)].map(|user_id| {
        [None, Some(OrderStatus::Pending)].map(|status| OrderFilter { user_id, status })
    });
    middle_pages_are_index_scans::<Entity>(database, 5, filters.as_flattened()).await;
}

/// The same on SQLite, which says less: it searches an index instead of scanning it, and sorts nothing.
async fn middle_pages_are_searched_on_sqlite<E: Sample>(filters: &[FilterOf<E>]) {
    let Some(database) = TestDatabase::of(Kind::Sqlite).await else {
        return;
    };
    for seed in app::core::database::seed::seeds().unwrap() {
        seed.fill(&database, 500).await.unwrap();
    }
    database.execute_unprepared("ANALYZE").await.unwrap();
    for filter in filters {
        for sort in Sort::<E>::all() {
            let mut request = PageRequest::first(5, sort, filter.clone());
            request.after = E::repository(database.database())
                .list(&request)
                .await
                .unwrap()
                .next;
            assert!(
                request.after.is_some(),
                "{sort} {filter:?}: there are too few rows"
            );

            let select = request.select().build(DbBackend::Sqlite);
            let explain = format!("EXPLAIN QUERY PLAN {}", select.sql);
            let explain =
                Statement::from_sql_and_values(DbBackend::Sqlite, explain, select.values.unwrap());
            let plan = database.query_all_raw(explain).await.unwrap();
            let plan: Vec<String> = plan
                .iter()
                .map(|row| row.try_get("", "detail").unwrap())
                .collect();
            let [search] = plan.as_slice() else {
                panic!("{sort} {filter:?}: {plan:?}")
            };
            assert!(
                search.starts_with("SEARCH ") && search.contains(" INDEX "),
                "{sort} {filter:?}: {search}"
            );
        }
    }
}

#[tokio::test]
async fn sqlite_searches_its_indexes_too() {
    use app::models::orders::{self, OrderFilter, OrderStatus};
    use app::models::products::{self, ProductFilter};
    use app::models::users::{self, UserFilter};

    let grown = UserFilter {
        is_active: Some(true),
        min_age: Some(18),
    };
    middle_pages_are_searched_on_sqlite::<users::Entity>(&[UserFilter::default(), grown]).await;
    let dear = ProductFilter {
        min_price: "20".parse().ok(),
        max_price: None,
    };
    middle_pages_are_searched_on_sqlite::<products::Entity>(&[ProductFilter::default(), dear])
        .await;
    let paid = OrderFilter {
        user_id: None,
        status: Some(OrderStatus::Pending),
    };
    middle_pages_are_searched_on_sqlite::<orders::Entity>(&[OrderFilter::default(), paid]).await;
}
