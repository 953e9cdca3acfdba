//! A database that goes away while it is used, and comes back.

use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::SeqCst},
    },
    time::{Duration, Instant},
};

use futures::future::join_all;

use super::{
    client::{Answer, Client},
    sessions::{count, nothing_runs},
};
use crate::{
    program::Program,
    support::{
        database::{Kind, TestDatabase},
        private_server::PrivateServer,
        relay::Relay,
    },
};

const AWAY: Duration = Duration::from_secs(10);
const AT_ONCE: usize = 10;

/// How long readiness may take to turn. Only a test that fails waits for so long.
const PATIENCE: Duration = Duration::from_mins(1);

/// What the answers were, in phases that a test begins.
struct Load {
    client: Client,
    over: Arc<AtomicBool>,
    tasks: Vec<tokio::task::JoinHandle<Vec<(Instant, Answer)>>>,
}

impl Load {
    /// Reads and writes, a few at a time, until it is ended.
    fn begin(client: &Client) -> Self {
        let over = Arc::new(AtomicBool::new(false));
        let task = |task| {
            let (client, over) = (client.clone(), Arc::clone(&over));
            tokio::spawn(async move {
                let mut answers = Vec::new();
                while !over.load(SeqCst) {
                    let asked = Instant::now();
                    let nr = answers.len();
                    let answer = if task == 0 {
                        let body = format!(r#"{{"name":"product {nr}","price":"1.5"}}"#);
                        client.post("/api/v1/products", &body).await
                    } else {
                        client.get("/api/v1/products").await
                    };
                    answers.push((asked, answer));
                    // refused at once, a client that tries again at once would only fill the log
                    tokio::time::sleep(Duration::from_millis(10)).await;
                }
                answers
            })
        };
        let tasks = (0..AT_ONCE).map(task).collect();
        Self {
            client: client.clone(),
            over,
            tasks,
        }
    }

    async fn end(self) -> Vec<(Instant, Answer)> {
        self.over.store(true, SeqCst);
        let answers = join_all(self.tasks).await;
        answers.into_iter().flat_map(Result::unwrap).collect()
    }

    /// Waits until `/readyz` answers so, and gives the time of that.
    async fn readiness_turns(&self, status: u16) -> Instant {
        let since = Instant::now();
        loop {
            let answer = self.client.get("/readyz").await;
            if answer.status == status {
                return Instant::now();
            }
            let waited = since.elapsed();
            assert!(
                waited < PATIENCE,
                "/readyz is still not {status} after {waited:?}: {answer:?}"
            );
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
}

/// The service goes through an outage of its database without a restart, and says 503 and nothing else meanwhile.
async fn survives(program: Program, stop: impl AsyncFnOnce(), start: impl AsyncFnOnce()) {
    let mut service = program.start(&[]);
    let client = Client::of(&service.url());
    let load = Load::begin(&client);
    load.readiness_turns(200).await;
    tokio::time::sleep(Duration::from_secs(1)).await;

    let stopped = Instant::now();
    stop().await;
    load.readiness_turns(503).await;
    let alive = client.get("/livez").await;
    assert_eq!(alive.status, 200, "a restart would not help: {alive:?}");
    tokio::time::sleep(AWAY.saturating_sub(stopped.elapsed())).await;
    let still = client.get("/readyz").await;
    assert_eq!(still.status, 503, "{still:?}");
    let mut unready = Instant::now();
    start().await;
    unready = unready.max(load.readiness_turns(200).await);
    tokio::time::sleep(Duration::from_secs(2)).await;

    let mut before = BTreeMap::<u16, usize>::new();
    let mut meanwhile = BTreeMap::<u16, usize>::new();
    let mut after = BTreeMap::<u16, usize>::new();
    for (asked, answer) in load.end().await {
        assert!(
            matches!(answer.status, 200 | 201) || answer.is_unavailable(),
            "an outage of the database is 503 with Retry-After, and nothing else: {answer:?}"
        );
        let phase = if asked + answer.took < stopped {
            &mut before
        } else if asked < unready {
            &mut meanwhile
        } else {
            &mut after
        };
        *phase.entry(answer.status).or_default() += 1;
    }
    let summary = format!("before {before:?}, meanwhile {meanwhile:?}, after {after:?}");
    assert!(
        !before.contains_key(&503),
        "503 before the outage: {summary}"
    );
    assert!(
        meanwhile.contains_key(&503),
        "the outage was not noticed: {summary}"
    );
    assert!(
        after.contains_key(&200) && after.contains_key(&201),
        "{summary}"
    );
    assert!(
        !after.contains_key(&503),
        "503 although it was ready again: {summary}"
    );

    let all = join_all((0..50).map(|_| client.get("/api/v1/users"))).await;
    assert!(
        all.iter().all(|answer| answer.status == 200),
        "the pool is not whole: {all:?}"
    );
    service.terminate();
    assert!(service.end().success(), "{}", service.stderr());
}

/// By a relay in front of the server, which ends all connections and refuses new ones.
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_database_that_can_not_be_reached_for_ten_seconds_is_503_and_then_all_is_well() {
    let Some(database) = TestDatabase::of(Kind::Postgres).await else {
        return;
    };
    let relay = tokio::sync::Mutex::new(Relay::before(database.server()).await);
    let address = relay.lock().await.address();
    let program = Program::on_free_port()
        .with_all(database.settings())
        .with("DATABASE_URL", database.url_by_way_of(address))
        .with("LOG_LEVEL", "warn");
    survives(
        program,
        async || relay.lock().await.cut().await,
        async || relay.lock().await.open().await,
    )
    .await;
    nothing_runs(&database).await;
    let sessions = count(&database, "true").await;
    assert_eq!(sessions, 0, "the service ended, its sessions did not");
}

/// A server that really stops, in the middle of statements and transactions, and starts again.
#[tokio::test(flavor = "multi_thread", worker_threads = 1)]
async fn a_server_that_is_stopped_for_ten_seconds_is_503_and_then_all_is_well() {
    if TestDatabase::of(Kind::Postgres).await.is_none() {
        return; // tests without a server take no time for one
    }
    let Some(server) = PrivateServer::start_new() else {
        return;
    };
    let program = Program::on_free_port()
        .with("DATABASE_URL", server.url())
        .with("LOG_LEVEL", "warn");
    let server = tokio::sync::Mutex::new(server);
    survives(
        program,
        async || server.lock().await.stop(),
        async || server.lock().await.start(),
    )
    .await;
}
