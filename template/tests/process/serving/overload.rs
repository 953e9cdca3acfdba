//! More requests than the service takes on.

use std::time::{Duration, Instant};

use tokio::{io::AsyncWriteExt, sync::mpsc, task::JoinSet};

use super::{
    addresses, alone,
    client::{Client, get},
    connections::resident,
    on_two_ports, upload_path,
};

const LIMIT: usize = 200;
const OFFERED: usize = 10 * LIMIT;

/// The memory of the pod that the manifests ask for.
const POD: u64 = 128 << 20;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_too_much_is_refused_at_once_and_the_rest_is_served() {
    let _alone = alone().await;
    let program = on_two_ports()
        .with("SERVER_MAX_IN_FLIGHT", LIMIT.to_string())
        // What was taken on must not be given up while the rest is offered.
        .with("SERVER_REQUEST_TIMEOUT_SECS", "600")
        .with("SERVER_SHUTDOWN_TIMEOUT_SECS", "600")
        .with("LOG_LEVEL", "info");
    let Some(path) = upload_path(&program) else {
        return; // a project without a request that is under way for as long as a client likes
    };
    let mut service = program.start(&[]);
    let (management, public) = addresses(&mut service);

    // Their bodies don't come until the end: these are all the requests that the service takes on.
    let mut admitted = Vec::new();
    for _ in 0..LIMIT {
        let mut client = Client::connect(public).await.unwrap();
        client.begin_upload_when_told(&path, 2).await.unwrap();
        admitted.push(client);
    }
    let (sender, mut results) = mpsc::unbounded_channel();
    let probing = tokio::spawn(async move {
        loop {
            let start = Instant::now();
            let status = get(management, "/livez").await.map(|answer| answer.status);
            if sender.send((status.ok(), start.elapsed())).is_err() {
                return;
            }
        }
    });
    assert_eq!(
        get(public, "/").await.unwrap().status,
        503,
        "there is no limit: all {LIMIT} are under way, and more are taken on"
    );
    let start = Instant::now();
    let mut offered = JoinSet::new();
    for _ in LIMIT..OFFERED {
        let path = path.clone();
        offered.spawn(async move {
            let mut client = Client::connect(public).await.unwrap();
            let start = Instant::now();
            client.begin_upload(&path, 2).await.unwrap();
            let answer = client.answer().await.expect("what is refused is answered");
            (answer, start.elapsed())
        });
    }
    let answers = offered.join_all().await;
    let took = start.elapsed();
    for (answer, _) in &answers {
        assert_eq!(answer.status, 503, "{}", answer.head);
        assert!(answer.head.contains("retry-after: 1"), "{}", answer.head);
        assert!(
            answer.text().contains(r#""code":"overloaded""#),
            "{}",
            answer.text()
        );
    }
    let slowest = answers.iter().map(|(_, took)| *took).max().unwrap();
    println!(
        "{} requests were refused in {took:?}, each in {slowest:?} or less",
        answers.len()
    );
    assert!(
        slowest < Duration::from_secs(10),
        "a request that is refused waits for nothing, but one took {slowest:?}"
    );
    let memory = resident(&service);

    for client in &mut admitted {
        client.stream.write_all(b"{}").await.unwrap();
        let answer = client.answer().await.expect("what was admitted is served");
        assert!(answer.status < 500, "{}", answer.head);
    }
    assert_eq!(
        get(public, "/").await.unwrap().status,
        200,
        "places are free again"
    );
    probing.abort();
    let mut slowest_probe = Duration::ZERO;
    let mut count = 0;
    while let Ok((status, took)) = results.try_recv() {
        assert_eq!(
            status,
            Some(200),
            "a probe was refused under overload: the pod would be restarted"
        );
        slowest_probe = slowest_probe.max(took);
        count += 1;
    }
    println!("{count} probes of /livez were answered meanwhile, the slowest in {slowest_probe:?}");
    if let Some(memory) = memory {
        println!("the process has {} MiB under overload", memory >> 20);
        assert!(
            memory < POD,
            "the process has {} MiB under overload",
            memory >> 20
        );
    }
    service.line_with("overloaded: 200 requests are under way (SERVER_MAX_IN_FLIGHT)");
}
