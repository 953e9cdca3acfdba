use std::{
    net::{Ipv4Addr, SocketAddr},
    sync::atomic::AtomicUsize,
};

use axum::{Router, http::StatusCode, routing::get};
use tokio::net::TcpListener;

use super::*;

/// A service of which every tenth answer is a refusal, and that stands still for a while at its 20th.
async fn service(standstill: Duration) -> (Address, Arc<AtomicUsize>) {
    let asked = Arc::new(AtomicUsize::new(0));
    let counted = asked.clone();
    let stands = Arc::new(tokio::sync::Mutex::new(()));
    let answer = move || {
        let (number, stands) = (asked.fetch_add(1, Relaxed), stands.clone());
        async move {
            let _turn = stands.lock().await;
            if number == 20 {
                sleep(standstill).await;
            }
            match number % 10 {
                9 => StatusCode::SERVICE_UNAVAILABLE,
                _ => StatusCode::OK,
            }
        }
    };
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let address = Address::of(listener.local_addr().unwrap());
    let router = Router::new().route("/", get(answer));
    tokio::spawn(async { axum::serve(listener, router).await });
    (address, counted)
}

fn load(address: Address) -> Load {
    Load {
        address,
        request: LoadRequest::get("/").unwrap(),
        concurrency: 4,
        pace: Pace::Closed,
        duration: Duration::from_mins(1),
        requests: Some(200),
        patience: Duration::from_secs(30),
    }
}

#[tokio::test]
async fn a_closed_loop_sends_as_many_requests_as_were_asked_for() {
    let (address, asked) = service(Duration::ZERO).await;
    let outcome = load(address).run(&Stop::never()).await.unwrap();
    assert_eq!(asked.load(Relaxed), 200);
    let tally = outcome.tally;
    let counts = (tally.succeeded(), tally.failed(), tally.unanswered);
    assert_eq!(counts, (180, 20, 0));
    assert!(tally.quantile_ms(0.99) >= tally.quantile_ms(0.5));
}

#[tokio::test]
async fn an_open_loop_counts_the_wait_of_all_who_were_due_in_a_standstill() {
    let standstill = Duration::from_millis(400);
    let (address, _) = service(standstill).await;
    let load = Load {
        pace: Pace::Rate(200.0),
        ..load(address)
    };
    let tally = load.run(&Stop::never()).await.unwrap().tally;
    assert_eq!(tally.requests(), 200);
    // 80 of 200 were due in that time, and half of those had to wait for half of it: at least a tenth waited for 200 ms. A loop that
    // waits for answers would have found four.
    assert!(tally.quantile_ms(0.9).unwrap() >= 150.0);
}

#[tokio::test]
async fn what_was_due_while_all_connections_waited_is_no_success() {
    // With a number of requests, those that it allows are due in that second, too: the first 60, or all of them.
    for (requests, due) in [(None, 100), (Some(60), 60), (Some(1000), 100)] {
        let (address, asked) = service(Duration::from_secs(2)).await;
        let load = Load {
            pace: Pace::Rate(100.0),
            duration: Duration::from_secs(1),
            requests,
            ..load(address)
        };
        let tally = load.run(&Stop::never()).await.unwrap().tally;
        assert_eq!(tally.requests(), due, "{requests:?}");
        assert!(asked.load(Relaxed) < 60);
        assert!(tally.unanswered > 0);
    }
}

#[tokio::test]
async fn who_is_not_answered_in_time_is_counted_with_the_time_he_waited() {
    let (address, _) = service(Duration::from_secs(10)).await;
    let load = Load {
        patience: Duration::from_millis(50),
        requests: Some(24),
        ..load(address)
    };
    let tally = load.run(&Stop::never()).await.unwrap().tally;
    assert_eq!(tally.requests(), 24);
    assert!(tally.unanswered >= 1);
    assert!(tally.max_ms().unwrap() >= 50.0);
}

#[tokio::test]
async fn where_nobody_listens_nothing_is_answered() {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let gone: SocketAddr = listener.local_addr().unwrap();
    drop(listener);
    let load = Load {
        requests: Some(8),
        ..load(Address::of(gone))
    };
    let tally = load.run(&Stop::never()).await.unwrap().tally;
    assert_eq!((tally.requests(), tally.unanswered), (8, 8));
    assert_eq!(tally.max_ms(), None);
    let error = tally.error.unwrap();
    assert!(error.starts_with("can't connect: "), "{error}");
}

#[tokio::test]
async fn told_to_stop_it_keeps_what_was_counted() {
    let (address, asked) = service(Duration::from_mins(1)).await;
    let (ask, stop) = Stop::by_hand();
    let load = Load {
        requests: None,
        ..load(address)
    };
    let running = tokio::spawn(async move { load.run(&stop).await });
    while asked.load(Relaxed) <= 20 {
        sleep(Duration::from_millis(10)).await;
    }
    ask.send(true).unwrap();
    let tally = running.await.unwrap().unwrap().tally;
    // It stands still at the 21st request, when three others may still have been under way.
    assert!((17..=20).contains(&tally.requests()));
    assert_eq!(tally.unanswered, 0);
}
