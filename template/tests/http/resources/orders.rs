//! Orders.

#![expect(clippy::unwrap_used, reason = "a test that can't go on has failed")]

use app::core::clock::Clock;
use axum::http::StatusCode;
use chrono::DateTime;
use insta::assert_json_snapshot;
use rstest::rstest;
use sea_orm::{ConnectionTrait, EntityTrait, PaginatorTrait};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::support::TestApp;

/// A service with a user and two products.
struct Shop {
    app: TestApp,
    user: String,
    products: [String; 2],
}

impl Shop {
    async fn open() -> Self {
        let time = DateTime::from_timestamp(1_790_000_000, 0).unwrap();
        let app = TestApp::build([], |builder| builder.clock(Clock::fixed(time))).await;
        let user = create(
            &app,
            "users",
            json!({ "name": "Ada", "email": "ada@example.com" }),
        )
        .await;
        let tea_pot = create(
            &app,
            "products",
            json!({ "name": "Tea pot", "price": "19.90" }),
        )
        .await;
        let cup = create(&app, "products", json!({ "name": "Cup", "price": "3.5" })).await;
        Self {
            app,
            user,
            products: [tea_pot, cup],
        }
    }

    /// An order of one tea pot and four cups.
    fn order(&self) -> Value {
        json!({ "user_id": self.user, "lines": [
            { "product_id": self.products[0], "quantity": 1 },
            { "product_id": self.products[1], "quantity": 4 },
        ] })
    }

    async fn place(&self) -> Value {
        let placed = self.app.post("/api/v1/orders").json(&self.order()).await;
        placed.expect_status(StatusCode::CREATED).json()
    }

    /// How many orders and lines there are.
    async fn kept(&self) -> (u64, u64) {
        use app::models::{order_lines, orders};

        let database = &self.app.state.database;
        let orders = orders::Entity::find().count(database).await.unwrap();
        (
            orders,
            order_lines::Entity::find().count(database).await.unwrap(),
        )
    }
}

async fn create(app: &TestApp, collection: &str, body: Value) -> String {
    let created = app.post(&format!("/api/v1/{collection}")).json(&body).await;
    let created = created.expect_status(StatusCode::CREATED).json();
    created["id"].as_str().unwrap().to_owned()
}

fn path(order: &Value) -> String {
    format!("/api/v1/orders/{}", order["id"].as_str().unwrap())
}

#[tokio::test]
async fn create_order_keeps_the_order_with_its_lines_at_the_prices_of_the_moment() {
    let shop = Shop::open().await;
    let placed = shop.app.post("/api/v1/orders").json(&shop.order()).await;
    assert_eq!(placed.status, StatusCode::CREATED);
    assert_eq!(placed.header("etag"), "\"1\"");
    let order = placed.json();
    assert_eq!(placed.header("location"), path(&order));
    assert_json_snapshot!(order, { ".id" => "[id]", ".user.id" => "[id]", ".lines[].product_id" => "[id]" }, @r#"
    {
      "created_at": "2026-09-21T14:13:20Z",
      "id": "[id]",
      "lines": [
        {
          "product_id": "[id]",
          "product_name": "Tea pot",
          "quantity": 1,
          "unit_price": "19.9"
        },
        {
          "product_id": "[id]",
          "product_name": "Cup",
          "quantity": 4,
          "unit_price": "3.5"
        }
      ],
      "status": "pending",
      "total": "33.9",
      "updated_at": "2026-09-21T14:13:20Z",
      "user": {
        "id": "[id]",
        "name": "Ada"
      },
      "version": 1
    }
    "#);
    assert_eq!(order["user"]["id"], shop.user);
    assert_eq!(order["lines"][1]["product_id"], shop.products[1]);

    let dearer = format!("/api/v1/products/{}", shop.products[1]);
    shop.app
        .patch(&dearer)
        .json(&json!({ "price": 100 }))
        .await
        .expect_status(StatusCode::OK);
    let found = shop.app.get(&path(&order)).await;
    assert_eq!(found.header("etag"), "\"1\"");
    assert_eq!(found.json(), order, "a later price doesn't reach it");
}

#[tokio::test]
async fn a_list_is_no_line_of_an_order() {
    let shop = Shop::open().await;
    let mut order = shop.order();
    order["lines"][1] = json!([shop.products[1], 4]);
    let refused = shop.app.post("/api/v1/orders").json(&order).await;
    assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(
        refused.problem()["errors"],
        json!([{ "pointer": "#/lines/1", "detail": "must be an object, was a list" }])
    );
    assert_eq!(shop.kept().await, (0, 0));
}

#[tokio::test]
async fn create_order_names_every_product_that_is_not_there_and_keeps_nothing() {
    let shop = Shop::open().await;
    let mut order = shop.order();
    order["lines"][0]["product_id"] = json!(Uuid::now_v7());
    order["lines"]
        .as_array_mut()
        .unwrap()
        .push(json!({ "product_id": Uuid::now_v7(), "quantity": 1 }));
    let response = shop.app.post("/api/v1/orders").json(&order).await;
    assert_eq!(response.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_json_snapshot!(response.problem()["errors"], @r##"
    [
      {
        "detail": "is the id of no product",
        "pointer": "#/lines/0/product_id"
      },
      {
        "detail": "is the id of no product",
        "pointer": "#/lines/2/product_id"
      }
    ]
    "##);
    assert_eq!(shop.kept().await, (0, 0));
}

#[tokio::test]
async fn create_order_keeps_no_order_if_its_lines_can_t_be_kept() {
    let shop = Shop::open().await;
    // after the order itself was written, its lines meet a table that refuses them
    let refuse = "DROP TABLE order_lines";
    shop.app
        .state
        .database
        .execute_unprepared(refuse)
        .await
        .unwrap();
    let response = shop.app.post("/api/v1/orders").json(&shop.order()).await;
    assert_eq!(response.status, StatusCode::INTERNAL_SERVER_ERROR);
    let orders = app::models::orders::Entity::find()
        .count(&shop.app.state.database)
        .await
        .unwrap();
    assert_eq!(orders, 0, "it was rolled back");
}

#[tokio::test]
async fn create_order_rejects_users_who_don_t_exist_or_are_not_active() {
    let shop = Shop::open().await;
    let mut order = shop.order();
    order["user_id"] = json!(Uuid::now_v7());
    let response = shop.app.post("/api/v1/orders").json(&order).await;
    assert_eq!(response.status, StatusCode::UNPROCESSABLE_ENTITY);
    let expected = json!([{ "pointer": "#/user_id", "detail": "is the id of no user" }]);
    assert_eq!(response.problem()["errors"], expected);

    let user = format!("/api/v1/users/{}", shop.user);
    shop.app
        .patch(&user)
        .json(&json!({ "is_active": false }))
        .await
        .expect_status(StatusCode::OK);
    let response = shop.app.post("/api/v1/orders").json(&shop.order()).await;
    assert_eq!(response.status, StatusCode::CONFLICT);
    assert_eq!(
        response.problem()["detail"],
        "The user is not active, and can't order."
    );
    assert_eq!(shop.kept().await, (0, 0));
}

#[rstest]
#[case::no_lines(json!([]), "#/lines", "must be 1 to 100 items")]
#[case::none_of_it(json!([{ "product_id": Uuid::nil(), "quantity": 0 }]), "#/lines/0/quantity", "must be 1 to 10000, was 0")]
#[case::too_many(json!([{ "product_id": Uuid::nil(), "quantity": 10_001 }]), "#/lines/0/quantity", "must be 1 to 10000, was 10001")]
#[case::a_price_of_its_own(json!([{ "product_id": Uuid::nil(), "quantity": 1, "unit_price": 0 }]), "#/lines/0/unit_price", "is not known; there is `product_id` or `quantity`")]
#[tokio::test]
async fn create_order_rejects_what_is_no_order(
    #[case] lines: Value,
    #[case] pointer: &str,
    #[case] detail: &str,
) {
    let app = TestApp::new().await;
    let order = json!({ "user_id": Uuid::nil(), "lines": lines });
    let response = app.post("/api/v1/orders").json(&order).await;
    assert_eq!(response.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(
        response.problem()["errors"],
        json!([{ "pointer": pointer, "detail": detail }])
    );
}

#[tokio::test]
async fn the_status_of_an_order_is_patched() {
    let shop = Shop::open().await;
    let order = shop.place().await;
    let paid = shop
        .app
        .patch(&path(&order))
        .header("if-match", "\"1\"")
        .json(&json!({ "status": "paid" }))
        .await;
    assert_eq!(paid.status, StatusCode::OK);
    assert_eq!(paid.header("etag"), "\"2\"");
    let paid = paid.json();
    assert_eq!(
        (&paid["status"], &paid["lines"]),
        (&json!("paid"), &order["lines"])
    );

    let stale = shop
        .app
        .patch(&path(&order))
        .header("if-match", "\"1\"")
        .json(&json!({ "status": "shipped" }))
        .await;
    assert_eq!(stale.status, StatusCode::PRECONDITION_FAILED);
    for refused in [
        json!({ "status": "lost" }),
        json!({ "status": null }),
        json!({ "user_id": shop.user }),
    ] {
        let response = shop.app.patch(&path(&order)).json(&refused).await;
        assert_eq!(
            response.status,
            StatusCode::UNPROCESSABLE_ENTITY,
            "{refused}"
        );
    }
    let put = shop.app.put(&path(&order)).json(&shop.order()).await;
    assert_eq!(put.status, StatusCode::METHOD_NOT_ALLOWED);
}

#[tokio::test]
async fn an_order_keeps_its_user_and_products_until_it_is_deleted() {
    let shop = Shop::open().await;
    let order = shop.place().await;
    let user = format!("/api/v1/users/{}", shop.user);
    let product = format!("/api/v1/products/{}", shop.products[0]);
    for path in [&user, &product] {
        let refused = shop.app.delete(path).await;
        assert_eq!(refused.status, StatusCode::CONFLICT);
        assert_eq!(refused.problem()["detail"], "Something else refers to it.");
    }
    assert_eq!(
        shop.app
            .delete(&path(&order))
            .header("if-match", "\"2\"")
            .await
            .status,
        StatusCode::PRECONDITION_FAILED
    );
    assert_eq!(
        shop.app.delete(&path(&order)).await.status,
        StatusCode::NO_CONTENT
    );
    assert_eq!(
        shop.app.delete(&path(&order)).await.status,
        StatusCode::NO_CONTENT
    );
    assert_eq!(
        shop.app.get(&path(&order)).await.status,
        StatusCode::NOT_FOUND
    );
    assert_eq!(shop.kept().await, (0, 0));
    for path in [&user, &product] {
        assert_eq!(shop.app.delete(path).await.status, StatusCode::NO_CONTENT);
    }
}

#[tokio::test]
async fn list_orders_filters_by_user_and_status() {
    let shop = Shop::open().await;
    let orders = [shop.place().await, shop.place().await, shop.place().await];
    shop.app
        .patch(&path(&orders[1]))
        .json(&json!({ "status": "paid" }))
        .await
        .expect_status(StatusCode::OK);
    let ids = |page: &Value| -> Vec<Value> {
        page["items"]
            .as_array()
            .unwrap()
            .iter()
            .map(|order| order["id"].clone())
            .collect()
    };
    let list = async |query: &str| {
        shop.app
            .get(&format!("/api/v1/orders?{query}"))
            .await
            .expect_status(StatusCode::OK)
            .json()
    };

    let [first, second, third] = orders.each_ref().map(|order| order["id"].clone());
    let all = list("").await;
    assert_eq!(
        ids(&all),
        [third.clone(), second.clone(), first.clone()],
        "the newest first"
    );
    assert_eq!(all["items"][2], orders[0], "with all that belongs to them");
    assert_eq!(ids(&list("status=paid").await), [second]);
    let of_user = format!("user_id={}&status=pending&sort=created_at", shop.user);
    assert_eq!(ids(&list(&of_user).await), [first.clone(), third]);
    let page = list(&format!("{of_user}&limit=1")).await;
    assert_eq!((ids(&page), &page["has_more"]), (vec![first], &json!(true)));
    assert_eq!(
        ids(&list(&format!("user_id={}", Uuid::now_v7())).await),
        [] as [Value; 0]
    );

    let response = shop.app.get("/api/v1/orders?status=lost").await;
    assert_eq!(response.status, StatusCode::BAD_REQUEST);
    assert_eq!(response.problem()["errors"][0]["parameter"], "status");
}
