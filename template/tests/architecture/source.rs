//! Reads Rust source as far as the rules need it: which modules a file declares, and what its paths lead to.
//!
//! It is a scanner, not a parser: comments, strings and tests are left out, `use` trees and paths are put together from what
//! remains. What a macro makes is not seen; what is written in it is.

/// A source file, by what it declares and uses.
#[derive(Debug)]
pub(crate) struct Source {
    /// Its path below the project's root, such as `src/routes/users.rs`.
    pub(crate) path: String,
    /// The modules that it declares in files of their own.
    pub(crate) declares: Vec<String>,
    /// What its paths lead to.
    pub(crate) uses: Vec<Use>,
}

/// A path in a source file, made absolute.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Use {
    pub(crate) line: usize,
    /// Its parts. The first is `crate` for what is in this crate, else the name of another crate, or of something in scope.
    pub(crate) path: Vec<String>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Token {
    Name(String),
    Sign(char),
}

use Token::{Name, Sign};

impl Source {
    /// Reads a file.
    pub(crate) fn read(path: &str, text: &str) -> Self {
        let tokens = tokens(text);
        let module = module_of(path);
        // A module of tests is declared as well, in a file of its own; what tests use breaks no rule.
        let (declares, _) = Reader::of(tokens.clone(), &module).whole();
        let (_, uses) = Reader::of(without_tests(&tokens), &module).whole();
        Self {
            path: path.to_owned(),
            declares,
            uses,
        }
    }

    /// The modules it is in: `["routes", "users"]`.
    pub(crate) fn module(&self) -> Vec<String> {
        module_of(&self.path)
    }
}

/// The module that a file is: `src/routes/users.rs` and `src/routes/users/mod.rs` are `routes::users`.
fn module_of(path: &str) -> Vec<String> {
    let path = path.trim_start_matches("src/").trim_end_matches(".rs");
    let parts = path
        .split('/')
        .filter(|part| !["mod", "lib", "main"].contains(part));
    parts.map(str::to_owned).collect()
}

struct Reader {
    tokens: Vec<(usize, Token)>,
    at: usize,
    module: Vec<String>,
}

impl Reader {
    fn of(tokens: Vec<(usize, Token)>, module: &[String]) -> Self {
        Self {
            tokens,
            at: 0,
            module: module.to_vec(),
        }
    }

    /// The modules that are declared, and the paths that are used.
    fn whole(mut self) -> (Vec<String>, Vec<Use>) {
        let (mut declares, mut uses) = (Vec::new(), Vec::new());
        while self.at < self.tokens.len() {
            self.step(&mut declares, &mut uses);
        }
        (declares, uses)
    }

    fn token(&self, ahead: usize) -> Option<&Token> {
        self.tokens.get(self.at + ahead).map(|(_, token)| token)
    }

    fn name(&self, ahead: usize) -> Option<&str> {
        match self.token(ahead)? {
            Name(name) => Some(name),
            Sign(_) => None,
        }
    }

    fn is(&self, ahead: usize, sign: char) -> bool {
        self.token(ahead) == Some(&Sign(sign))
    }

    /// `::` begins here.
    fn is_separator(&self, ahead: usize) -> bool {
        self.is(ahead, ':') && self.is(ahead + 1, ':')
    }

    fn step(&mut self, declares: &mut Vec<String>, uses: &mut Vec<Use>) {
        match self.name(0) {
            Some("mod") if self.is(2, ';') => {
                declares.extend(self.name(1).map(str::to_owned));
                self.at += 3;
            }
            Some("use") => {
                self.at += 1;
                self.tree(&[], uses);
            }
            Some(_) if self.is_separator(1) => {
                let line = self.tokens[self.at].0;
                let path = self.segments();
                self.found(line, path, uses);
            }
            // a part of a path of which the beginning is no name, such as `<T as Trait>::Name::Other`
            None if self.is_separator(0) => {
                self.at += 2;
                self.segments();
            }
            _ => self.at += 1,
        }
    }

    /// Names with `::` between them; leaves the reader behind them.
    fn segments(&mut self) -> Vec<String> {
        let mut path = Vec::new();
        while let Some(name) = self.name(0) {
            path.push(name.to_owned());
            self.at += 1;
            if !self.is_separator(0) {
                break;
            }
            self.at += 2;
        }
        path
    }

    /// A tree of `use`, whose parts before this are `prefix`.
    fn tree(&mut self, prefix: &[String], uses: &mut Vec<Use>) {
        if self.is_separator(0) {
            self.at += 2;
        }
        let line = self.tokens.get(self.at).map_or(0, |(line, _)| *line);
        let path = [prefix, &self.segments()].concat();
        if self.is(0, '{') {
            self.at += 1;
            while self.at < self.tokens.len() && !self.is(0, '}') {
                let before = self.at;
                self.tree(&path, uses);
                if self.is(0, ',') || self.at == before {
                    self.at += 1;
                }
            }
            self.at += 1;
            return;
        }
        if self.is(0, '*') {
            self.at += 1;
        }
        if self.name(0) == Some("as") {
            self.at += 2;
        }
        self.found(line, path, uses);
    }

    fn found(&self, line: usize, path: Vec<String>, uses: &mut Vec<Use>) {
        let mut parts = path.into_iter().peekable();
        let mut absolute: Vec<String> = vec!["crate".to_owned()];
        match parts.peek().map(String::as_str) {
            // the binary and the tests call the library by its name
            Some("crate" | "app") => drop(parts.next()),
            Some("self") => {
                absolute.extend(self.module.iter().cloned());
                parts.next();
            }
            Some("super") => {
                absolute.extend(self.module.iter().cloned());
                while parts.next_if(|part| part == "super").is_some() {
                    absolute.pop();
                }
            }
            _ => absolute.clear(),
        }
        absolute.extend(parts);
        uses.push(Use {
            line,
            path: absolute,
        });
    }
}

/// The names and signs of a text, with their lines; without comments, strings, characters, lifetimes and numbers.
fn tokens(text: &str) -> Vec<(usize, Token)> {
    let chars: Vec<char> = text.chars().collect();
    let char_at = |at: usize| chars.get(at).copied().unwrap_or('\0');
    let (mut at, mut line, mut found) = (0, 1, Vec::new());
    while at < chars.len() {
        let start = at;
        at = match (char_at(at), char_at(at + 1)) {
            ('/', '/') => after(&chars, at, |char| char != '\n'),
            ('/', '*') => after_comment(&chars, at),
            ('"', _) => after_string(&chars, at),
            ('\'', '\\') => after(&chars, at + 3, |char| char != '\'') + 1,
            ('\'', _) if char_at(at + 2) == '\'' => at + 3,
            ('\'', _) => after(&chars, at + 1, is_name),
            (first, _) if is_name(first) => {
                let end = after(&chars, at, is_name);
                let name: String = chars[start..end].iter().collect();
                match (name.as_str(), char_at(end), char_at(end + 1)) {
                    ("r" | "br" | "cr", '"', _) | ("r" | "br" | "cr", '#', '"' | '#') => {
                        after_raw(&chars, end)
                    }
                    ("b" | "c", '"' | '\'', _) => end, // the literal comes next
                    ("r", '#', _) => end + 1,          // a raw name comes next
                    _ if first.is_ascii_digit() => end,
                    _ => {
                        found.push((line, Name(name)));
                        end
                    }
                }
            }
            (first, _) => {
                if !first.is_whitespace() {
                    found.push((line, Sign(first)));
                }
                at + 1
            }
        };
        at = at.min(chars.len());
        line += chars[start..at]
            .iter()
            .filter(|char| **char == '\n')
            .count();
    }
    found
}

/// After the characters from `start` on that are such.
fn after(chars: &[char], start: usize, such: impl Fn(char) -> bool) -> usize {
    start
        + chars
            .iter()
            .skip(start)
            .take_while(|char| such(**char))
            .count()
}

fn is_name(char: char) -> bool {
    char == '_' || char.is_alphanumeric()
}

fn after_comment(chars: &[char], start: usize) -> usize {
    let (mut at, mut depth) = (start + 2, 1);
    while at < chars.len() && depth > 0 {
        match &chars[at..chars.len().min(at + 2)] {
            ['/', '*'] => (at, depth) = (at + 2, depth + 1),
            ['*', '/'] => (at, depth) = (at + 2, depth - 1),
            _ => at += 1,
        }
    }
    at
}

fn after_string(chars: &[char], start: usize) -> usize {
    let mut at = start + 1;
    while at < chars.len() && chars[at] != '"' {
        at += if chars[at] == '\\' { 2 } else { 1 };
    }
    at + 1
}

/// After a raw string, whose `#`s or quote begin here.
fn after_raw(chars: &[char], start: usize) -> usize {
    let hashes = after(chars, start, |char| char == '#') - start;
    let end: Vec<char> = std::iter::once('"')
        .chain(std::iter::repeat_n('#', hashes))
        .collect();
    let inside = start + hashes + 1;
    let length = chars[inside..]
        .windows(end.len())
        .take_while(|window| *window != end)
        .count();
    inside + length + end.len()
}

/// Leaves out what is only there for tests: items behind `#[cfg(test)]`.
fn without_tests(tokens: &[(usize, Token)]) -> Vec<(usize, Token)> {
    let marker: [Token; 7] = [
        Sign('#'),
        Sign('['),
        Name("cfg".to_owned()),
        Sign('('),
        Name("test".to_owned()),
        Sign(')'),
        Sign(']'),
    ];
    let mut kept = Vec::with_capacity(tokens.len());
    let mut at = 0;
    while at < tokens.len() {
        let window = tokens[at..]
            .iter()
            .take(marker.len())
            .map(|(_, token)| token);
        if window.eq(marker.iter()) {
            at = after_item(tokens, at + marker.len());
        } else {
            kept.push(tokens[at].clone());
            at += 1;
        }
    }
    kept
}

/// After the item that begins here: its semicolon, or the brace that closes it.
fn after_item(tokens: &[(usize, Token)], start: usize) -> usize {
    let mut depth = 0_usize;
    for (offset, (_, token)) in tokens[start..].iter().enumerate() {
        match token {
            Sign('{' | '(' | '[') => depth += 1,
            Sign(')' | ']') => depth -= 1,
            Sign('}') => {
                depth -= 1;
                if depth == 0 {
                    return start + offset + 1;
                }
            }
            Sign(';') if depth == 0 => return start + offset + 1,
            _ => {}
        }
    }
    tokens.len()
}
