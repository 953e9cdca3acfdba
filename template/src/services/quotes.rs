//! Quotes: what another service asks for a product. The service is named by `UPSTREAM_BASE_URL`.

use std::convert::Infallible;
use std::time::Duration;

use chrono::{DateTime, Utc};
use schemars::JsonSchema;
use serde::Deserialize;
use uuid::Uuid;
use validator::Validate;

use crate::core::coalescing::Coalescer;
use crate::core::config::{AppEnv, Defaults, Section};
use crate::core::http::{AppError, Result};
use crate::core::http_client::HttpClientError;
use crate::core::state::{AppState, Shared};
use crate::models::quotes::{QuoteOut, UpstreamQuote};
use crate::services::products;

/// The other service that quotes prices for products.
#[derive(Clone, Debug, Deserialize, JsonSchema, Validate)]
pub struct UpstreamConfig {
    /// Where it is, such as `https://quotes.example.com`. Without it there are no quotes: requests for one are answered with 503.
    #[validate(url)]
    pub base_url: Option<String>,
}

impl Section for UpstreamConfig {
    fn defaults(_: AppEnv) -> Defaults {
        Defaults::new()
    }
}

crate::register_section! { "UPSTREAM_": UpstreamConfig }

crate::register_health_check!("quotes", upstream_answers, gates_readiness: false);

/// Whether the other service answers, if there is one. It does not gate readiness: without quotes everything else still works.
async fn upstream_answers(app: AppState) -> Result<(), HttpClientError> {
    match &app.config.section::<UpstreamConfig>().base_url {
        Some(base_url) => app.http_client.ping(base_url).await,
        None => Ok(()),
    }
}

/// What is being asked of the other service, by product: an answer, and when it was asked for.
struct QuoteReads(Coalescer<Uuid, (UpstreamQuote, DateTime<Utc>), HttpClientError>);

crate::register_component!(QuoteReads: |shared: &Shared| Ok::<_, Infallible>(QuoteReads(shared.coalescing.of("quotes"))));

/// When to try again if nobody is configured to be asked: it takes somebody to configure it.
const NOT_CONFIGURED_RETRY: Duration = Duration::from_mins(1);

/// Asks the other service for a quote for this product. Whoever wants one while it is being asked gets the same.
///
/// # Errors
///
/// 404 if there is no such product, 503 if the other service is not configured, can't be reached or says that it is busy, 502 if its
/// answer is of no use, 504 if it takes too long.
pub async fn quote_product(app: &AppState, product_id: Uuid) -> Result<QuoteOut> {
    let product = products::get_product(app, product_id).await?;
    let Some(base_url) = &app.config.section::<UpstreamConfig>().base_url else {
        return Err(AppError::unavailable(
            "No service that quotes prices is configured.",
            NOT_CONFIGURED_RETRY,
        ));
    };
    let ask = || {
        let url = format!("{}/quotes/{product_id}", base_url.trim_end_matches('/'));
        let (client, asked_at) = (app.http_client.clone(), app.clock.now());
        async move {
            let answer = client.get(url).send().await?;
            Ok((answer.success()?.json().await?, asked_at))
        }
    };
    let quotes = &app.component::<QuoteReads>().0;
    let (quote, quoted_at) = quotes.get(product_id, ask).await?;
    Ok(QuoteOut {
        product_id,
        list_price: product.price,
        quoted_price: quote.price,
        quoted_at,
    })
}
