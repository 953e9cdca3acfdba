//! Example data: users, products, and orders of the ones for the others.

use chrono::{DateTime, TimeDelta, Utc};
use rust_decimal::Decimal;
use sea_orm::Set;
use uuid::Uuid;

use crate::core::database::keyset::{Listed, PageRequest, Slice, Sort};
use crate::core::database::{Database, Result};
use crate::models::order_lines;
use crate::models::orders::{self, OrderLineIn, OrderStatus};
use crate::models::price::Price;
use crate::models::products::{self, ProductIn};
use crate::models::users::{self, UserIn};
use crate::repositories::base::{BaseRepository, Row};
use crate::repositories::orders::OrderRepository;
use crate::repositories::products::ProductRepository;
use crate::repositories::users::UserRepository;

crate::register_seed!("users", 1, seed_users);
crate::register_seed!("products", 2, seed_products);
crate::register_seed!("orders", 3, seed_orders);

/// Rows that are made at a time: a million of them never stand in memory together.
const CHUNK: u64 = 2_000;

/// 2026-01-01T00:00:00Z: the first row's second. Each further row is a second younger.
const BEGINNING: i64 = 1_767_225_600;

const FIRST_NAMES: [&str; 8] = [
    "Ada", "Alan", "Barbara", "Donald", "Edsger", "Grace", "Linus", "Margaret",
];
const LAST_NAMES: [&str; 7] = [
    "Dijkstra", "Hamilton", "Hopper", "Knuth", "Liskov", "Lovelace", "Turing",
];
const KINDS: [&str; 5] = ["Blue", "Large", "Light", "Plain", "Small"];
const THINGS: [&str; 6] = ["bowl", "cup", "jug", "plate", "saucer", "tea pot"];

/// Which table a row is for, so that no two have one id.
#[derive(Clone, Copy)]
enum Table {
    Users,
    Products,
    Orders,
    OrderLines,
}

async fn seed_users(database: &Database, rows: u64) -> Result<u64> {
    if UserRepository::new(database)
        .count(&users::UserFilter::default())
        .await?
        > 0
    {
        return Ok(0);
    }
    for chunk in chunks(rows) {
        let users = chunk.map(|n| {
            let name = format!("{} {}", pick(&FIRST_NAMES, n), pick(&LAST_NAMES, n / 3));
            let email = format!("{}.{n}@example.com", name.replace(' ', ".").to_lowercase());
            let age = (n % 7 != 6).then(|| small(18 + n * 7 % 70));
            let user = UserIn {
                name,
                email,
                age,
                is_active: n % 10 != 9,
            };
            users::ActiveModel {
                id: Set(id(Table::Users, n)),
                ..user.into_new(time(n))
            }
        });
        UserRepository::new(database)
            .create_many(users.collect())
            .await?;
    }
    Ok(rows)
}

async fn seed_products(database: &Database, rows: u64) -> Result<u64> {
    if ProductRepository::new(database)
        .count(&products::ProductFilter::default())
        .await?
        > 0
    {
        return Ok(0);
    }
    for chunk in chunks(rows) {
        let products = chunk.map(|n| {
            let name = format!("{} {} no. {n}", pick(&KINDS, n), pick(&THINGS, n / 2));
            let description = (n % 3 == 0).then(|| format!("The number {n} of our collection."));
            let product = ProductIn {
                name,
                price: price(n),
                description,
            };
            products::ActiveModel {
                id: Set(id(Table::Products, n)),
                ..product.into_new(time(n))
            }
        });
        ProductRepository::new(database)
            .create_many(products.collect())
            .await?;
    }
    Ok(rows)
}

/// An order for every fifth row, of users and products that are there, whoever made them.
async fn seed_orders(database: &Database, rows: u64) -> Result<u64> {
    let orders = OrderRepository::new(database);
    if orders.count(&orders::OrderFilter::default()).await? > 0 {
        return Ok(0);
    }
    let buyers = first_page(&UserRepository::new(database)).await?;
    let goods = first_page(&ProductRepository::new(database)).await?;
    if buyers.is_empty() || goods.is_empty() {
        return Ok(0);
    }
    for chunk in chunks(rows / 5) {
        database
            .transaction(async |tx| {
                let orders = OrderRepository::new(tx);
                orders
                    .create_many(chunk.clone().map(|n| order(n, pick(&buyers, n))).collect())
                    .await?;
                orders
                    .add_lines(chunk.flat_map(|n| lines(n, &goods)).collect())
                    .await
            })
            .await?;
    }
    Ok(rows / 5)
}

fn order(n: u64, user: &users::Model) -> orders::ActiveModel {
    let all = [
        OrderStatus::Pending,
        OrderStatus::Paid,
        OrderStatus::Shipped,
        OrderStatus::Cancelled,
    ];
    orders::ActiveModel {
        id: Set(id(Table::Orders, n)),
        status: Set(*pick(&all, n / 100)),
        ..orders::Model::placed(user.clone().into(), time(n))
    }
}

/// One to three lines for an order.
fn lines(order: u64, goods: &[products::Model]) -> impl Iterator<Item = order_lines::ActiveModel> {
    (0..=order % 3).map(move |line| {
        let product = pick(goods, order + line);
        let quantity = small(1 + (order + line) % 4);
        let row = OrderLineIn {
            product_id: product.id,
            quantity,
        };
        order_lines::ActiveModel {
            id: Set(id(Table::OrderLines, 3 * order + line)),
            ..row.into_new(id(Table::Orders, order), product)
        }
    })
}

/// The hundred oldest rows.
async fn first_page<R>(repository: &R) -> Result<Vec<Row<R>>>
where
    R: BaseRepository<Entity: Listed>,
{
    let request = PageRequest::first(100, Sort::default().reversed(), Default::default());
    let Slice { rows, .. } = repository.list(&request).await?;
    Ok(rows)
}

fn chunks(rows: u64) -> impl Iterator<Item = std::ops::Range<u64>> {
    (0..rows)
        .step_by(usize::try_from(CHUNK).unwrap_or(1))
        .map(move |from| from..rows.min(from + CHUNK))
}

fn time(n: u64) -> DateTime<Utc> {
    let seconds = TimeDelta::seconds(i64::try_from(n).unwrap_or_default());
    DateTime::from_timestamp(BEGINNING, 0).unwrap_or_default() + seconds
}

/// A UUID of version 7, but the same each time: where others have random bits, this has the table and the row's number.
fn id(table: Table, n: u64) -> Uuid {
    let mut unique = [0; 10];
    unique[1] = table as u8;
    unique[2..].copy_from_slice(&n.to_be_bytes());
    let millis = time(n).timestamp_millis();
    uuid::Builder::from_unix_timestamp_millis(millis.unsigned_abs(), &unique).into_uuid()
}

/// 1.95 to 100.94, in steps that make most of them different.
fn price(n: u64) -> Price {
    let cents = 195 + i64::from(small(n * 37 % 9_900));
    // Four digits, two of them decimals: always a price.
    Price::try_from(Decimal::new(cents, 2)).unwrap_or_default()
}

fn pick<T>(all: &[T], n: u64) -> &T {
    &all[usize::try_from(n % all.len() as u64).unwrap_or_default()]
}

fn small(n: u64) -> i32 {
    i32::try_from(n).unwrap_or(i32::MAX)
}
