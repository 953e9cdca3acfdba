//! How PostgreSQL finds the pages of lists: along an index, from the place where the page begins.

use app::core::database::Database;
use app::core::database::keyset::{PageRequest, Sort};
use app::repositories::base::BaseRepository;
use sea_orm::{ConnectionTrait, DbBackend, QueryTrait, Statement};
use serde_json::Value;
use uuid::Uuid;

use super::suite::{FilterOf, Sample};
use crate::support::database::TestDatabase;

/// Enough that a walk along an index is cheaper than any other plan.
const ROWS: u64 = 20_000;

async fn seeded() -> Option<TestDatabase> {
    let database = TestDatabase::postgres().await?;
    for seed in app::core::database::seed::seeds().unwrap() {
        assert!(seed.fill(&database, ROWS).await.unwrap() > 0, "{seed:?}");
    }
    database.execute_unprepared("ANALYZE").await.unwrap();
    Some(database)
}

/// A page in the middle of each list is an index scan with a condition on the index, and reads no row that it then throws away.
async fn middle_pages_are_index_scans<E: Sample>(database: &Database, filters: &[FilterOf<E>]) {
    for filter in filters {
        for sort in Sort::<E>::all() {
            let mut request = PageRequest::first(1_000, sort, filter.clone());
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

#[tokio::test]
async fn lists_of_users_walk_along_an_index() {
    use app::models::users::{Entity, UserFilter};

    let Some(database) = seeded().await else {
        return;
    };
    let filters = [None, Some(true), Some(false)].map(|is_active| {
        [None, Some(18), Some(40)].map(|min_age| UserFilter { is_active, min_age })
    });
    middle_pages_are_index_scans::<Entity>(&database, filters.as_flattened()).await;
}

#[tokio::test]
async fn lists_of_products_walk_along_an_index() {
    use app::models::products::{Entity, ProductFilter};

    let Some(database) = seeded().await else {
        return;
    };
    let (low, high) = ("20".parse().ok(), "60".parse().ok());
    let filters = [(None, None), (low, None), (None, high), (low, high)];
    let filters = filters.map(|(min_price, max_price)| ProductFilter {
        min_price,
        max_price,
    });
    middle_pages_are_index_scans::<Entity>(&database, &filters).await;
}

#[tokio::test]
async fn lists_of_orders_walk_along_an_index() {
    use app::models::orders::{Entity, OrderFilter, OrderStatus};
    use app::models::users::UserFilter;
    use app::repositories::users::UserRepository;

    let Some(database) = seeded().await else {
        return;
    };
    // the seed's orders are many users'; one gets enough for a second page
    let users = UserRepository::new(database.database());
    let first = PageRequest::first(1, Sort::default().reversed(), UserFilter::default());
    let buyer: Uuid = users.list(&first).await.unwrap().rows[0].id;
    let all_of_one = format!("UPDATE orders SET user_id = '{buyer}'; ANALYZE orders");
    database.execute_unprepared(&all_of_one).await.unwrap();

    let filters = [None, Some(buyer)].map(|user_id| {
        [None, Some(OrderStatus::Pending)].map(|status| OrderFilter { user_id, status })
    });
    middle_pages_are_index_scans::<Entity>(&database, filters.as_flattened()).await;
}
