//! What can be wrong with the routes that files register.

use super::Exposure;
use crate::core::registry::{Origin, RegistryError};

/// Why the routes that files registered can't be served together. Whoever is at fault is named by file.
#[derive(Debug, thiserror::Error)]
pub enum RoutesError {
    /// No file registers a route: the linker dropped them all.
    #[error("no file registers a route")]
    Empty,
    /// See [`RegistryError`].
    #[error(transparent)]
    Registry(#[from] RegistryError),
    /// A module outside `routes/` does not say where it is served.
    #[error("{}: say where these routes are served, `register_routes! {{ {} at \"/…\": … }}`", .0.file, .1.as_str())]
    NoPrefix(Origin, Exposure),
    /// Routes need a caller's identity, and no part establishes it.
    #[error("{}: the routes are `authenticated`, but no authentication part is there to let anybody in", .0.file)]
    NoAuthentication(Origin),
    /// Two handlers want the same requests.
    #[error("{method} {path} is registered twice: in {} and in {}", first.file, second.file)]
    DuplicateRoute {
        /// The method.
        method: &'static str,
        /// The path, as the second one writes it.
        path: String,
        /// Who has it first.
        first: Origin,
        /// Who wants it, too.
        second: Origin,
    },
    /// Two paths differ only in what they call a parameter, so they can't be told apart.
    #[error("{path} and {other} differ only in a parameter's name: in {} and in {}", first.file, second.file)]
    ParameterNames {
        /// One path.
        path: String,
        /// The other one.
        other: String,
        /// Who has the first.
        first: Origin,
        /// Who has the second.
        second: Origin,
    },
    /// A path is served to clients and to operators, which outside `local` are different ports with different middleware.
    #[error(
        "{path} is {} in {} and {} in {}: one port can't serve both",
        first.0.as_str(), first.1.file, second.0.as_str(), second.1.file
    )]
    MixedExposure {
        /// The path.
        path: String,
        /// Who has it first, and for whom.
        first: (Exposure, Origin),
        /// Who wants it for others.
        second: (Exposure, Origin),
    },
    /// Two operations have one id, which generated clients use as a function's name.
    #[error("the operation id `{id}` is used twice: in {} and in {}", first.file, second.file)]
    DuplicateOperation {
        /// The id.
        id: String,
        /// Who has it first.
        first: Origin,
        /// Who uses it, too.
        second: Origin,
    },
    /// Two different types have one name in the document, which would keep only one of them.
    #[error(
        "the schema name `{name}` stands for different types: in {} and in {}; rename one, or give it `#[schema(as = …)]`",
        first.file, second.file
    )]
    DuplicateSchema {
        /// The name.
        name: String,
        /// Who uses it first.
        first: Origin,
        /// Who uses it for something else.
        second: Origin,
    },
}
