//! Lists of orders.

use axum::http::StatusCode;
use serde_json::{Value, json};
use uuid::Uuid;

use super::{Shop, path};

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
