//! A service for each test, and what its answers are asked.
//!
//! No resource may use all of it. So that the compiler doesn't call the rest dead, files end with a `const _` that names what they offer.

#![expect(clippy::unwrap_used, reason = "a test that can't be set up has failed")]

mod app;
mod contract;
mod logs;
mod request;
mod response;
mod schema;
#[path = "../../support/mod.rs"]
mod shared;

pub(crate) use self::app::{TestApp, nowhere};
pub(crate) use self::logs::Logs;
pub(crate) use self::response::TestResponse;
pub(crate) use self::schema::check;
pub(crate) use self::shared::database::TestDatabase;
pub(crate) use self::shared::files::project_file;

const _: () = {
    let _ = nowhere::<0>;
};
