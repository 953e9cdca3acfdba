//! An error with its causes, as it is told.

use std::error::Error;

/// The error's text and those of its causes, outermost first. Many an error repeats its cause in its own text; that is said once.
#[must_use]
pub fn error_texts(error: &dyn Error) -> Vec<String> {
    let mut texts = vec![error.to_string()];
    let mut next = error.source();
    while let Some(cause) = next {
        let text = cause.to_string();
        if !texts.iter().any(|said| said.contains(&text)) {
            texts.push(text);
        }
        next = cause.source();
    }
    texts
}

/// The error and its causes on one line: the last one is mostly the one that tells.
#[must_use]
pub fn error_line(error: &dyn Error) -> String {
    error_texts(error).join(": ")
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;

    #[derive(Debug, thiserror::Error)]
    enum Outer {
        #[error("reading failed")]
        Short(#[source] io::Error),
        #[error("reading failed: {0}")]
        Repeating(#[source] io::Error),
    }

    #[test]
    fn causes_follow_the_error_and_what_was_said_is_not_said_again() {
        let full = || io::Error::other("disk full");
        for error in [Outer::Short(full()), Outer::Repeating(full())] {
            assert_eq!(error_line(&error), "reading failed: disk full");
        }
        assert_eq!(
            error_texts(&Outer::Short(full())),
            ["reading failed", "disk full"]
        );
    }
}
