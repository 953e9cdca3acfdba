//! What handlers take from a request: read by type, validated, and refused with the same problem documents everywhere.
//!
//! | extractor | reads | refuses with |
//! |---|---|---|
//! | [`ValidPath`] | the path's parameters | 400, naming the parameter |
//! | [`ValidQuery`] | the query | 400, naming the parameter; also one that is unknown or comes twice |
//! | [`ValidHeaders`] | headers, by the fields' names | 400, naming the header |
//! | [`ValidJson`] | a JSON body | 400 no JSON, 413 too large, 415 another type, 422 pointing at the fields |
//! | [`IfMatch`] | the versions a client expects | 400 nonsense, 412 what no version can match |

mod headers;
mod if_match;
mod json;
mod path;
mod query;
mod strict;
mod text;
mod validation;
mod words;

pub use self::headers::ValidHeaders;
pub use self::if_match::IfMatch;
pub use self::json::ValidJson;
pub use self::path::ValidPath;
pub use self::query::{FromQuery, QueryPairs, ValidQuery};

/// An extractor is used as if it were what it extracted.
macro_rules! deref {
    ($($extractor:ident),+) => {$(
        impl<T> std::ops::Deref for $extractor<T> {
            type Target = T;

            fn deref(&self) -> &T {
                &self.0
            }
        }
    )+};
}

deref!(ValidHeaders, ValidJson, ValidPath, ValidQuery);
