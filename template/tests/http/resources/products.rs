//! Products.

#![expect(clippy::unwrap_used, reason = "a test that can't go on has failed")]

use std::future::pending;
use std::time::Duration;

use app::core::clock::Clock;
use app::services::products::ProductReads;
use axum::http::StatusCode;
use chrono::DateTime;
use futures::FutureExt;
use insta::assert_json_snapshot;
use rstest::rstest;
use serde_json::{Value, json};
use tokio::time::timeout;
use uuid::Uuid;

use crate::support::{TestApp, check};

async fn create(app: &TestApp, product: &Value) -> Value {
    let created = app.post("/api/v1/products").json(product).await;
    created.expect_status(StatusCode::CREATED).json()
}

fn path(product: &Value) -> String {
    format!("/api/v1/products/{}", product["id"].as_str().unwrap())
}

#[tokio::test]
async fn create_product_answers_201_with_the_product_its_place_and_its_version() {
    let time = DateTime::from_timestamp(1_790_000_000, 0).unwrap();
    let app = TestApp::build([], |builder| builder.clock(Clock::fixed(time))).await;
    let tea_pot = json!({ "name": "Tea pot", "price": 19.90, "description": "Holds\na litre." });
    let created = app.post("/api/v1/products").json(&tea_pot).await;
    assert_eq!(created.status, StatusCode::CREATED);
    assert_eq!(created.header("etag"), "\"1\"");
    let product = created.json();
    assert_eq!(created.header("location"), path(&product));
    assert_json_snapshot!(product, { ".id" => "[id]" }, @r#"
    {
      "created_at": "2026-09-21T14:13:20Z",
      "description": "Holds\na litre.",
      "id": "[id]",
      "name": "Tea pot",
      "price": "19.9",
      "updated_at": "2026-09-21T14:13:20Z",
      "version": 1
    }
    "#);
    let found = app.get(&path(&product)).await;
    assert_eq!(found.header("etag"), "\"1\"");
    assert_eq!(found.json(), product);
}

#[rstest]
#[case(json!(5), "5")]
#[case(json!(0.1), "0.1")]
#[case(json!("0.1000"), "0.1")]
#[case(json!("12345678901.2345"), "12345678901.2345")]
#[case(json!(12_345_678_901.234_5), "12345678901.2345")]
#[case(json!("0"), "0")]
#[tokio::test]
async fn a_price_goes_in_as_a_number_or_a_string_and_comes_out_as_a_string(
    #[case] price: Value,
    #[case] text: &str,
) {
    let app = TestApp::new().await;
    let product = create(&app, &json!({ "name": "Cup", "price": price })).await;
    assert_eq!(product["price"], text);
    assert_eq!(app.get(&path(&product)).await.json()["price"], text);
}

#[rstest]
#[case(json!({ "name": "Cup" }), "#/price", "is missing")]
#[case(json!({ "name": "Cup", "price": -1 }), "#/price", "is not valid: must not be negative")]
#[case(json!({ "name": "Cup", "price": "0.00001" }), "#/price", "is not valid: must have at most 4 decimals")]
#[case(json!({ "name": "Cup", "price": 0.00001 }), "#/price", "is not valid: must have at most 4 decimals")]
#[case(json!({ "name": "Cup", "price": "1234567890123456" }), "#/price", "is not valid: must have at most 11 digits before the point")]
#[case(json!({ "name": "Cup", "price": "dear" }), "#/price", "is not valid: must be a number, or a string like \"19.90\"")]
#[case(json!({ "name": "Cup", "price": null }), "#/price", "must be a number, or a string like \"19.90\", was null")]
#[case(json!({ "name": "Cup", "price": 1, "description": "\u{7}" }), "#/description", "must not contain control characters other than line breaks and tabs")]
#[case(json!({ "name": "Cup", "price": 1, "description": "x".repeat(1001) }), "#/description", "must be at most 1000 characters")]
#[case(json!({ "name": "", "price": 1, "description": "x" }), "#/name", "must be 1 to 100 characters")]
#[tokio::test]
async fn create_product_rejects_what_is_no_product(
    #[case] body: Value,
    #[case] pointer: &str,
    #[case] detail: &str,
) {
    let app = TestApp::new().await;
    let response = app.post("/api/v1/products").json(&body).await;
    assert_eq!(response.status, StatusCode::UNPROCESSABLE_ENTITY);
    let errors = &response.problem()["errors"];
    let found = errors
        .as_array()
        .unwrap()
        .contains(&json!({ "pointer": pointer, "detail": detail }));
    assert!(found, "{errors}");
}

#[tokio::test]
async fn a_price_is_accepted_exactly_when_its_schema_allows_it() {
    let app = TestApp::new().await;
    let document = app.get("/openapi.json").await.json();
    let schema = &document["components"]["schemas"]["PriceIn"];
    for price in [
        json!(19.9),
        json!(0),
        json!(-0.0),
        json!(-1),
        json!(99_999_999_999_i64),
        json!(99_999_999_999.999_9),
        json!(100_000_000_000_i64),
        json!(999_999_999_999_999_i64),
        json!("0"),
        json!("-0"),
        json!("99999999999.9999"),
        json!("100000000000"),
        json!("999999999999999"),
        json!("000.5000"),
        json!("000000000000.5"),
        json!("0.50000"),
        json!("1."),
        json!("+1"),
        json!("1e3"),
        json!("1\n"),
        json!(""),
        json!(null),
        json!([]),
    ] {
        let allowed = check(&price, schema, &document).is_empty();
        let body = json!({ "name": "Cup", "price": price });
        let response = app.post("/api/v1/products").json(&body).await;
        let accepted = response.status == StatusCode::CREATED;
        assert_eq!(accepted, allowed, "{price}: {:?}", response.body);
    }
}

#[tokio::test]
async fn a_product_is_replaced_patched_and_deleted() {
    let app = TestApp::new().await;
    let cup = create(
        &app,
        &json!({ "name": "Cup", "price": 3, "description": "Blue." }),
    )
    .await;
    let path = path(&cup);

    let patched = app
        .patch(&path)
        .json(&json!({ "price": "3.50" }))
        .await
        .expect_status(StatusCode::OK);
    assert_eq!(patched.header("etag"), "\"2\"");
    let patched = patched.json();
    assert_eq!(
        (&patched["price"], &patched["description"]),
        (&json!("3.5"), &json!("Blue."))
    );
    let cleared = app
        .patch(&path)
        .json(&json!({ "description": null }))
        .await
        .json();
    assert!(cleared.get("description").is_none());
    let refused = app.patch(&path).json(&json!({ "price": null })).await;
    assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);

    let replaced = app
        .put(&path)
        .json(&json!({ "name": "Mug", "price": 4 }))
        .await;
    assert_eq!(replaced.header("etag"), "\"4\"");
    assert_eq!(replaced.json()["name"], "Mug");
    let stale = app
        .put(&path)
        .header("if-match", "\"3\"")
        .json(&json!({ "name": "Jug", "price": 4 }))
        .await;
    assert_eq!(stale.status, StatusCode::PRECONDITION_FAILED);

    assert_eq!(
        app.delete(&path).header("if-match", "\"3\"").await.status,
        StatusCode::PRECONDITION_FAILED
    );
    assert_eq!(
        app.delete(&path).header("if-match", "\"4\"").await.status,
        StatusCode::NO_CONTENT
    );
    assert_eq!(app.delete(&path).await.status, StatusCode::NO_CONTENT);
    assert_eq!(app.get(&path).await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn a_product_that_is_not_there_is_404() {
    let app = TestApp::new().await;
    let path = format!("/api/v1/products/{}", Uuid::now_v7());
    assert_eq!(app.get(&path).await.status, StatusCode::NOT_FOUND);
    assert_eq!(
        app.patch(&path).json(&json!({})).await.status,
        StatusCode::NOT_FOUND
    );
    assert_eq!(
        app.put(&path)
            .json(&json!({ "name": "Cup", "price": 1 }))
            .await
            .status,
        StatusCode::NOT_FOUND
    );
}

#[rstest]
#[case("", &["10", "2.5", "9.95", "100"])]
#[case("sort=price", &["2.5", "9.95", "10", "100"])]
#[case("sort=-price", &["100", "10", "9.95", "2.5"])]
#[case("sort=price&min_price=9.95", &["9.95", "10", "100"])]
#[case("sort=price&max_price=10.0", &["2.5", "9.95", "10"])]
#[case("sort=-price&min_price=3&max_price=99", &["10", "9.95"])]
#[tokio::test]
async fn list_products_sorts_and_filters(#[case] query: &str, #[case] expected: &[&str]) {
    let app = TestApp::new().await;
    for price in ["100", "9.95", "2.5", "10"] {
        create(&app, &json!({ "name": "Cup", "price": price })).await;
    }
    let mut seen = Vec::new();
    let mut cursor = String::new();
    loop {
        let page = app
            .get(&format!("/api/v1/products?limit=1&{query}{cursor}"))
            .await;
        let page = page.expect_status(StatusCode::OK).json();
        seen.extend(
            page["items"]
                .as_array()
                .unwrap()
                .iter()
                .map(|product| product["price"].clone()),
        );
        match page["next_cursor"].as_str() {
            Some(next) => cursor = format!("&after={next}"),
            None => break,
        }
    }
    assert_eq!(seen, expected);
}

#[tokio::test]
async fn list_products_rejects_a_price_that_is_none() {
    let app = TestApp::new().await;
    let response = app.get("/api/v1/products?min_price=cheap").await;
    assert_eq!(response.status, StatusCode::BAD_REQUEST);
    assert_eq!(response.problem()["errors"][0]["parameter"], "min_price");
}

#[rstest]
#[case("PATCH")]
#[case("PUT")]
#[case("DELETE")]
#[tokio::test]
async fn whoever_reads_a_product_after_a_write_joins_no_read_that_began_before_it(
    #[case] method: &str,
) {
    let app = TestApp::new().await;
    let product = create(&app, &json!({ "name": "Cup", "price": 1 })).await;
    let id = product["id"].as_str().unwrap().parse().unwrap();
    let reads = app.state.component::<ProductReads>().0.clone();
    let mut before = Box::pin(reads.get(id, pending));
    assert!(before.as_mut().now_or_never().is_none());

    let write = app.request(method.parse().unwrap(), &path(&product));
    let write = match method {
        "DELETE" => write.await,
        _ => write.json(&json!({ "name": "Mug", "price": 1 })).await,
    };
    assert!(write.status.is_success(), "{write:?}");

    let after = timeout(Duration::from_mins(1), app.get(&path(&product))).await;
    let after = after.expect("it joined the read that began before the write");
    if method == "DELETE" {
        assert_eq!(after.status, StatusCode::NOT_FOUND);
    } else {
        assert_eq!(after.json()["name"], "Mug");
    }
}
