//! One file per command.

pub(crate) mod bench;
pub(crate) mod fmt;
pub(crate) mod generate;
pub(crate) mod image;
pub(crate) mod lint;
pub(crate) mod test;
pub(crate) mod try_it;
