//! Quotes: what another service asks for a product. Nothing of them is kept, so there is no table.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;

use crate::core::rfc3339;
use crate::models::price::Price;

/// What the other service answers. Fields that we don't read may come and go.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct UpstreamQuote {
    /// What it asks for one.
    pub price: Price,
}

/// A quote, as it is answered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, ToSchema)]
pub struct QuoteOut {
    /// The product's id.
    pub product_id: Uuid,
    /// Our own price.
    pub list_price: Price,
    /// What the other service asks.
    pub quoted_price: Price,
    /// When it was asked.
    #[serde(serialize_with = "rfc3339::serialize")]
    pub quoted_at: DateTime<Utc>,
}
