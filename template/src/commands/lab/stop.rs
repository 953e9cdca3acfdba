//! Being told to stop.

use anyhow::Context;
use tokio::sync::watch;

use crate::core::http::server::Signals;

/// Whether somebody asked to stop: with Ctrl-C, or SIGTERM.
#[derive(Clone)]
pub(super) struct Stop(watch::Receiver<bool>);

impl Stop {
    /// From now on Ctrl-C ends what is under way, not the process.
    ///
    /// # Errors
    ///
    /// If the system refuses to say when it comes.
    pub(super) fn on_signal() -> anyhow::Result<Self> {
        let mut signals = Signals::listen().context("can't listen for signals")?;
        let (asked, stop) = watch::channel(false);
        tokio::spawn(async move {
            signals.next().await;
            let _ = asked.send(true); // nobody there any more: it is over
        });
        Ok(Self(stop))
    }

    pub(super) fn is_asked(&self) -> bool {
        *self.0.borrow()
    }

    /// Waits until somebody asks.
    pub(super) async fn asked(&self) {
        let mut stop = self.0.clone();
        if stop.wait_for(|asked| *asked).await.is_err() {
            std::future::pending::<()>().await; // nobody can ask any more
        }
    }

    #[cfg(test)]
    pub(super) fn by_hand() -> (watch::Sender<bool>, Self) {
        let (ask, stop) = watch::channel(false);
        (ask, Self(stop))
    }

    #[cfg(test)]
    pub(super) fn never() -> Self {
        Self::by_hand().1
    }
}
