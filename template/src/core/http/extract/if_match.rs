//! The precondition of a change: `If-Match`.

use axum::extract::FromRequestParts;
use axum::http::HeaderMap;
use axum::http::header::IF_MATCH;
use axum::http::request::Parts;
use utoipa::IntoParams;
use utoipa::openapi::path::{Parameter, ParameterBuilder, ParameterIn};
use utoipa::openapi::schema::{Object, Type};

use crate::core::http::error::AppError;

/// Tags that a client may name. One is usual; each becomes a value of the statement, of which a database takes so many and no more.
const MOST_TAGS: usize = 32;

/// The versions of which a change is meant, from `If-Match` (RFC 9110 §13.1.1): the `ETag`s that [`Tagged`] and [`Created`] sent.
///
/// Without the header, and with `*`, any version is: the last write wins. Name it in `params(…)`, so that it is documented.
///
/// [`Tagged`]: crate::core::http::Tagged
/// [`Created`]: crate::core::http::Created
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IfMatch(Option<Vec<i64>>);

impl IfMatch {
    /// The versions that are good; `None` if any is.
    #[must_use]
    pub fn versions(&self) -> Option<&[i64]> {
        self.0.as_deref()
    }

    /// Reads the header.
    ///
    /// # Errors
    ///
    /// 400 if the header is no list of entity tags, or one of more than [`MOST_TAGS`]; 412 if none of them can be a version of ours,
    /// as weak ones never can.
    fn read(headers: &HeaderMap) -> Result<Self, AppError> {
        let mut versions = Vec::new();
        let mut seen = false;
        let mut count = 0;
        for value in headers.get_all(IF_MATCH) {
            seen = true;
            let value = value.to_str().map_err(|_| malformed())?.trim();
            if value == "*" {
                return Ok(Self(None));
            }
            let tags = tags(value).ok_or_else(malformed)?;
            count += tags.len();
            if count > MOST_TAGS {
                return Err(refused(format!("may have at most {MOST_TAGS} entity tags")));
            }
            for version in tags.into_iter().flatten() {
                if !versions.contains(&version) {
                    versions.push(version);
                }
            }
        }
        match (seen, versions.is_empty()) {
            (false, _) => Ok(Self(None)),
            (true, false) => Ok(Self(Some(versions))),
            (true, true) => Err(AppError::precondition_failed(
                "No version of the resource has one of the tags in `If-Match`.",
            )),
        }
    }
}

fn malformed() -> AppError {
    refused("must be `*` or a list of entity tags in quotes, such as `\"3\"`")
}

fn refused(detail: impl Into<String>) -> AppError {
    AppError::parameter("if-match", detail)
}

/// What each tag of a list stands for: a version, or nothing that could match. `None` if it is no list of tags.
fn tags(list: &str) -> Option<Vec<Option<i64>>> {
    let mut versions = Vec::new();
    let mut rest = list;
    loop {
        rest = rest.trim_start();
        let (weak, tag) = match rest.strip_prefix("W/") {
            Some(tag) => (true, tag),
            None => (false, rest),
        };
        let (tag, after) = tag.strip_prefix('"')?.split_once('"')?;
        // Only what `ETag` writes is a version: `"03"` and `"+3"` are other tags.
        let version = tag.parse::<i64>().ok();
        let version = version.filter(|version| !weak && version.to_string() == tag);
        versions.push(version);
        match after.trim_start() {
            "" => return Some(versions),
            more => rest = more.strip_prefix(',')?,
        }
    }
}

impl<S: Sync> FromRequestParts<S> for IfMatch {
    type Rejection = AppError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, AppError> {
        Self::read(&parts.headers)
    }
}

impl IntoParams for IfMatch {
    fn into_params(_: impl Fn() -> Option<ParameterIn>) -> Vec<Parameter> {
        let parameter = ParameterBuilder::new()
            .name("If-Match")
            .parameter_in(ParameterIn::Header)
            .description(Some(
                "The version to change, as its `ETag` says; without it, the last write wins.",
            ))
            .schema(Some(Object::with_type(Type::String)))
            .example(Some("\"3\"".into()))
            .build();
        vec![parameter]
    }
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn read(value: &'static str) -> Result<IfMatch, u16> {
        let headers = HeaderMap::from_iter([(IF_MATCH, HeaderValue::from_static(value))]);
        IfMatch::read(&headers).map_err(|error| error.status().as_u16())
    }

    #[test]
    fn tags_become_versions() {
        assert_eq!(read("\"3\"").unwrap().versions(), Some(&[3][..]));
        assert_eq!(read("\"3\" , \"5\"").unwrap().versions(), Some(&[3, 5][..]));
        assert_eq!(
            read("W/\"3\", \"x,y\", \"5\"").unwrap().versions(),
            Some(&[5][..])
        );
    }

    #[test]
    fn any_version_is_good_without_the_header_and_with_a_star() {
        assert_eq!(read("*").unwrap().versions(), None);
        assert_eq!(IfMatch::read(&HeaderMap::new()).unwrap().versions(), None);
    }

    #[test]
    fn what_no_version_can_match_fails_the_precondition() {
        for tag in ["W/\"3\"", "\"abc\"", "\"03\"", "\"\""] {
            assert_eq!(read(tag), Err(412), "{tag}");
        }
    }

    fn read_tags(tags: impl Iterator<Item = usize>) -> Result<IfMatch, AppError> {
        let tags: Vec<_> = tags.map(|tag| format!("\"{tag}\"")).collect();
        let value = HeaderValue::from_str(&tags.join(",")).unwrap();
        IfMatch::read(&HeaderMap::from_iter([(IF_MATCH, value)]))
    }

    #[test]
    fn a_version_named_twice_counts_once() {
        assert_eq!(
            read("\"5\", \"3\", \"5\"").unwrap().versions(),
            Some(&[5, 3][..])
        );
    }

    #[test]
    fn more_tags_than_anybody_needs_are_refused() {
        assert_eq!(
            read_tags(1..=MOST_TAGS).unwrap().versions().unwrap().len(),
            MOST_TAGS
        );
        for tags in [MOST_TAGS + 1, 70_000] {
            let error = read_tags(1..=tags).unwrap_err();
            assert_eq!(error.status().as_u16(), 400);
            assert_eq!(error.errors()[0].parameter.as_deref(), Some("if-match"));
        }
    }

    #[test]
    fn tags_are_counted_over_all_lines_of_the_header() {
        let line = |tag: usize| {
            (
                IF_MATCH,
                HeaderValue::from_str(&format!("\"{tag}\"")).unwrap(),
            )
        };
        let mut headers = HeaderMap::new();
        headers.extend((1..=MOST_TAGS).map(line));
        assert!(IfMatch::read(&headers).is_ok());
        headers.extend([line(MOST_TAGS + 1)]);
        assert_eq!(IfMatch::read(&headers).unwrap_err().status().as_u16(), 400);
    }

    #[test]
    fn nonsense_is_a_bad_request() {
        for nonsense in ["3", "", "\"3", "\"3\" \"4\"", "\"3\",", "*, \"3\""] {
            assert_eq!(read(nonsense), Err(400), "{nonsense}");
        }
    }
}
