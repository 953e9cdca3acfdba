//! The ground under everything that plugs in: what `inventory` collected, sorted and checked.
//!
//! A file registers what it brings (routes, a section of the configuration, a migration …) by one macro of the module that owns
//! the kind. The linker collects the entries in no order that could be relied on, and nothing keeps two files from choosing the
//! same key; so whoever reads entries reads them through `entries`, which sorts them and refuses duplicates.

use std::fmt;

/// For the macros that register entries, which may be used by a crate without a dependency on `inventory`.
#[doc(hidden)]
pub use inventory;

/// Where an entry was registered.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Origin {
    /// The module's path, such as `app::routes::users`.
    pub module: &'static str,
    /// The file as the compiler was given it, such as `src/routes/users.rs`.
    pub file: &'static str,
}

impl Origin {
    /// The file from `src/` or `tests/` on: what the compiler was given depends on where it was called.
    #[must_use]
    pub fn short_file(&self) -> &'static str {
        let slash = self
            .file
            .rfind("/src/")
            .or_else(|| self.file.rfind("/tests/"));
        slash.map_or(self.file, |slash| &self.file[slash + 1..])
    }
}

impl fmt::Debug for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.file)
    }
}

/// The [`Origin`](crate::core::registry::Origin) of the place where this stands.
#[macro_export]
macro_rules! origin {
    () => {
        $crate::core::registry::Origin {
            module: ::std::module_path!(),
            file: ::std::file!(),
        }
    };
}

/// Something that a file can register, under a key that is unique among its kind.
pub trait Entry: inventory::Collect {
    /// What an entry is called in an error, such as `migration`.
    const KIND: &'static str;

    /// What entries are sorted by, and what no two of them may share.
    fn key(&self) -> String;

    /// Where the entry was registered.
    fn origin(&self) -> Origin;
}

/// Why the collected entries can't be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RegistryError {
    /// Two files registered the same key.
    #[error("{kind} `{key}` is registered twice: in {} and in {}", first.file, second.file)]
    Duplicate {
        /// What the entries are.
        kind: &'static str,
        /// The key that both have.
        key: String,
        /// Who has it, too; the first in the order of file names.
        first: Origin,
        /// Who has it, too.
        second: Origin,
    },
    /// Nothing was registered: the linker dropped the entries, or there is no file that brings one.
    #[error("no {kind} is registered")]
    Empty {
        /// What was expected.
        kind: &'static str,
    },
}

/// All entries of a kind, sorted by key.
///
/// # Errors
///
/// [`RegistryError::Duplicate`] if two entries share a key. No entry at all is not an error here: only the kind's owner knows
/// whether it needs one (see [`RegistryError::Empty`]).
pub fn entries<E: Entry>() -> Result<Vec<&'static E>, RegistryError> {
    sorted(inventory::iter::<E>.into_iter().collect())
}

/// These entries, sorted and checked.
pub(super) fn sorted<E: Entry>(
    mut entries: Vec<&'static E>,
) -> Result<Vec<&'static E>, RegistryError> {
    entries.sort_by_cached_key(|entry| (entry.key(), entry.origin().file));
    for pair in entries.windows(2) {
        if pair[0].key() == pair[1].key() {
            return Err(RegistryError::Duplicate {
                kind: E::KIND,
                key: pair[0].key(),
                first: pair[0].origin(),
                second: pair[1].origin(),
            });
        }
    }
    Ok(entries)
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Fruit(&'static str, Origin);

    inventory::collect!(Fruit);

    impl Entry for Fruit {
        const KIND: &'static str = "fruit";

        fn key(&self) -> String {
            self.0.to_owned()
        }

        fn origin(&self) -> Origin {
            self.1
        }
    }

    const fn at(file: &'static str) -> Origin {
        Origin {
            module: "app",
            file,
        }
    }

    static PEAR: Fruit = Fruit("pear", at("src/b.rs"));
    static APPLE: Fruit = Fruit("apple", at("src/c.rs"));
    static OTHER_APPLE: Fruit = Fruit("apple", at("src/a.rs"));

    inventory::submit! { Fruit("plum", origin!()) }
    inventory::submit! { Fruit("fig", origin!()) }

    #[test]
    fn entries_come_sorted_by_key_and_know_their_file() {
        let entries = entries::<Fruit>().unwrap();
        let keys: Vec<_> = entries.iter().map(|entry| entry.0).collect();
        assert_eq!(keys, ["fig", "plum"]);
        assert!(entries[0].origin().file.ends_with("src/core/registry.rs"));
    }

    #[test]
    fn a_key_registered_twice_names_both_files() {
        let error = sorted(vec![&PEAR, &APPLE, &OTHER_APPLE]).err().unwrap();
        assert_eq!(
            error.to_string(),
            "fruit `apple` is registered twice: in src/a.rs and in src/c.rs"
        );
    }
}
