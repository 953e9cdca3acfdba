//! What can be swept: the patterns of the lab, by the question that they answer, and any other path.

use anyhow::bail;
use clap::Args;
use strsim::jaro_winkler;

use super::connection::LoadRequest;

/// Patterns that are compared with each other.
#[derive(Debug)]
pub(super) struct Group {
    pub(super) title: &'static str,
    /// What the comparison shows.
    pub(super) shows: &'static str,
    /// The good one first.
    pub(super) patterns: &'static [Pattern],
}

/// A pattern, by the name that the sweep, its results and its report use.
#[derive(Debug)]
pub(super) struct Pattern {
    pub(super) name: &'static str,
    pub(super) path: &'static str,
}

/// A pattern of `/lab/patterns`.
macro_rules! pattern {
    ($name:literal) => {
        Pattern {
            name: $name,
            path: concat!("/lab/patterns/", $name),
        }
    };
}

/// Everything that is swept unless something else is said.
pub(super) const GROUPS: &[Group] = &[
    Group {
        title: "How long a connection is kept",
        shows: "The same statements, each with a connection of its own or all with one.",
        patterns: &[pattern!("per_statement"), pattern!("per_request")],
    },
    Group {
        title: "While another service is waited for",
        shows: "Held meanwhile, connections are what runs out, although the database has nothing to do.",
        patterns: &[
            pattern!("released_before_upstream"),
            pattern!("held_across_upstream"),
        ],
    },
    Group {
        title: "Who takes the connection",
        shows: "Taken as a middleware does it, it is held for all of the handler's work; by the handler, for the statement that needs it.",
        patterns: &[pattern!("taken_by_handler"), pattern!("held_by_middleware")],
    },
    Group {
        title: "A checkout inside another",
        shows: "As many requests as the pool has connections wait for each other, and all of them fail.",
        patterns: &[pattern!("shared_transaction"), pattern!("nested_checkout")],
    },
    Group {
        title: "One session or two",
        shows: "Two where one was meant need twice the pool, and can wait for each other.",
        patterns: &[pattern!("session_for_both"), pattern!("session_for_each")],
    },
    Group {
        title: "When a transaction ends",
        shows: "Left open while something else is done, it keeps its connection and its locks.",
        patterns: &[pattern!("ended_transaction"), pattern!("open_transaction")],
    },
    Group {
        title: "With and without a pool",
        shows: "A connection for each request costs its opening, and nothing limits how many there are.",
        patterns: &[
            pattern!("connection_of_the_pool"),
            pattern!("connection_for_each_request"),
        ],
    },
    Group {
        title: "Several queries for one answer",
        shows: "All at a time answers sooner while nobody else is there, and needs more of the pool.",
        patterns: &[pattern!("serial_queries"), pattern!("concurrent_queries")],
    },
    Group {
        title: "Work that blocks",
        shows: "On a worker thread it stops everybody who shares the thread.",
        patterns: &[
            pattern!("waiting_work"),
            pattern!("blocking_work_aside"),
            pattern!("blocking_work"),
        ],
    },
    Group {
        title: "Many statements for one request",
        shows: "Their waiting for the database overlaps, or adds up.",
        patterns: &[
            Pattern {
                name: "performance_async",
                path: "/lab/performance/async?requests=20",
            },
            Pattern {
                name: "performance_sync",
                path: "/lab/performance/sync?requests=20",
            },
        ],
    },
    Group {
        title: "Queries that take long",
        shows: "So many a second as the pool has connections, divided by their seconds.",
        patterns: &[
            Pattern {
                name: "slow_query",
                path: "/lab/slow_query?seconds=1",
            },
            Pattern {
                name: "long_running_query",
                path: "/lab/long_running_query?seconds=2",
            },
        ],
    },
    Group {
        title: "Coalescing",
        shows: "Requests for the same thing at the same time: one query for all of them, or one each.",
        patterns: &COALESCING,
    },
    // The last one: what it leaks is missing afterwards.
    Group {
        title: "Giving a connection back",
        shows: "A connection that is forgotten is missing in the pool until somebody notices.",
        patterns: &[
            pattern!("returned_connection"),
            pattern!("leaked_connection"),
        ],
    },
];

/// The two that show what coalescing spares: with it, and without.
pub(super) const COALESCING: [Pattern; 2] = [
    Pattern {
        name: "coalesced",
        path: "/lab/coalescing/coalesced/1?delay_ms=50",
    },
    Pattern {
        name: "plain",
        path: "/lab/coalescing/plain/1?delay_ms=50",
    },
];

#[derive(Debug, Args)]
pub(super) struct EndpointArgs {
    /// What is loaded: names of patterns, or paths such as `/api/v1/users?limit=20`; without it, all patterns
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    endpoints: Vec<String>,
}

/// What is loaded.
#[derive(Clone, Debug)]
pub(super) struct Endpoint {
    pub(super) name: String,
    pub(super) request: LoadRequest,
}

impl EndpointArgs {
    /// # Errors
    ///
    /// If there is no such pattern; then which there are.
    pub(super) fn chosen(&self) -> anyhow::Result<Vec<Endpoint>> {
        if self.endpoints.is_empty() {
            return all()
                .map(|pattern| endpoint(pattern.name, pattern.path))
                .collect();
        }
        self.endpoints.iter().map(|name| named(name)).collect()
    }
}

fn all() -> impl Iterator<Item = &'static Pattern> {
    GROUPS.iter().flat_map(|group| group.patterns)
}

fn named(name: &str) -> anyhow::Result<Endpoint> {
    if name.starts_with('/') {
        return endpoint(name, name);
    }
    if let Some(pattern) = all().find(|pattern| pattern.name == name) {
        return endpoint(pattern.name, pattern.path);
    }
    let likeness = |pattern: &&Pattern| jaro_winkler(pattern.name, name);
    let nearest = all().max_by(|a, b| likeness(a).total_cmp(&likeness(b)));
    let hint = nearest.filter(|pattern| likeness(pattern) > 0.75);
    let hint = hint.map_or_else(String::new, |pattern| {
        format!("did you mean {}? ", pattern.name)
    });
    let names: Vec<_> = all().map(|pattern| pattern.name).collect();
    bail!(
        "--endpoints: there is no pattern {name:?}; {hint}There are {}, and paths, which begin with a slash",
        names.join(", ")
    )
}

fn endpoint(name: &str, path: &str) -> anyhow::Result<Endpoint> {
    Ok(Endpoint {
        name: name.to_owned(),
        request: LoadRequest::get(path)?,
    })
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn names_are_unique() {
        let names: BTreeSet<_> = all().map(|pattern| pattern.name).collect();
        assert_eq!(names.len(), all().count());
    }

    #[test]
    fn patterns_and_paths_are_chosen_in_the_order_in_which_they_are_named() {
        let endpoints = ["per_request", "/api/v1/users?limit=20", "plain"].map(str::to_owned);
        let chosen = EndpointArgs {
            endpoints: endpoints.to_vec(),
        }
        .chosen()
        .unwrap();
        let names: Vec<_> = chosen.into_iter().map(|endpoint| endpoint.name).collect();
        assert_eq!(names, endpoints);
        let all_of_them = EndpointArgs {
            endpoints: Vec::new(),
        }
        .chosen()
        .unwrap();
        assert_eq!(all_of_them.len(), all().count());
    }

    #[test]
    fn a_name_that_does_not_exist_is_answered_with_those_that_do() {
        let error = |name: &str| named(name).unwrap_err().to_string();
        let near = error("per-requst");
        assert!(near.contains("did you mean per_request?"), "{near}");
        let far = error("xyz");
        assert!(
            !far.contains("did you mean") && far.contains("per_statement, per_request"),
            "{far}"
        );
        assert!(error("/with a space").contains("is no path"));
    }
}
