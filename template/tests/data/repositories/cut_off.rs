//! Work that is dropped at each point where it waits: afterwards the pool is whole, nothing goes on on the server, and nothing was
//! done by halves.

use std::{future::poll_fn, pin::pin, task::Poll};

use app::{
    core::database::{
        DataError, Database, Transaction,
        keyset::{PageRequest, Sort},
    },
    repositories::base::BaseRepository,
};
use futures::TryStreamExt;
use rstest::rstest;
use sea_orm::{ConnectionTrait, DbErr};
use uuid::Uuid;

use super::{
    gadgets::Entity as Gadget,
    suite::{Connection, FilterOf, Sample, id_of},
};
use crate::{
    support::{
        database::{Kind, TestDatabase},
        relay::Relay,
    },
    toys::{eventually, nothing_runs, number, sql},
};

/// What a request does with the database.
#[derive(Clone, Copy, Debug)]
enum Work {
    Get,
    List,
    Create,
    Update,
    Delete,
    Stream,
    Transaction,
    TransactionThatFails,
    Savepoints,
    StreamInTransaction,
}

/// When the future is dropped.
#[derive(Clone, Copy, Debug)]
enum Cut {
    /// As soon as it waits: what it has sent is on its way.
    WhenItWaits,
    /// When what it waited for is there, unread.
    WhenItCouldGoOn,
}

/// Rows that a stream reads: several messages of the server.
const STREAMED: u32 = 300;

#[rstest]
#[tokio::test]
async fn work_dropped_wherever_it_waits_leaves_nothing_behind(
    #[values(Kind::Sqlite, Kind::Postgres)] kind: Kind,
    #[values(
        Work::Get,
        Work::List,
        Work::Create,
        Work::Update,
        Work::Delete,
        Work::Stream,
        Work::Transaction,
        Work::TransactionThatFails,
        Work::Savepoints,
        Work::StreamInTransaction
    )]
    work: Work,
) {
    let Some(db) = TestDatabase::of(kind).await else {
        return;
    };
    Gadget::prepare(db.database()).await;
    // on one thread with us, so that no answer is there before we wait for it
    let relay = Relay::before(db.server()).await;
    let url = match kind {
        Kind::Sqlite => db.url().to_owned(),
        Kind::Postgres => db.url_by_way_of(relay.address()),
    };
    // two, so that one that was not given back would be missed
    let new_pool = || {
        db.pool([
            ("URL", url.as_str()),
            ("POOL_MAX_SIZE", "2"),
            ("POOL_TIMEOUT_SECS", "19"),
        ])
    };
    let warm_pool = new_pool();
    let state = State::of(&warm_pool).await;
    for cut in [Cut::WhenItWaits, Cut::WhenItCouldGoOn] {
        for warm in [false, true] {
            for polls in 0_usize.. {
                // with a connection and a prepared statement there are other points to wait at
                let pool = if warm { warm_pool.clone() } else { new_pool() };
                if warm {
                    state.done(work, &pool).await;
                }
                let ended = poll_at_most(polls, cut, state.done(work, &pool)).await;
                state
                    .check(
                        &pool,
                        db.database(),
                        &format!("{work:?}, {cut:?}, warm: {warm}, {polls} polls"),
                    )
                    .await;
                if ended.is_some() {
                    assert!(polls > 0, "it did not wait for anything");
                    break;
                }
            }
        }
    }
}

/// What is in the database before.
struct State {
    row: Uuid,
    rows: u64,
}

impl State {
    async fn of(pool: &Database) -> Self {
        let row = Gadget::row(1);
        let row = id_of::<Gadget>(&Gadget::repository(pool).create(row).await.unwrap());
        let rows = (0..STREAMED).map(Gadget::row).collect();
        Gadget::repository(pool).create_many(rows).await.unwrap();
        Self {
            row,
            rows: u64::from(STREAMED) + 1,
        }
    }

    /// The work, to its end.
    async fn done(&self, work: Work, pool: &Database) {
        let gadgets = Gadget::repository(pool);
        match work {
            Work::Get => assert_eq!(
                id_of::<Gadget>(&gadgets.get(self.row).await.unwrap()),
                self.row
            ),
            Work::List => {
                let request =
                    PageRequest::first(20, Sort::default(), FilterOf::<Gadget>::default());
                assert_eq!(gadgets.list(&request).await.unwrap().rows.len(), 20);
            }
            Work::Create => {
                gadgets.create(marked("created")).await.unwrap();
            }
            Work::Update => {
                gadgets
                    .update(self.row, Gadget::change(1), None)
                    .await
                    .unwrap();
            }
            Work::Delete => assert!(!gadgets.delete(Uuid::now_v7(), None).await.unwrap()),
            Work::Stream => assert!(streamed(pool).await >= self.rows),
            Work::Transaction => pool.transaction(async |tx| pair(tx).await).await.unwrap(),
            Work::TransactionThatFails => {
                let outcome = pool.transaction(async |tx| {
                    pair(tx).await?;
                    Err::<(), _>(DataError::Database(DbErr::Custom("no".to_owned())))
                });
                outcome.await.unwrap_err();
            }
            Work::Savepoints => pool.transaction(savepoints).await.unwrap(),
            Work::StreamInTransaction => {
                let work = pool.transaction(async |tx| {
                    pair(tx).await?;
                    Ok::<_, DataError>(streamed(tx).await)
                });
                assert!(work.await.unwrap() > self.rows);
            }
        }
    }

    /// Nothing was left behind, and nothing was done by halves.
    async fn check(&self, pool: &Database, other: &Database, after: &str) {
        eventually(&format!("all connections are back: {after}"), async || {
            pool.status().in_use() == 0 && pool.status().waiting == 0
        })
        .await;
        nothing_runs(other).await;
        // each connection of the pool answers what it was asked, and nothing that was asked before
        let (one, two) = tokio::join!(
            number(pool, "SELECT CAST(1 AS BIGINT)"),
            number(pool, "SELECT CAST(2 AS BIGINT)")
        );
        assert_eq!((one, two), (Ok(1), Ok(2)), "{after}");
        let labelled = async |label: &str| {
            let count = format!("SELECT count(*) FROM gadgets WHERE label = '{label}'");
            number(pool, &count).await.unwrap()
        };
        let pairs = labelled("one of a pair").await;
        assert_eq!(
            pairs,
            labelled("the other").await,
            "half a transaction was kept: {after}"
        );
        assert_eq!(
            labelled("undone").await,
            0,
            "a savepoint that was rolled back was kept: {after}"
        );
        assert_eq!(
            id_of::<Gadget>(&Gadget::repository(pool).get(self.row).await.unwrap()),
            self.row
        );
    }
}

/// Two rows that belong together, with several statements.
async fn pair(tx: &Transaction) -> Result<(), DataError> {
    let gadgets = Gadget::repository(tx);
    let one = gadgets.create(marked("one of a pair")).await?;
    gadgets.get(id_of::<Gadget>(&one)).await?;
    gadgets.create(marked("the other")).await?;
    Ok(())
}

/// One savepoint that is kept, one that is rolled back, and one that nobody ends.
async fn savepoints(tx: &Transaction) -> Result<(), DataError> {
    tx.transaction(pair).await?;
    let undone = tx.transaction(async |inner| {
        Gadget::repository(inner).create(marked("undone")).await?;
        inner.execute_raw(sql(inner, "SELECT nonsense")).await?;
        Ok::<_, DataError>(())
    });
    undone.await.unwrap_err();
    let dropped = sea_orm::TransactionTrait::begin(tx).await?;
    Gadget::repository(&dropped)
        .create(marked("undone"))
        .await?;
    drop(dropped);
    pair(tx).await
}

async fn streamed<C: Connection>(connection: &C) -> u64 {
    let gadgets = Gadget::repository(connection);
    let filter = FilterOf::<Gadget>::default();
    let rows = gadgets.stream(Sort::default(), &filter).await.unwrap();
    let rows = rows.try_fold(0, async |rows, _| Ok(rows + 1));
    rows.await.unwrap()
}

fn marked(label: &str) -> super::gadgets::ActiveModel {
    super::gadgets::ActiveModel {
        label: sea_orm::Set(label.to_owned()),
        ..Gadget::row(1)
    }
}

/// Polls the future so often, and then drops it; what it ends with, if it ends before.
async fn poll_at_most<T>(times: usize, cut: Cut, future: impl Future<Output = T>) -> Option<T> {
    let mut future = pin!(future);
    let mut polled = 0;
    poll_fn(|context| {
        if polled == times {
            return Poll::Ready(None);
        }
        polled += 1;
        match future.as_mut().poll(context) {
            Poll::Ready(value) => Poll::Ready(Some(value)),
            Poll::Pending if polled == times && matches!(cut, Cut::WhenItWaits) => {
                Poll::Ready(None)
            }
            Poll::Pending => Poll::Pending,
        }
    })
    .await
}
