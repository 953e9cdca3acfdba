//! Callers that want the same at the same time share one load.

use std::convert::Infallible;
use std::future::Ready;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::time::Duration;

use app::core::coalescing::{Coalescer, Coalescing, WriteError};
use app::core::config::CoalescingConfig;
use app::core::state::Shared;
use axum::http::StatusCode;
use futures::future::join_all;
use futures::{FutureExt, join};
use rstest::rstest;
use serde_json::json;
use tokio::sync::Semaphore;
use tokio::task::yield_now;
use tokio::time::{sleep, timeout};

use crate::support::TestApp;

/// How long a write that was given up may still have an effect.
const GRACE: Duration = Duration::from_millis(300);

type Numbers = Coalescer<u8, u64, String>;

fn coalescing(ttl_ms: u64, max_keys: usize) -> Coalescing {
    Coalescing::new(
        &CoalescingConfig {
            enabled: true,
            ttl_ms,
            max_keys,
        },
        GRACE,
    )
}

fn numbers(ttl_ms: u64, max_keys: usize) -> Numbers {
    coalescing(ttl_ms, max_keys).of("numbers")
}

/// Loads that count themselves, and end when they are let.
#[derive(Clone)]
struct Source {
    begun: Arc<AtomicU64>,
    gate: Arc<Semaphore>,
}

impl Source {
    fn closed() -> Self {
        Self {
            begun: Arc::default(),
            gate: Arc::new(Semaphore::new(0)),
        }
    }

    fn open() -> Self {
        let source = Self::closed();
        source.open_for_all();
        source
    }

    fn open_for_all(&self) {
        self.gate.add_permits(Semaphore::MAX_PERMITS / 2);
    }

    fn begun(&self) -> u64 {
        self.begun.load(SeqCst)
    }

    /// The how manieth load it is.
    fn load(&self) -> impl Future<Output = Result<u64, String>> + Send + 'static {
        let Self { begun, gate } = self.clone();
        async move {
            let number = begun.fetch_add(1, SeqCst) + 1;
            drop(gate.acquire().await);
            Ok(number)
        }
    }
}

/// Lets every task go on as far as it can.
async fn settle() {
    for _ in 0..50 {
        yield_now().await;
    }
}

#[tokio::test]
async fn a_thousand_callers_of_one_key_share_one_load() {
    let (numbers, source) = (numbers(0, 10), Source::closed());
    let callers = (0..1000).map(|_| {
        let (numbers, load) = (numbers.clone(), source.load());
        tokio::spawn(async move { numbers.get(1, || load).await })
    });
    let callers: Vec<_> = callers.collect();
    settle().await;
    source.open_for_all();
    for answer in join_all(callers).await {
        assert_eq!(answer.unwrap(), Ok(1));
    }
    assert_eq!(source.begun(), 1);
}

#[tokio::test]
async fn whoever_joins_does_not_even_make_a_load() {
    let (numbers, source) = (numbers(0, 10), Source::closed());
    let mut first = Box::pin(numbers.get(1, || source.load()));
    assert!(first.as_mut().now_or_never().is_none());
    let joined = numbers.get(1, || -> Ready<_> { panic!("there is one") });
    let mut joined = Box::pin(joined);
    assert!(joined.as_mut().now_or_never().is_none());
    source.open_for_all();
    assert_eq!(join!(first, joined), (Ok(1), Ok(1)));
}

#[tokio::test]
async fn other_keys_are_loaded_on_their_own_and_a_load_that_ended_is_not_given_out() {
    let (numbers, source) = (numbers(0, 10), Source::open());
    assert_eq!(numbers.get(1, || source.load()).await, Ok(1));
    assert_eq!(numbers.get(2, || source.load()).await, Ok(2));
    assert_eq!(numbers.get(1, || source.load()).await, Ok(3));
}

#[tokio::test]
async fn an_error_is_shared_like_a_result_and_the_next_caller_tries_again() {
    let numbers = numbers(60_000, 10);
    let fail = || async {
        yield_now().await;
        Err("no luck".to_owned())
    };
    let answers = join_all((0..10).map(|_| numbers.get(1, fail))).await;
    assert!(
        answers
            .iter()
            .all(|answer| answer == &Err("no luck".to_owned()))
    );
    assert_eq!(numbers.get(1, || async { Ok(7) }).await, Ok(7));
}

#[tokio::test]
async fn a_caller_that_gives_up_ends_the_load_for_nobody() {
    let (numbers, source) = (numbers(0, 10), Source::closed());
    let mut first = Box::pin(numbers.get(1, || source.load()));
    assert!(first.as_mut().now_or_never().is_none());
    let mut second = Box::pin(numbers.get(1, || source.load()));
    assert!(second.as_mut().now_or_never().is_none());
    drop(first);
    settle().await;
    source.open_for_all();
    assert_eq!(second.await, Ok(1), "it has the load of the one who left");
}

#[tokio::test]
async fn a_load_that_nobody_waits_for_any_more_ends_and_is_joined_by_nobody() {
    let coalescing = coalescing(60_000, 10);
    let (numbers, source): (Numbers, _) = (coalescing.of("numbers"), Source::closed());
    let mut both = [(); 2].map(|()| Box::pin(numbers.get(1, || source.load())));
    for caller in &mut both {
        assert!(caller.as_mut().now_or_never().is_none());
    }
    settle().await;
    let counts = &coalescing.counts()["numbers"];
    assert_eq!((source.begun(), counts.active()), (1, 1));
    let [first, second] = both;
    drop(first);
    settle().await;
    assert_eq!(counts.active(), 1, "one still waits");
    drop(second);
    settle().await;
    assert_eq!(counts.active(), 0, "it goes on for nobody");
    source.open_for_all();
    assert_eq!(numbers.get(1, || source.load()).await, Ok(2));
}

#[tokio::test]
async fn a_load_that_panics_hangs_nobody() {
    let numbers = numbers(0, 10);
    let panic = || async {
        yield_now().await;
        panic!("on purpose");
    };
    let callers = (0..5).map(|_| {
        let (numbers, load) = (numbers.clone(), panic());
        tokio::spawn(async move { numbers.get(1, || load).await })
    });
    for answer in join_all(callers.collect::<Vec<_>>()).await {
        assert!(answer.unwrap_err().is_panic());
    }
    assert_eq!(
        numbers.get(1, || async { Ok(7) }).await,
        Ok(7),
        "the key is free again"
    );
}

#[tokio::test]
async fn a_function_that_panics_instead_of_making_a_load_hangs_nobody() {
    let numbers = numbers(0, 10);
    let get = numbers.get(1, || -> Ready<_> { panic!("on purpose") });
    assert!(AssertUnwindSafe(get).catch_unwind().await.is_err());
    let next = timeout(GRACE, numbers.get(1, || async { Ok(7) })).await;
    assert_eq!(next, Ok(Ok(7)), "the key is free again");
}

#[tokio::test]
async fn a_read_after_a_write_never_gets_what_was_loaded_before_it() {
    for ttl_ms in [0, 60_000] {
        let (numbers, source) = (numbers(ttl_ms, 10), Source::closed());
        let before = numbers.clone();
        let before = tokio::spawn({
            let load = source.load();
            async move { before.get(1, || load).await }
        });
        settle().await;
        assert_eq!(source.begun(), 1);

        let write = numbers.writing(1);
        let mut between = Box::pin(numbers.get(1, || source.load()));
        assert!(between.as_mut().now_or_never().is_none());
        assert_eq!(source.begun(), 2, "while it is written, it loads alone");
        write.ended();

        let mut after = Box::pin(numbers.get(1, || source.load()));
        assert!(after.as_mut().now_or_never().is_none());
        settle().await;
        assert_eq!(
            source.begun(),
            3,
            "it joined a load that began before the write"
        );
        source.open_for_all();
        assert_eq!(
            before.await.unwrap(),
            Ok(1),
            "who asked before the write may have what was before it"
        );
        assert_eq!(between.await, Ok(2));
        assert_eq!(after.await, Ok(3));
        let last = numbers.get(1, || source.load()).await;
        assert_eq!(
            last,
            Ok(if ttl_ms == 0 { 4 } else { 3 }),
            "an old load replaced what was kept"
        );
    }
}

#[tokio::test]
async fn a_write_that_was_given_up_guards_its_key_for_as_long_as_it_may_have_an_effect() {
    let (numbers, source) = (numbers(0, 10), Source::closed());
    drop(numbers.writing(1));
    let mut alone = [(); 2].map(|()| Box::pin(numbers.get(1, || source.load())));
    for caller in &mut alone {
        assert!(caller.as_mut().now_or_never().is_none());
    }
    assert_eq!(
        source.begun(),
        2,
        "one joined what may be older than the write"
    );
    sleep(GRACE * 2).await;
    let mut shared = [(); 2].map(|()| Box::pin(numbers.get(1, || source.load())));
    for caller in &mut shared {
        assert!(caller.as_mut().now_or_never().is_none());
    }
    settle().await;
    assert_eq!(source.begun(), 3, "the key is not free again");
    source.open_for_all();
}

/// A write that failed, and whether it is known to have had no effect.
#[derive(Debug, PartialEq)]
struct Failed {
    is_definite: bool,
}

impl WriteError for Failed {
    fn is_definite(&self) -> bool {
        self.is_definite
    }
}

#[rstest]
#[case(Ok(()), 1)]
#[case(Err(Failed { is_definite: true }), 1)]
#[case(Err(Failed { is_definite: false }), 2)]
#[tokio::test]
async fn readers_share_again_as_soon_as_the_outcome_of_a_write_is_known(
    #[case] outcome: Result<(), Failed>,
    #[case] loads: u64,
) {
    let (numbers, source) = (numbers(0, 10), Source::closed());
    let is_known = outcome.as_ref().err().is_none_or(|error| error.is_definite);
    let written = numbers.write(1, async { outcome }).await;
    assert_eq!(
        written.err().is_none_or(|error| error.is_definite),
        is_known
    );
    let mut two = [(); 2].map(|()| Box::pin(numbers.get(1, || source.load())));
    for caller in &mut two {
        assert!(caller.as_mut().now_or_never().is_none());
    }
    settle().await;
    assert_eq!(source.begun(), loads);
    source.open_for_all();
}

#[tokio::test]
async fn of_two_writes_at_once_the_last_to_end_frees_the_key() {
    let (numbers, source) = (numbers(0, 10), Source::closed());
    let (first, second) = (numbers.writing(1), numbers.writing(1));
    first.ended();
    let mut alone = [(); 2].map(|()| Box::pin(numbers.get(1, || source.load())));
    for caller in &mut alone {
        assert!(caller.as_mut().now_or_never().is_none());
    }
    assert_eq!(source.begun(), 2);
    second.ended();
    let mut shared = [(); 2].map(|()| Box::pin(numbers.get(1, || source.load())));
    for caller in &mut shared {
        assert!(caller.as_mut().now_or_never().is_none());
    }
    settle().await;
    assert_eq!(source.begun(), 3);
    source.open_for_all();
}

#[tokio::test]
async fn a_value_is_given_out_for_as_long_as_it_is_kept() {
    let (numbers, source) = (numbers(2000, 10), Source::open());
    assert_eq!(numbers.get(1, || source.load()).await, Ok(1));
    assert_eq!(numbers.get(1, || source.load()).await, Ok(1));
    sleep(Duration::from_millis(2010)).await;
    assert_eq!(numbers.get(1, || source.load()).await, Ok(2));
}

#[tokio::test]
async fn beyond_the_number_of_keys_callers_load_alone() {
    let (numbers, source) = (numbers(60_000, 2), Source::open());
    for key in 0..5 {
        numbers.get(key, || source.load()).await.unwrap();
    }
    assert_eq!(source.begun(), 5);
    assert_eq!(
        numbers.get(1, || source.load()).await,
        Ok(2),
        "the first keys are kept"
    );
    assert_eq!(
        numbers.get(4, || source.load()).await,
        Ok(6),
        "the last has no place"
    );
}

#[tokio::test]
async fn keys_whose_time_is_over_make_room() {
    let (numbers, source) = (numbers(2000, 2), Source::open());
    for key in [0, 1] {
        numbers.get(key, || source.load()).await.unwrap();
    }
    // A look for old ones that finds none doesn't keep the next one from finding some.
    assert_eq!(numbers.get(2, || source.load()).await, Ok(3));
    assert_eq!(
        numbers.get(2, || source.load()).await,
        Ok(4),
        "there is no place"
    );
    sleep(Duration::from_millis(2010)).await;
    assert_eq!(numbers.get(2, || source.load()).await, Ok(5));
    assert_eq!(
        numbers.get(2, || source.load()).await,
        Ok(5),
        "it found a place"
    );
}

#[tokio::test]
async fn switched_off_everybody_loads() {
    let coalescing = Coalescing::new(
        &CoalescingConfig {
            enabled: false,
            ttl_ms: 60_000,
            max_keys: 10,
        },
        GRACE,
    );
    let (numbers, source): (Numbers, _) = (coalescing.of("numbers"), Source::open());
    join_all((0..2).map(|_| numbers.get(1, || source.load()))).await;
    assert_eq!(source.begun(), 2);
}

/// What the routes are asked about.
struct Reads(Numbers);

app::register_component!(Reads: |shared: &Shared| Ok::<_, Infallible>(Reads(shared.coalescing.of("reads"))));

#[tokio::test]
async fn the_figures_are_told_and_count_from_0_when_reset() {
    let app = TestApp::without_database();
    let (reads, source) = (app.state.component::<Reads>().0.clone(), Source::closed());
    let mut four: Vec<_> = (0..4)
        .map(|_| Box::pin(reads.get(1, || source.load())))
        .collect();
    for caller in &mut four {
        assert!(caller.as_mut().now_or_never().is_none());
    }
    settle().await;
    let stats = app.get("/coalescing/stats").await.json();
    assert_eq!(stats["reads"]["active"], 1);
    source.open_for_all();
    join_all(four).await;
    reads
        .get(2, || async { Err("no luck".to_owned()) })
        .await
        .unwrap_err();

    let stats = app.get("/coalescing/stats").await.json();
    let expected = json!({
        "hits": 3, "misses": 2, "errors": 1, "active": 0,
        "hit_rate": 0.6, "total_requests": 5, "queries_prevented": 3,
    });
    assert_eq!(stats["reads"], expected);
    let reset = app.post("/coalescing/stats/reset").await;
    assert_eq!(reset.status, StatusCode::NO_CONTENT);
    let stats = app.get("/coalescing/stats").await.json();
    assert_eq!(stats["reads"]["total_requests"], 0);
}
