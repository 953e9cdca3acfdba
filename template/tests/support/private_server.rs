//! A PostgreSQL server of a test's own, which it can stop and start: from installed programs, on a free port, thrown away afterwards.

use std::{
    fs::{self, Permissions},
    net::{TcpListener, TcpStream},
    os::unix::{
        fs::{MetadataExt, PermissionsExt, chown},
        process::CommandExt,
    },
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread::sleep,
    time::{Duration, Instant},
};

use tempfile::TempDir;

/// How long it may take to start or stop; only a test that fails waits for so long.
const PATIENCE: Duration = Duration::from_mins(1);

/// A server that runs, or doesn't.
pub(crate) struct PrivateServer {
    programs: PathBuf,
    user: Option<(u32, u32)>,
    port: u16,
    process: Option<Child>,
    /// Settings beside those that every one has.
    settings: Vec<String>,
    folder: TempDir,
}

impl PrivateServer {
    /// A new one, which runs; none if PostgreSQL's programs are not installed.
    pub(crate) fn start_new() -> Option<Self> {
        Self::start_new_with([], [])
    }

    /// The same with these files, each the value of a setting, and with these settings.
    pub(crate) fn start_new_with<const F: usize, const S: usize>(
        files: [(&str, &str); F],
        settings: [&str; S],
    ) -> Option<Self> {
        let programs = find_programs();
        // Set by who knows that they are there, or else the test would be left out without a word.
        let required = std::env::var_os("TEST_POSTGRES_PROGRAMS_REQUIRED").is_some();
        assert!(
            programs.is_some() || !required,
            "PostgreSQL's programs (initdb, postgres, pg_isready) are neither on the PATH nor below /usr/lib/postgresql"
        );
        let programs = programs?;
        // not below somebody's home, which another user could not enter
        let folder = TempDir::with_prefix_in("app-test-postgres-", "/tmp").unwrap();
        let user = match fs::metadata(folder.path()).unwrap().uid() {
            0 => Some(unprivileged_user()?), // PostgreSQL refuses to run as root
            _ => None,
        };
        if let Some((uid, gid)) = user {
            chown(folder.path(), Some(uid), Some(gid)).unwrap();
        }
        let mut server = Self {
            programs,
            user,
            port: TcpListener::bind("127.0.0.1:0")
                .unwrap()
                .local_addr()
                .unwrap()
                .port(),
            process: None,
            settings: settings.map(str::to_owned).to_vec(),
            folder,
        };
        let made = server
            .program("initdb")
            .args([
                "-U",
                "postgres",
                "-A",
                "trust",
                "-E",
                "UTF8",
                "--locale=C",
                "--no-sync",
                "-D",
                "data",
            ])
            .status()
            .unwrap();
        assert!(made.success(), "initdb failed");
        for (setting, content) in files {
            server.put(setting, content);
        }
        server.start();
        Some(server)
    }

    /// A file that only the server reads, which is the value of this setting.
    fn put(&mut self, setting: &str, content: &str) {
        let path = self.folder.path().join("data").join(setting);
        fs::write(&path, content).unwrap();
        fs::set_permissions(&path, Permissions::from_mode(0o600)).unwrap();
        if let Some((uid, gid)) = self.user {
            chown(&path, Some(uid), Some(gid)).unwrap();
        }
        self.settings.push(format!("{setting}={}", path.display()));
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    pub(crate) fn url(&self) -> String {
        format!("postgres://postgres@127.0.0.1:{}/postgres", self.port)
    }

    /// Starts it, and waits until it answers.
    pub(crate) fn start(&mut self) {
        let port = self.port.to_string();
        let mut command = self.program("postgres");
        command.args(["-D", "data", "-k", ".", "-p", &port]);
        let own = [
            "listen_addresses=127.0.0.1",
            "fsync=off",
            "max_connections=50",
        ];
        let settings = own
            .into_iter()
            .chain(self.settings.iter().map(String::as_str));
        for setting in settings {
            command.args(["-c", setting]);
        }
        self.process = Some(command.spawn().unwrap());
        let since = Instant::now();
        let mut ask = self.program("pg_isready");
        ask.args(["-q", "-h", "127.0.0.1", "-p", &port]);
        while !ask.status().unwrap().success() {
            assert!(since.elapsed() < PATIENCE, "the server does not start");
            sleep(Duration::from_millis(20));
        }
    }

    /// Stops it: its clients' statements are cut off, and nobody listens any more.
    pub(crate) fn stop(&mut self) {
        let Some(mut process) = self.process.take() else {
            return;
        };
        // SIGINT asks for a fast shutdown; built into every shell, other than the program of that name
        let interrupt = format!("kill -INT {}", process.id());
        let asked = Command::new("sh").args(["-c", &interrupt]).status();
        assert!(asked.unwrap().success());
        process.wait().unwrap();
        assert!(
            TcpStream::connect(("127.0.0.1", self.port)).is_err(),
            "somebody still listens"
        );
    }

    /// One of PostgreSQL's programs, undisturbed by the settings that this process has.
    fn program(&self, name: &str) -> Command {
        let mut command = Command::new(self.programs.join(name));
        command
            .env_clear()
            .env("LC_ALL", "C")
            .current_dir(self.folder.path())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        if let Some((uid, gid)) = self.user {
            command.uid(uid).gid(gid);
        }
        command
    }
}

impl Drop for PrivateServer {
    fn drop(&mut self) {
        if let Some(process) = &mut self.process {
            // its data goes with it; the others of its processes end when they notice
            let _ = process.kill();
            let _ = process.wait();
        }
    }
}

/// The folder with `initdb`, from PATH or where Debian keeps it.
fn find_programs() -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let versions = fs::read_dir("/usr/lib/postgresql")
        .into_iter()
        .flatten()
        .flatten();
    std::env::split_paths(&path)
        .chain(versions.map(|version| version.path().join("bin")))
        .find(|folder| {
            ["initdb", "postgres", "pg_isready"]
                .iter()
                .all(|name| folder.join(name).is_file())
        })
}

/// Somebody who isn't root: user and group.
fn unprivileged_user() -> Option<(u32, u32)> {
    let users = fs::read_to_string(Path::new("/etc/passwd")).ok()?;
    ["postgres", "nobody"].iter().find_map(|name| {
        let line = users
            .lines()
            .find(|line| line.split(':').next() == Some(name))?;
        let mut fields = line.split(':').skip(2);
        Some((fields.next()?.parse().ok()?, fields.next()?.parse().ok()?))
    })
}

const _: () = {
    let _ = PrivateServer::start_new;
    let _ = PrivateServer::url;
    let _ = PrivateServer::port;
    let _ = PrivateServer::stop;
};
