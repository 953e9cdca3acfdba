//! The configuration: what is read from where, what is refused, and in which words.

mod sections;
