//! Documents whose examples are executed.
//!
//! The convention: each fenced block marked `sh` is a command; all of a document's run in order in one `bash -e -o pipefail`, with the
//! service's address in `BASE`. A block marked `text` or `json` that follows, with nothing but blank lines between, is
//! what the command has to print. Of what it prints, these lines have to be there, in this order; `…` stands for anything
//! within a line. What a page does not want to show (headers, say) it leaves out.

use anyhow::{Context, Result};
use regex::{Regex, RegexBuilder};

/// A command of a document, with what it has to print.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Example {
    /// The line of the document on which the block begins.
    pub(crate) line: usize,
    pub(crate) script: String,
    pub(crate) expected: Option<String>,
}

/// The examples of a Markdown document.
pub(crate) fn examples(markdown: &str) -> Vec<Example> {
    let mut found: Vec<Example> = Vec::new();
    let mut lines = markdown.lines().enumerate();
    // Whether an output that comes now belongs to the last example.
    let mut fresh = false;
    while let Some((index, line)) = lines.next() {
        let Some(language) = line.trim_start().strip_prefix("```") else {
            fresh &= line.trim().is_empty();
            continue;
        };
        let block: Vec<&str> = lines
            .by_ref()
            .map(|(_, line)| line)
            .take_while(|line| line.trim() != "```")
            .collect();
        let block = block.join("\n");
        match (language.trim(), found.last_mut().filter(|_| fresh)) {
            ("sh", _) => {
                found.push(Example {
                    line: index + 1,
                    script: block,
                    expected: None,
                });
                fresh = true;
            }
            ("text" | "json", Some(example)) => {
                example.expected = Some(block);
                fresh = false;
            }
            _ => fresh = false,
        }
    }
    found
}

/// One script out of all examples: it says where each begins, on standard output, with `marker` before the number.
pub(crate) fn script(examples: &[Example], marker: &str) -> String {
    let numbered = examples.iter().enumerate();
    let parts = numbered
        .map(|(number, example)| format!("printf '\\n{marker}{number}\\n'\n{}\n", example.script));
    std::iter::once("set -e -o pipefail\n".to_owned())
        .chain(parts)
        .collect()
}

/// What each example printed; an example that was not reached is not in the list.
pub(crate) fn split_output<'o>(output: &'o str, marker: &str) -> Vec<&'o str> {
    output
        .split(&format!("\n{marker}"))
        .skip(1)
        .map(|part| part.split_once('\n').map_or("", |(_, printed)| printed))
        .collect()
}

/// The first expected line that the output lacks.
pub(crate) fn missing_line<'e>(expected: &'e str, output: &str) -> Result<Option<&'e str>> {
    let mut rest = output;
    for line in expected.lines().filter(|line| !line.trim().is_empty()) {
        match pattern(line)?.find(rest) {
            Some(found) => rest = &rest[found.end()..],
            None => return Ok(Some(line)),
        }
    }
    Ok(None)
}

/// A line that does not end in `…` ends where the output's line ends; its beginning is free, because an answer without a line
/// break at its end makes the next answer begin in the middle of a line.
fn pattern(line: &str) -> Result<Regex> {
    let pieces: Vec<String> = line
        .trim()
        .split('…')
        .map(|piece| regex::escape(piece.trim_end()))
        .collect();
    let end = if line.trim().ends_with('…') {
        ""
    } else {
        r"[ \t\r]*$"
    };
    let pattern = format!("{}{end}", pieces.join("[^\n]*?"));
    RegexBuilder::new(&pattern)
        .multi_line(true)
        .build()
        .with_context(|| format!("cannot match {line:?}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_output_belongs_to_the_command_right_before_it() {
        let page = "# Page\n\n```sh\necho a\necho b\n```\n```text\na\n```\n\n```sh\ntrue\n```\n\nProse.\n\n```text\nno output\n```\n```rust\nfn\n```\n";
        let expected = [
            Example {
                line: 3,
                script: "echo a\necho b".into(),
                expected: Some("a".into()),
            },
            Example {
                line: 11,
                script: "true".into(),
                expected: None,
            },
        ];
        assert_eq!(examples(page), expected);
    }

    #[test]
    fn the_output_is_told_apart_by_example() {
        let examples = [
            Example {
                line: 1,
                script: "printf '{}'".into(),
                expected: None,
            },
            Example {
                line: 2,
                script: "x=1\necho $x".into(),
                expected: None,
            },
            Example {
                line: 3,
                script: "false".into(),
                expected: None,
            },
            Example {
                line: 4,
                script: "echo never".into(),
                expected: None,
            },
        ];
        let ran = std::process::Command::new("bash")
            .args(["-c", &script(&examples, "=>")])
            .output()
            .unwrap();
        assert!(!ran.status.success());
        let output = String::from_utf8(ran.stdout).unwrap();
        assert_eq!(split_output(&output, "=>"), ["{}", "1\n", ""]);
    }

    #[test]
    fn expected_lines_have_to_be_there_in_order() {
        let output = "HTTP/1.1 200 OK\r\ncontent-type: x\r\netag: \"2\"\r\n\r\n{\"a\":1,\"b\":2}HTTP/1.1 412 Precondition Failed\r\n";
        let missing = |expected| missing_line(expected, output).unwrap();
        assert_eq!(
            missing("HTTP/1.1 200 OK\netag: \"2\"\n…\"b\":2…\nHTTP/1.1 412 Precondition Failed"),
            None
        );
        assert_eq!(missing("etag: …\nHTTP/1.1 200 OK"), Some("HTTP/1.1 200 OK"));
        assert_eq!(missing("HTTP/1.1 200"), Some("HTTP/1.1 200"));
        assert_eq!(missing("{\"a\":…\"b\":…"), None);
        assert_eq!(
            missing("content-type: x…\"a\""),
            Some("content-type: x…\"a\""),
            "… stays within a line"
        );
    }
}
