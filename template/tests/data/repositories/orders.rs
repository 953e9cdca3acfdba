//! Orders in the database, with what belongs to them.

use app::core::config::Config;
use app::core::database::keyset::{PageRequest, Sort};
use app::core::database::{DataError, Database};
use app::core::state::AppState;
use app::models::orders::{
    ActiveModel, Entity, Model, OrderDetails, OrderFilter, OrderLineIn, OrderOut, OrderPatch,
    OrderStatus, OrderUser,
};
use app::models::{products, users};
use app::repositories::base::BaseRepository;
use app::repositories::orders::OrderRepository;
use app::repositories::products::ProductRepository;
use app::repositories::users::UserRepository;
use app::services::orders as service;
use rstest::rstest;
use sea_orm::{ConnectionTrait, EntityTrait, PaginatorTrait, Set};
use uuid::Uuid;

use super::counting::Counting;
use super::products::product;
use super::suite::{Connection, Meaning, Sample, conformance};
use super::users::{time, user};
use crate::support::database::{Kind, TestDatabase};
use crate::toys::{eventually, number};

/// Whoever orders in the suite: the last bytes tell the first from the second, which is all that a `fn` can know of them.
const BUYERS: [Uuid; 2] = [Uuid::from_u128(1), Uuid::from_u128(2)];

impl Sample for Entity {
    fn repository<C: Connection>(connection: &C) -> impl BaseRepository<Entity = Self, Conn = C> {
        OrderRepository::new(connection)
    }

    async fn prepare<C: Connection>(connection: &C) {
        let buyers = BUYERS.iter().zip(1..);
        let buyers = buyers.map(|(id, number)| users::ActiveModel {
            id: Set(*id),
            ..user(number).into_new(time(number))
        });
        UserRepository::new(connection)
            .create_many(buyers.collect())
            .await
            .unwrap();
    }

    fn row(number: u32) -> ActiveModel {
        let buyer = OrderUser {
            id: BUYERS[usize::try_from(number % 2).unwrap()],
            name: format!("Buyer {}", number % 2),
        };
        ActiveModel {
            status: Set(status(number)),
            ..Model::placed(buyer, time(number))
        }
    }

    fn change(number: u32) -> ActiveModel {
        OrderPatch {
            status: Some(status(number)),
        }
        .into_changes(time(number + 1))
    }

    fn filters() -> Vec<Meaning<Self>> {
        let of_first = OrderFilter {
            user_id: Some(BUYERS[0]),
            status: None,
        };
        let paid = OrderFilter {
            user_id: None,
            status: Some(OrderStatus::Paid),
        };
        let both = OrderFilter {
            user_id: Some(BUYERS[0]),
            status: Some(OrderStatus::Paid),
        };
        vec![
            (of_first, |order| order.user_id == BUYERS[0]),
            (paid, |order| order.status == OrderStatus::Paid),
            (both, |order| {
                order.user_id == BUYERS[0] && order.status == OrderStatus::Paid
            }),
        ]
    }
}

fn status(number: u32) -> OrderStatus {
    [
        OrderStatus::Pending,
        OrderStatus::Paid,
        OrderStatus::Shipped,
    ][usize::try_from(number % 3).unwrap()]
}

conformance!(Entity);

struct Shop {
    buyers: Vec<users::Model>,
    goods: Vec<products::Model>,
}

impl Shop {
    async fn open(database: &Database) -> Self {
        let buyers = (0..3)
            .map(|number| user(number).into_new(time(number)))
            .collect();
        let goods = (0..4)
            .map(|number| product(number).into_new(time(number)))
            .collect();
        Self {
            buyers: UserRepository::new(database)
                .create_many(buyers)
                .await
                .unwrap(),
            goods: ProductRepository::new(database)
                .create_many(goods)
                .await
                .unwrap(),
        }
    }

    /// An order with a line for each quantity.
    async fn order(&self, database: &Database, buyer: usize, quantities: &[i32]) -> Model {
        let orders = OrderRepository::new(database);
        let order = orders
            .create(Model::placed(self.buyers[buyer].clone().into(), time(1)))
            .await
            .unwrap();
        let lines = quantities
            .iter()
            .zip(&self.goods)
            .map(|(quantity, product)| {
                OrderLineIn {
                    product_id: product.id,
                    quantity: *quantity,
                }
                .into_new(order.id, product)
            });
        orders.add_lines(lines.collect()).await.unwrap();
        order
    }
}

#[rstest]
#[tokio::test]
async fn orders_are_loaded_with_user_and_products_by_the_same_number_of_statements_however_many_they_are(
    #[values(Kind::Sqlite, Kind::Postgres)] kind: Kind,
) {
    let Some(database) = TestDatabase::of(kind).await else {
        return;
    };
    let shop = Shop::open(&database).await;
    let first = shop.order(&database, 0, &[3, 1]).await;
    let counting = Counting::new(database.database());
    let orders = OrderRepository::new(&counting);

    let order = orders.get(first.id).await.unwrap();
    let details = orders.with_lines_of(order).await.unwrap();
    assert_eq!(
        counting.statements(),
        2,
        "the order, which knows its user; its lines, which know their products"
    );
    assert_eq!(details.order, first);
    assert_shown(&shop, 0, &details);

    for number in 1..30_usize {
        let quantities = [1, 2, 3, 4];
        shop.order(&database, number % 3, &quantities[..number % 5 % 4])
            .await;
    }
    let oldest_first: Sort<Entity> = "created_at".parse().unwrap();
    let page = PageRequest::first(25, oldest_first, OrderFilter::default());
    let page = orders.list(&page).await.unwrap();
    let details = orders.with_lines(page.rows.clone()).await.unwrap();
    assert_eq!(counting.statements(), 2, "the orders; the lines of all");
    assert_eq!(details.len(), 25);
    for (number, (details, order)) in details.into_iter().zip(page.rows).enumerate() {
        assert_eq!(details.order, order);
        assert_shown(&shop, number % 3, &details);
    }
}

/// The order says who ordered, and what.
#[track_caller]
fn assert_shown(shop: &Shop, buyer: usize, details: &OrderDetails) {
    let buyer = &shop.buyers[buyer];
    let shown = OrderOut::from(details.clone());
    assert_eq!(
        (shown.user.id, &shown.user.name),
        (buyer.id, &buyer.name),
        "who ordered"
    );
    assert_eq!(shown.lines.len(), details.lines.len());
    for (line, product) in shown.lines.iter().zip(&shop.goods) {
        assert_eq!(
            (line.product_id, &line.product_name, line.unit_price),
            (product.id, &product.name, product.price),
            "in the order of the lines"
        );
    }
}

#[rstest]
#[tokio::test]
async fn an_order_deleted_between_two_statements_is_still_read_as_a_whole(
    #[values(Kind::Sqlite, Kind::Postgres)] kind: Kind,
) {
    let Some(database) = TestDatabase::of(kind).await else {
        return;
    };
    let shop = Shop::open(&database).await;
    let order = shop.order(&database, 0, &[3, 1]).await;
    let read = database.snapshot(async |tx| {
        let found = OrderRepository::new(tx).get(order.id).await?;
        let others = OrderRepository::new(database.database());
        assert!(others.delete(order.id, None).await?);
        OrderRepository::new(tx).with_lines_of(found).await
    });
    assert_shown(&shop, 0, &read.await.unwrap());
}

/// The lines are locked, so that whoever reads an order has to stop before them; meanwhile it is deleted.
#[rstest]
#[case::alone(async |app: &AppState, id| vec![service::get_order(app, id).await.unwrap()])]
#[case::in_a_list(async |app: &AppState, _| {
    let page = PageRequest::first(9, Sort::default(), OrderFilter::default());
    service::list_orders(app, &page).await.unwrap().rows
})]
#[tokio::test]
async fn the_service_reads_an_order_and_its_lines_as_of_one_moment(
    #[case] read: impl AsyncFnOnce(&AppState, Uuid) -> Vec<OrderDetails>,
) {
    let Some(database) = TestDatabase::postgres().await else {
        return;
    };
    let app = AppState::builder(Config::for_tests(database.settings()));
    let app = app.database(database.database().clone()).build().unwrap();
    let shop = Shop::open(&database).await;
    let order = shop.order(&database, 0, &[3, 1]).await;

    // Copies of one database have the same numbers for their tables.
    let locks = "SELECT count(*) FROM pg_locks WHERE relation = 'order_lines'::regclass \
                 AND database = (SELECT oid FROM pg_database WHERE datname = current_database())";
    let held = format!("{locks} AND granted AND mode = 'AccessExclusiveLock'");
    let awaited = format!("{locks} AND NOT granted");
    let delete = database.transaction(async |tx| {
        tx.execute_unprepared("LOCK TABLE order_lines").await?;
        eventually("the reader waits for the lines", async || {
            number(tx, &awaited).await.unwrap() == 1
        })
        .await;
        OrderRepository::new(tx).delete(order.id, None).await
    });
    let read = async {
        eventually("the lines are locked", async || {
            number(database.database(), &held).await.unwrap() == 1
        })
        .await;
        read(&app, order.id).await
    };
    let (read, deleted) = tokio::join!(read, delete);
    assert!(deleted.unwrap());
    assert_eq!(read.len(), 1);
    assert_shown(&shop, 0, &read[0]);
    assert_eq!(read[0].lines.len(), 2);
}

#[rstest]
#[tokio::test]
async fn what_an_order_needs_can_t_be_deleted_and_its_lines_go_with_it(
    #[values(Kind::Sqlite, Kind::Postgres)] kind: Kind,
) {
    let Some(database) = TestDatabase::of(kind).await else {
        return;
    };
    let shop = Shop::open(&database).await;
    let order = shop.order(&database, 0, &[1, 1]).await;

    let error = UserRepository::new(database.database())
        .delete(order.user_id, None)
        .await
        .unwrap_err();
    assert!(matches!(error, DataError::InUse { .. }), "{error}");
    let error = ProductRepository::new(database.database())
        .delete(shop.goods[0].id, None)
        .await
        .unwrap_err();
    assert!(matches!(error, DataError::InUse { .. }), "{error}");

    assert!(
        OrderRepository::new(database.database())
            .delete(order.id, None)
            .await
            .unwrap()
    );
    let lines = app::models::order_lines::Entity::find()
        .count(database.database())
        .await
        .unwrap();
    assert_eq!(lines, 0);
    assert!(
        UserRepository::new(database.database())
            .delete(order.user_id, None)
            .await
            .unwrap()
    );
}

#[rstest]
#[tokio::test]
async fn an_order_of_nobody_is_refused(#[values(Kind::Sqlite, Kind::Postgres)] kind: Kind) {
    let Some(database) = TestDatabase::of(kind).await else {
        return;
    };
    let nobody = OrderUser {
        id: Uuid::now_v7(),
        name: "Nobody".into(),
    };
    let orders = OrderRepository::new(database.database());
    let error = orders
        .create(Model::placed(nobody, time(1)))
        .await
        .unwrap_err();
    assert!(
        matches!(error, DataError::MissingReference { .. }),
        "{error}"
    );
}
