//! Products in the database.

use app::core::database::keyset::{PageRequest, Sort};
use app::models::price::Price;
use app::models::products::{ActiveModel, Entity, ProductFilter, ProductIn, ProductPatch};
use app::repositories::base::BaseRepository;
use app::repositories::products::ProductRepository;
use rstest::rstest;

use super::suite::{Connection, Meaning, Sample, conformance};
use super::users::time;
use crate::support::database::{Kind, TestDatabase};

pub(super) fn price(text: &str) -> Price {
    text.parse().unwrap()
}

pub(super) fn product(number: u32) -> ProductIn {
    ProductIn {
        name: format!("Product {}", number % 4),
        // 0, 9.95, 19.9 …: as texts they stand in another order than as numbers
        price: Price::try_from(rust_decimal::Decimal::new(i64::from(number % 11) * 995, 2))
            .unwrap(),
        description: (!number.is_multiple_of(3)).then(|| format!("The number {number}.")),
    }
}

impl Sample for Entity {
    fn repository<C: Connection>(connection: &C) -> impl BaseRepository<Entity = Self, Conn = C> {
        ProductRepository::new(connection)
    }

    async fn prepare<C: Connection>(_: &C) {}

    fn row(number: u32) -> ActiveModel {
        product(number).into_new(time(number))
    }

    fn change(number: u32) -> ActiveModel {
        let patch = ProductPatch {
            name: None,
            price: number.is_multiple_of(2).then(|| price("12345678901.2345")),
            description: number.is_multiple_of(3).then_some(None),
        };
        patch.into_changes(time(number + 1))
    }

    fn filters() -> Vec<Meaning<Self>> {
        let (low, high) = (Some(price("9.95")), Some(price("29.85")));
        vec![
            (
                ProductFilter {
                    min_price: low,
                    max_price: None,
                },
                |product| product.price >= price("9.95"),
            ),
            (
                ProductFilter {
                    min_price: None,
                    max_price: high,
                },
                |product| product.price <= price("29.85"),
            ),
            (
                ProductFilter {
                    min_price: low,
                    max_price: high,
                },
                |product| (price("9.95")..=price("29.85")).contains(&product.price),
            ),
        ]
    }
}

conformance!(Entity);

#[rstest]
#[tokio::test]
async fn a_price_comes_back_with_every_digit_and_the_same_text_from_both_databases(
    #[values(Kind::Sqlite, Kind::Postgres)] kind: Kind,
) {
    let Some(database) = TestDatabase::of(kind).await else {
        return;
    };
    let products = ProductRepository::new(database.database());
    for text in [
        "0",
        "0.0001",
        "0.1",
        "1.5",
        "19.9",
        "100",
        "99999999999.9999",
    ] {
        let new = ProductIn {
            price: price(text),
            ..product(1)
        };
        let created = products.create(new.into_new(time(1))).await.unwrap();
        assert_eq!(
            created.price.to_string(),
            text,
            "answered by the statement that wrote it"
        );
        let read = products.get(created.id).await.unwrap();
        assert_eq!(read.price.to_string(), text, "read");
        assert_eq!(read.price, price(text));
    }
}

#[rstest]
#[tokio::test]
async fn prices_are_ordered_as_numbers(#[values(Kind::Sqlite, Kind::Postgres)] kind: Kind) {
    let Some(database) = TestDatabase::of(kind).await else {
        return;
    };
    let products = ProductRepository::new(database.database());
    for text in ["100", "9.5", "19.9", "0.5"] {
        let new = ProductIn {
            price: price(text),
            ..product(1)
        };
        products.create(new.into_new(time(1))).await.unwrap();
    }
    let by_price: Sort<Entity> = "price".parse().unwrap();
    let page = products
        .list(&PageRequest::first(10, by_price, ProductFilter::default()))
        .await
        .unwrap();
    let prices: Vec<_> = page
        .rows
        .iter()
        .map(|product| product.price.to_string())
        .collect();
    assert_eq!(prices, ["0.5", "9.5", "19.9", "100"]);
}

#[rstest]
#[tokio::test]
async fn products_are_found_by_several_ids(#[values(Kind::Sqlite, Kind::Postgres)] kind: Kind) {
    let Some(database) = TestDatabase::of(kind).await else {
        return;
    };
    let products = ProductRepository::new(database.database());
    let created = products
        .create_many((0..3).map(|n| product(n).into_new(time(n))).collect())
        .await
        .unwrap();
    let mut found = products
        .find_all([created[0].id, created[2].id, uuid::Uuid::now_v7()])
        .await
        .unwrap();
    found.sort_by_key(|product| product.id);
    let mut expected = vec![created[0].clone(), created[2].clone()];
    expected.sort_by_key(|product| product.id);
    assert_eq!(found, expected);
}
