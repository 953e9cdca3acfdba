//! A way to a server that a test can cut.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering::SeqCst},
    },
};

use tokio::{
    io::copy_bidirectional,
    net::{TcpListener, TcpStream},
    sync::watch,
    task::JoinHandle,
};

/// Passes on what comes to its address, until it is cut. Its work is done by the runtime that it was made in: on a runtime of one thread
/// nothing arrives before everybody else waits.
pub(crate) struct Relay {
    address: SocketAddr,
    target: (String, u16),
    refuses: Arc<AtomicBool>,
    cuts: watch::Sender<()>,
    listening: Option<JoinHandle<()>>,
}

impl Relay {
    /// To a server at this address.
    pub(crate) async fn before(target: (String, u16)) -> Self {
        let mut relay = Self {
            address: ([127, 0, 0, 1], 0).into(),
            target,
            refuses: Arc::default(),
            cuts: watch::Sender::new(()),
            listening: None,
        };
        relay.open().await;
        relay
    }

    /// Where it listens.
    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Ends all connections, and refuses others: what clients see of a server that is stopped.
    pub(crate) async fn cut(&mut self) {
        self.refuses.store(true, SeqCst);
        if let Some(listening) = self.listening.take() {
            listening.abort();
            let _ = listening.await;
        }
        self.cuts.send_replace(());
    }

    /// Lets clients through, at the same address as before.
    pub(crate) async fn open(&mut self) {
        let listener = TcpListener::bind(self.address).await.unwrap();
        self.address = listener.local_addr().unwrap();
        self.refuses.store(false, SeqCst);
        let (target, refuses, cuts) = (
            self.target.clone(),
            Arc::clone(&self.refuses),
            self.cuts.clone(),
        );
        self.listening = Some(tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let mut cut = cuts.subscribe();
                let (target, refuses) = (target.clone(), Arc::clone(&refuses));
                tokio::spawn(async move {
                    if refuses.load(SeqCst) {
                        return;
                    }
                    tokio::select! {
                        () = pass(client, target) => {}
                        _ = cut.changed() => {}
                    }
                });
            }
        }));
    }
}

/// A server that isn't there hangs up on its clients.
async fn pass(mut client: TcpStream, target: (String, u16)) {
    if let Ok(mut server) = TcpStream::connect(target).await {
        for end in [&client, &server] {
            let _ = end.set_nodelay(true);
        }
        let _ = copy_bidirectional(&mut client, &mut server).await;
    }
}

const _: () = {
    let _ = Relay::before;
    let _ = Relay::address;
    let _ = Relay::cut;
};
