//! A database that isn't there when the service starts.

use std::{
    io,
    net::{Shutdown, SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread,
};

use crate::{
    program::Program,
    support::database::{Kind, TestDatabase},
};

#[test]
fn the_wait_is_bounded_and_says_what_to_do() {
    let program = Program::on_free_port()
        .with("DATABASE_URL", "postgres://app@127.0.0.1:1/app")
        .with("DATABASE_CONNECT_WAIT_SECS", "1");
    let outcome = program.run(&[]);
    assert_eq!(outcome.code, Some(1), "{outcome}");
    assert!(
        outcome.stdout.contains("waiting for the database"),
        "{outcome}"
    );
    assert!(
        outcome.stderr.contains("DATABASE_CONNECT_WAIT_SECS"),
        "{outcome}"
    );
    assert!(
        outcome.stderr.contains("did not answer within 1 s"),
        "{outcome}"
    );
}

/// Stands between the service and its database, and lets nothing through at first.
struct Door {
    address: SocketAddr,
    open: Arc<AtomicBool>,
}

impl Door {
    fn before(target: (String, u16)) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let open = Arc::new(AtomicBool::new(false));
        let is_open = Arc::clone(&open);
        thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                if is_open.load(Ordering::SeqCst) {
                    let server = TcpStream::connect(&target).unwrap();
                    pass(client.try_clone().unwrap(), server.try_clone().unwrap());
                    pass(server, client);
                }
            }
        });
        Self { address, open }
    }

    fn open(&self) {
        self.open.store(true, Ordering::SeqCst);
    }
}

fn pass(mut from: TcpStream, mut to: TcpStream) {
    thread::spawn(move || {
        let _ = io::copy(&mut from, &mut to);
        let _ = to.shutdown(Shutdown::Write);
    });
}

#[tokio::test]
async fn it_starts_as_soon_as_the_database_answers() {
    let Some(database) = TestDatabase::of(Kind::Postgres).await else {
        return;
    };
    let door = Door::before(database.server());

    let program = Program::on_free_port()
        .with("DATABASE_URL", database.url_by_way_of(door.address))
        .with("DATABASE_CONNECT_WAIT_SECS", "60");
    let mut service = program.start(&[]);
    service.line_with("waiting for the database");
    door.open();
    service.url();
}
