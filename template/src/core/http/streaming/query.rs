//! Which rows are streamed, and how: `?limit=&fetch_size=&consistent=&sort=` and the list's own filters.

use sea_orm::{FromQueryResult, ModelTrait};
use serde::de::DeserializeOwned;
use utoipa::IntoParams;
use utoipa::openapi::path::{Parameter, ParameterIn};
use utoipa::openapi::schema::{ObjectBuilder, Type};
use validator::{Validate, ValidationErrors};

use crate::core::config::StreamConfig;
use crate::core::database::keyset::{Listed, PageRequest, Sort};
use crate::core::database::reader::ListReader;
use crate::core::http::pagination::{known, parameter, sort_from_query, sort_parameter};
use crate::core::http::{FieldError, FromQuery, QueryPairs};
use crate::core::state::AppState;

/// Rows that one statement may fetch. They wait in memory, with those before them, and clients choose how many: 100 streams with as
/// many rows of 1 KB are 200 MB.
pub const MAX_FETCH_SIZE: u64 = 1000;

/// Which rows of a list are streamed, and how they are read.
#[derive(Clone, Debug)]
pub struct StreamQuery<E: Listed> {
    /// How many rows; all of them, if absent.
    pub limit: Option<u64>,
    /// Rows that one statement fetches; otherwise `STREAM_FETCH_SIZE`.
    pub fetch_size: Option<u64>,
    /// Whether all rows are as they were at one moment.
    pub consistent: bool,
    /// The list's order.
    pub sort: Sort<E>,
    /// By what the list is narrowed.
    pub filter: E::Filter,
}

impl<E> StreamQuery<E>
where
    E: Listed<Model: ModelTrait<Entity = E> + FromQueryResult + Send>,
{
    pub(super) fn reader(self, app: &AppState) -> ListReader<E> {
        let fetch_size = app.config.section::<StreamConfig>().fetch_size;
        let fetch_size = self.fetch_size.unwrap_or(fetch_size);
        let request = PageRequest::first(fetch_size, self.sort, self.filter);
        let reader = ListReader::new(app.database.clone(), request);
        let reader = reader.at_most(self.limit.unwrap_or(u64::MAX));
        if self.consistent {
            reader.at_one_moment()
        } else {
            reader
        }
    }
}

impl<E: Listed<Filter: DeserializeOwned + IntoParams>> FromQuery for StreamQuery<E> {
    fn from_query(query: &mut QueryPairs<'_>) -> Result<Self, FieldError> {
        let limit = query.take("limit")?;
        if limit == Some(0) {
            return Err(FieldError::parameter("limit", "must be at least 1, was 0"));
        }
        let fetch_size = query.take("fetch_size")?;
        if let Some(size) = fetch_size.filter(|size| !(1..=MAX_FETCH_SIZE).contains(size)) {
            let detail = format!("must be 1 to {MAX_FETCH_SIZE}, was {size}");
            return Err(FieldError::parameter("fetch_size", detail));
        }
        let consistent = query.take("consistent")?.unwrap_or(false);
        let sort = sort_from_query(query)?;
        known::<E>(query, &["limit", "fetch_size", "consistent", "sort"])?;
        Ok(Self {
            limit,
            fetch_size,
            consistent,
            sort,
            filter: query.rest()?,
        })
    }
}

impl<E: Listed<Filter: Validate>> Validate for StreamQuery<E> {
    fn validate(&self) -> Result<(), ValidationErrors> {
        self.filter.validate()
    }
}

impl<E: Listed<Filter: IntoParams>> IntoParams for StreamQuery<E> {
    fn into_params(parameter_in: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        let whole = || {
            ObjectBuilder::new()
                .schema_type(Type::Integer)
                .minimum(Some(1))
        };
        let limit = whole().maximum(Some(u64::MAX)).build();
        let fetch_size = whole().maximum(Some(MAX_FETCH_SIZE)).build();
        let flag = ObjectBuilder::new().schema_type(Type::Boolean);
        let flag = flag.default(Some(false.into())).build();
        let mut parameters = vec![
            parameter("limit", "Rows at most; all, if absent.", limit),
            parameter("fetch_size", "Rows that one statement fetches.", fetch_size),
            parameter(
                "consistent",
                "Whether all rows are as they were at one moment; a database connection is held for that, from the first row to the last.",
                flag,
            ),
            sort_parameter::<E>(),
        ];
        parameters.extend(E::Filter::into_params(parameter_in));
        parameters
    }
}
