//! The configuration: what is read from where, what is refused, and in which words.

mod env_files;
mod explain;
mod files;
mod mistakes;
mod precedence;
mod secrets;
mod sections;
mod shipped;

#[path = "../support/files.rs"]
mod project;
