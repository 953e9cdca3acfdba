//! The service's binary, run in an empty directory with an environment that a test decides.

use std::{
    ffi::OsString,
    fmt,
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    path::Path,
    process::{Child, Command, ExitStatus, Stdio},
    sync::mpsc::{Receiver, RecvTimeoutError, channel},
    thread,
    time::Duration,
};

use tempfile::TempDir;

/// Longer than anything takes, even on a machine with much else to do. Only a test that fails waits for so long.
const PATIENCE: Duration = Duration::from_mins(1);

/// A directory to run the binary in, and the environment it gets.
pub(crate) struct Program {
    dir: TempDir,
    variables: Vec<(String, OsString)>,
}

/// What became of a run.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

/// A run that goes on. It is killed when this is dropped.
pub(crate) struct Running<'p> {
    /// Its directory must be there as long as it runs.
    _program: &'p Program,
    child: Child,
    lines: Receiver<String>,
    errors: Receiver<String>,
    /// The lines that were read.
    pub(crate) seen: Vec<String>,
}

impl Program {
    /// Without any setting: what a developer has who types `cargo run` for the first time.
    pub(crate) fn new() -> Self {
        Self {
            dir: tempfile::tempdir().unwrap(),
            variables: Vec::new(),
        }
    }

    /// On a free port.
    pub(crate) fn on_free_port() -> Self {
        Self::new().with("SERVER_PORT", "0")
    }

    pub(crate) fn with(mut self, key: impl Into<String>, value: impl Into<OsString>) -> Self {
        self.variables.push((key.into(), value.into()));
        self
    }

    pub(crate) fn with_all(mut self, pairs: impl IntoIterator<Item = (String, String)>) -> Self {
        let pairs = pairs.into_iter().map(|(key, value)| (key, value.into()));
        self.variables.extend(pairs);
        self
    }

    pub(crate) fn dir(&self) -> &Path {
        self.dir.path()
    }

    fn command(&self, arguments: &[&str]) -> Command {
        #[expect(clippy::disallowed_methods, reason = "cargo says where the binary is")]
        let binary = std::env::var(concat!("CARGO_BIN_EXE_", env!("CARGO_PKG_NAME")));
        let mut command = Command::new(binary.expect("`cargo test` says where the binary is"));
        command
            .args(arguments)
            .current_dir(self.dir.path())
            .env_clear()
            .envs(self.variables.iter().map(|(key, value)| (key, value)))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    /// Runs a command to its end.
    pub(crate) fn run(&self, arguments: &[&str]) -> Outcome {
        let output = self.command(arguments).output().unwrap();
        let text = |bytes| String::from_utf8(bytes).unwrap();
        Outcome {
            code: output.status.code(),
            stdout: text(output.stdout),
            stderr: text(output.stderr),
        }
    }

    /// Runs a command that must work, and gives what it prints.
    #[track_caller]
    pub(crate) fn output(&self, arguments: &[&str]) -> String {
        let outcome = self.run(arguments);
        assert_eq!(outcome.code, Some(0), "{arguments:?}: {outcome}");
        outcome.stdout
    }

    /// Runs a command that must fail, and gives what it says about that.
    #[track_caller]
    pub(crate) fn error(&self, arguments: &[&str]) -> String {
        let outcome = self.run(arguments);
        assert_eq!(outcome.code, Some(1), "{arguments:?}: {outcome}");
        outcome.stderr
    }

    /// Starts a command that goes on.
    pub(crate) fn start(&self, arguments: &[&str]) -> Running<'_> {
        self.watch(self.command(arguments))
    }

    /// Starts the service with limits of open files, soft and hard, which a shell sets.
    #[cfg(all(unix, feature = "sqlite"))]
    pub(crate) fn start_with_files(&self, soft: u32, hard: u32) -> Running<'_> {
        let service = self.command(&[]);
        let mut shell = Command::new("sh");
        shell
            .args([
                "-c",
                &format!("ulimit -Sn {soft}; ulimit -Hn {hard}; exec \"$0\""),
            ])
            .arg(service.get_program())
            .current_dir(self.dir.path())
            .env_clear()
            .envs(self.variables.iter().map(|(key, value)| (key, value)))
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        self.watch(shell)
    }

    fn watch(&self, mut command: Command) -> Running<'_> {
        let mut child = command.spawn().unwrap();
        let lines = lines_of(child.stdout.take().unwrap());
        let errors = lines_of(child.stderr.take().unwrap());
        Running {
            _program: self,
            child,
            lines,
            errors,
            seen: Vec::new(),
        }
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            code,
            stdout,
            stderr,
        } = self;
        write!(
            f,
            "exit code {code:?}\n--- stdout\n{stdout}\n--- stderr\n{stderr}"
        )
    }
}

/// A thread reads, so that a test can give up and the child never waits for us.
fn lines_of(stream: impl Read + Send + 'static) -> Receiver<String> {
    let (sender, receiver) = channel();
    thread::spawn(move || {
        for line in BufReader::new(stream).lines().map_while(Result::ok) {
            if sender.send(line).is_err() {
                break;
            }
        }
    });
    receiver
}

impl Running<'_> {
    /// Waits for a line of standard output that holds this text.
    #[track_caller]
    pub(crate) fn line_with(&mut self, text: &str) -> String {
        loop {
            let Ok(line) = self.lines.recv_timeout(PATIENCE) else {
                let _ = self.child.kill();
                let errors: Vec<String> = self.errors.iter().collect();
                panic!(
                    "no line with `{text}`; stdout {:#?}, stderr {errors:#?}",
                    self.seen
                )
            };
            self.seen.push(line.clone());
            if line.contains(text) {
                return line;
            }
        }
    }

    /// Waits for a line of standard error that holds this text.
    #[track_caller]
    #[cfg(unix)]
    pub(crate) fn error_with(&self, text: &str) {
        let found = std::iter::from_fn(|| self.errors.recv_timeout(PATIENCE).ok())
            .any(|line| line.contains(text));
        assert!(found, "no line with `{text}` on standard error");
    }

    /// Waits until it says where it listens, and gives the URL.
    #[track_caller]
    pub(crate) fn url(&mut self) -> String {
        let line = self.line_with("ready       http"); // not "already"
        line.split_whitespace().next_back().unwrap().to_owned()
    }

    /// The process's id.
    #[cfg(unix)]
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Seconds of processor time that it has used so far.
    #[cfg(all(target_os = "linux", feature = "sqlite"))]
    pub(crate) fn processor_time(&self) -> f64 {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.id())).unwrap();
        // The name, in parentheses, may hold spaces. User and system time are the 14th and 15th field, in ticks of 10 ms.
        let (_, fields) = stat.rsplit_once(')').unwrap();
        let fields: Vec<&str> = fields.split_whitespace().collect();
        let ticks = |index: usize| fields[index].parse::<f64>().unwrap();
        (ticks(11) + ticks(12)) / 100.0
    }

    /// Asks it to stop as Kubernetes does.
    #[cfg(unix)]
    pub(crate) fn terminate(&self) {
        let id = self.id();
        // built into every shell; the program of that name is not on every machine
        let status = Command::new("sh")
            .args(["-c", &format!("kill -TERM {id}")])
            .status();
        assert!(status.unwrap().success());
    }

    /// Waits for its end; the rest of its output is in `seen` then.
    #[track_caller]
    pub(crate) fn end(&mut self) -> ExitStatus {
        // The streams end with the process.
        loop {
            match self.lines.recv_timeout(PATIENCE) {
                Ok(line) => self.seen.push(line),
                Err(RecvTimeoutError::Disconnected) => return self.child.wait().unwrap(),
                Err(RecvTimeoutError::Timeout) => {
                    panic!("it does not end; stdout {:#?}", self.seen)
                }
            }
        }
    }

    /// What it wrote on standard error, after its end.
    pub(crate) fn stderr(&self) -> String {
        self.errors.iter().collect::<Vec<_>>().join("\n")
    }
}

impl Drop for Running<'_> {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The answer to a GET request: head and body.
pub(crate) fn get(url: &str, path: &str) -> String {
    send(url, &format!("GET {path}"), &[], "")
}

/// The answer to this request, with these further lines in its head: head and body.
pub(crate) fn send(url: &str, method_and_path: &str, lines: &[&str], body: &str) -> String {
    let address = url.trim_start_matches("http://");
    let mut stream = TcpStream::connect(address).unwrap();
    let lines: String = lines.iter().flat_map(|line| [line, "\r\n"]).collect();
    let length = body.len();
    write!(
        stream,
        "{method_and_path} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\nContent-Length: {length}\r\n{lines}\r\n{body}"
    )
    .unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}
