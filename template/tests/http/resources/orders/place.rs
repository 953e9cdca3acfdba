//! Placing orders.

use axum::http::StatusCode;
use insta::assert_json_snapshot;
use rstest::rstest;
use sea_orm::{ConnectionTrait, EntityTrait, PaginatorTrait};
use serde_json::{Value, json};
use uuid::Uuid;

use super::{Shop, path};
use crate::support::TestApp;

#[tokio::test]
async fn create_order_keeps_the_order_with_the_names_and_prices_of_the_moment() {
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

    // The tag still stands for the same answer, whatever becomes of the product and the user.
    let renamed = json!({ "name": "Mug", "price": 100 });
    let later = [
        ("products", &shop.products[1], renamed),
        ("users", &shop.user, json!({ "name": "Ada King" })),
    ];
    for (collection, id, change) in later {
        let patch = shop.app.patch(&format!("/api/v1/{collection}/{id}"));
        patch.json(&change).await.expect_status(StatusCode::OK);
    }
    let found = shop.app.get(&path(&order)).await;
    assert_eq!(found.header("etag"), "\"1\"");
    assert_eq!(found.json(), order);
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
