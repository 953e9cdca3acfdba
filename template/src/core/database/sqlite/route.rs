//! Which connection of a SQLite database runs a statement: the one that writes, or one of those that read.

use sea_orm::{AccessMode, TransactionOptions};

/// SQLite lets many read while one writes, so there is one connection that writes and several that can't.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::core::database) enum Role {
    /// The only connection that writes. More would only wait for each other, in a way that knows no queue.
    Writer,
    /// One of several, and refused by SQLite if it tries to write.
    Reader,
}

/// Who opens a transaction with these options.
pub(in crate::core::database) fn role_of_transaction(options: TransactionOptions) -> Role {
    if options.access_mode == Some(AccessMode::ReadOnly) {
        Role::Reader
    } else {
        Role::Writer
    }
}

/// Who runs this statement: its first word says so, except that what follows `WITH` may read or write.
///
/// In doubt it is the writer, who can do both. A reader that was given something to write would refuse it.
pub(in crate::core::database) fn role_of_statement(sql: &str) -> Role {
    let mut words = Words::new(sql);
    let reads = match words.next() {
        Some(word) if is_any(word, &["SELECT", "VALUES", "EXPLAIN"]) => true,
        Some(word) if is_any(word, &["WITH"]) => words
            .find(|word| {
                is_any(
                    word,
                    &["SELECT", "VALUES", "INSERT", "UPDATE", "DELETE", "REPLACE"],
                )
            })
            .is_some_and(|word| is_any(word, &["SELECT", "VALUES"])),
        _ => false,
    };
    if reads { Role::Reader } else { Role::Writer }
}

fn is_any(word: &str, keywords: &[&str]) -> bool {
    keywords
        .iter()
        .any(|keyword| word.eq_ignore_ascii_case(keyword))
}

/// The bare words of a statement outside parentheses, without what is quoted or a comment.
struct Words<'a> {
    rest: &'a str,
    depth: usize,
}

impl<'a> Words<'a> {
    fn new(sql: &'a str) -> Self {
        Self {
            rest: sql,
            depth: 0,
        }
    }

    fn skip_past(&mut self, end: &str) {
        self.rest = self
            .rest
            .find(end)
            .map_or("", |at| &self.rest[at + end.len()..]);
    }
}

impl<'a> Iterator for Words<'a> {
    type Item = &'a str;

    fn next(&mut self) -> Option<&'a str> {
        loop {
            let first = self.rest.chars().next()?;
            let after = &self.rest[first.len_utf8()..];
            if first.is_alphabetic() || first == '_' {
                let end = self
                    .rest
                    .find(|c: char| !c.is_alphanumeric() && c != '_')
                    .unwrap_or(self.rest.len());
                let (word, rest) = self.rest.split_at(end);
                self.rest = rest;
                if self.depth == 0 {
                    return Some(word);
                }
                continue;
            }
            let comment = self.rest.starts_with("--") || self.rest.starts_with("/*");
            self.rest = after;
            match first {
                '-' if comment => self.skip_past("\n"),
                '/' if comment => self.skip_past("*/"),
                '\'' => self.skip_past("'"),
                '"' => self.skip_past("\""),
                '`' => self.skip_past("`"),
                '[' => self.skip_past("]"),
                '(' => self.depth += 1,
                ')' => self.depth = self.depth.saturating_sub(1),
                _ => {}
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_only_reads_goes_to_a_reader() {
        for sql in [
            "SELECT 1",
            "  select * from users",
            "-- a comment\nSELECT 1",
            "/* SELECT */ SELECT 1",
            "VALUES (1)",
            "EXPLAIN QUERY PLAN DELETE FROM users",
            "WITH old AS (DELETE) SELECT * FROM old",
            "WITH RECURSIVE n(i) AS (VALUES (1) UNION ALL SELECT i + 1 FROM n) SELECT sum(i) FROM n",
            r#"WITH "update" AS (SELECT 1) SELECT 'delete', [insert], `replace` FROM "update""#,
        ] {
            assert_eq!(role_of_statement(sql), Role::Reader, "{sql}");
        }
    }

    #[test]
    fn what_writes_and_what_is_unclear_goes_to_the_writer() {
        for sql in [
            "INSERT INTO users VALUES (1) RETURNING id",
            "update users set a = 1",
            "WITH old AS (SELECT id FROM users) DELETE FROM users WHERE id IN (SELECT id FROM old)",
            "WITH new(a) AS (VALUES (1)) INSERT INTO users SELECT a FROM new",
            "PRAGMA user_version = 3",
            "CREATE TABLE t (a)",
            "(SELECT 1)",
            "",
            "WITH",
            "SELECTED",
        ] {
            assert_eq!(role_of_statement(sql), Role::Writer, "{sql}");
        }
    }
}
