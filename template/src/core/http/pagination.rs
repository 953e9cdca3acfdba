//! Lists, as they go over the wire: `?limit=&after=&sort=` and the list's own filters, and a page of what was found.
//!
//! A [`PageRequest`](crate::core::database::keyset::PageRequest) is read from the query as a whole, by
//! [`ValidQuery`](crate::core::http::ValidQuery). Where a page begins stands in an opaque cursor: it names the list that it
//! belongs to (its order and its filter), so that it can't be handed to another one, where it would silently skip rows.

use axum::response::{IntoResponse, Response};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sea_orm::ModelTrait;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::openapi::path::{Parameter, ParameterBuilder, ParameterIn};
use utoipa::openapi::schema::{ObjectBuilder, Schema, Type};
use utoipa::{IntoParams, ToSchema};
use validator::{Validate, ValidationErrors};

use crate::core::database::keyset::{Listed, PageRequest, Position, Slice, Sort};
use crate::core::http::{FieldError, FromQuery, Json, QueryPairs};

/// Items on a page, if the client doesn't say.
pub const DEFAULT_LIMIT: u64 = 20;

/// Items that a page can have.
pub const MAX_LIMIT: u64 = 100;

/// A page of a list.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct Page<T> {
    /// What was found, in the list's order.
    pub items: Vec<T>,
    /// What to send as `after` for the next page; absent on the last one.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub next_cursor: Option<String>,
    /// Whether there is a next page.
    pub has_more: bool,
}

impl<T> Page<T> {
    /// The page that was asked for, of what was found.
    #[must_use]
    pub fn of<E: Listed, M>(request: &PageRequest<E>, found: Slice<M>) -> Self
    where
        T: From<M>,
    {
        let next_cursor = found.next.map(|next| Cursor::of(request, next).encode());
        Self {
            items: found.rows.into_iter().map(T::from).collect(),
            has_more: next_cursor.is_some(),
            next_cursor,
        }
    }
}

impl<T: Serialize> IntoResponse for Page<T> {
    fn into_response(self) -> Response {
        Json(self).into_response()
    }
}

impl<E> FromQuery for PageRequest<E>
where
    E: Listed<Model: ModelTrait<Entity = E>, Filter: DeserializeOwned + IntoParams>,
{
    fn from_query(query: &mut QueryPairs<'_>) -> Result<Self, FieldError> {
        let limit = query.take("limit")?.unwrap_or(DEFAULT_LIMIT);
        if !(1..=MAX_LIMIT).contains(&limit) {
            return Err(FieldError::parameter(
                "limit",
                format!("must be 1 to {MAX_LIMIT}, was {limit}"),
            ));
        }
        let sort = sort_from_query(query)?;
        let after = query.take::<String>("after")?;
        known::<E>(query, &["limit", "after", "sort"])?;
        let mut request = Self::first(limit, sort, query.rest()?);
        if let Some(cursor) = after {
            let position = Cursor::decode(&cursor).and_then(|cursor| cursor.position_in(&request));
            let position = position.map_err(|detail| FieldError::parameter("after", detail))?;
            request.after = Some(position);
        }
        Ok(request)
    }
}

/// The order that the query asks for, or the list's own.
pub(super) fn sort_from_query<E: Listed>(
    query: &mut QueryPairs<'_>,
) -> Result<Sort<E>, FieldError> {
    match query.take::<String>("sort")? {
        Some(sort) => sort
            .parse()
            .map_err(|error| FieldError::parameter("sort", format!("{error}"))),
        None => Ok(Sort::default()),
    }
}

/// Refuses a parameter that is neither one of `own` nor a filter of the list, and names all that there are.
pub(super) fn known<E: Listed<Filter: IntoParams>>(
    query: &QueryPairs<'_>,
    own: &[&str],
) -> Result<(), FieldError> {
    if query.names().next().is_none() {
        return Ok(());
    }
    let mut known: Vec<String> = own.iter().map(|&name| name.to_owned()).collect();
    known.extend(
        E::Filter::into_params(|| None)
            .into_iter()
            .map(|parameter| parameter.name),
    );
    match query
        .names()
        .find(|name| !known.iter().any(|known| known == name))
    {
        None => Ok(()),
        Some(name) => Err(FieldError::parameter(
            name,
            format!("is not known; there is {}", known.join(", ")),
        )),
    }
}

impl<E: Listed<Filter: Validate>> Validate for PageRequest<E> {
    fn validate(&self) -> Result<(), ValidationErrors> {
        self.filter.validate()
    }
}

impl<E: Listed<Filter: IntoParams>> IntoParams for PageRequest<E> {
    fn into_params(parameter_in: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        let text = || ObjectBuilder::new().schema_type(Type::String);
        let limit = ObjectBuilder::new()
            .schema_type(Type::Integer)
            .minimum(Some(1))
            .maximum(Some(MAX_LIMIT))
            .default(Some(DEFAULT_LIMIT.into()));
        let mut parameters = vec![
            parameter("limit", "Items on the page.", limit.build()),
            parameter(
                "after",
                "Where the page begins: the `next_cursor` of the page before.",
                text().min_length(Some(1)).build(),
            ),
            sort_parameter::<E>(),
        ];
        parameters.extend(E::Filter::into_params(parameter_in));
        parameters
    }
}

/// The parameter `sort` of a list.
pub(super) fn sort_parameter<E: Listed>() -> Parameter {
    let sort = ObjectBuilder::new()
        .schema_type(Type::String)
        .enum_values(Some(Sort::<E>::all().map(|sort| sort.to_string())))
        .default(Some(Sort::<E>::default().to_string().into()));
    parameter(
        "sort",
        "The list's order; with `-`, great values come first.",
        sort.build(),
    )
}

pub(super) fn parameter(name: &str, description: &str, schema: impl Into<Schema>) -> Parameter {
    ParameterBuilder::new()
        .name(name)
        .parameter_in(ParameterIn::Query)
        .description(Some(description))
        .schema(Some(schema.into()))
        .build()
}

/// What a cursor holds. It is not signed: whoever makes one up learns no more than the list tells anyway.
#[derive(Debug, Serialize, Deserialize)]
struct Cursor {
    sort: String,
    filter: Value,
    after: Position,
}

impl Cursor {
    fn of<E: Listed>(request: &PageRequest<E>, after: Position) -> Self {
        Self {
            sort: request.sort.to_string(),
            filter: fingerprint(&request.filter),
            after,
        }
    }

    fn encode(&self) -> String {
        // Texts, numbers and times can always be written.
        URL_SAFE_NO_PAD.encode(serde_json::to_vec(self).unwrap_or_default())
    }

    fn decode(cursor: &str) -> Result<Self, &'static str> {
        let json = URL_SAFE_NO_PAD.decode(cursor).map_err(|_| DAMAGED)?;
        serde_json::from_slice(&json).map_err(|_| DAMAGED)
    }

    fn position_in<E>(self, request: &PageRequest<E>) -> Result<Position, &'static str>
    where
        E: Listed<Model: ModelTrait<Entity = E>>,
    {
        if self.sort != request.sort.to_string() || self.filter != fingerprint(&request.filter) {
            return Err(
                "is the cursor of a list with another `sort` or other filters: begin this one without it",
            );
        }
        if request.accepts(&self.after) {
            Ok(self.after)
        } else {
            Err(DAMAGED)
        }
    }
}

const DAMAGED: &str = "is no cursor: it must be the `next_cursor` of a page, unchanged";

fn fingerprint(filter: &impl Serialize) -> Value {
    serde_json::to_value(filter).unwrap_or_default()
}
