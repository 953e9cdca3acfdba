//! Lists: every page size, order and filter shows each row once, also while rows come and go.

use std::collections::BTreeSet;

use app::core::database::keyset::{PageRequest, Slice, Sort};
use app::repositories::base::BaseRepository;
use futures::TryStreamExt;
use uuid::Uuid;

use super::{Connection, FilterOf, Row, Sample, all, fill, id_of, new_id};

const ROWS: u32 = 23;

/// Walks through a list, page by page; between pages something may happen.
async fn walk<E: Sample, C: Connection>(
    connection: &C,
    first: PageRequest<E>,
    mut between: impl AsyncFnMut(&[Row<E>]),
) -> Vec<Row<E>> {
    let repository = E::repository(connection);
    let mut request = first;
    let mut seen = Vec::new();
    loop {
        let Slice { rows, next } = repository.list(&request).await.unwrap();
        assert!(rows.len() as u64 <= request.limit);
        assert!(
            next.is_none() || rows.len() as u64 == request.limit,
            "only the last page may be short"
        );
        seen.extend(rows);
        match next {
            None => return seen,
            Some(position) => {
                // what a cursor carries survives its JSON
                let json = serde_json::to_string(&position).unwrap();
                let position = serde_json::from_str(&json).unwrap();
                assert!(request.accepts(&position));
                request.after = Some(position);
            }
        }
        between(&seen).await;
    }
}

fn ids<E: Sample>(rows: &[Row<E>]) -> Vec<Uuid> {
    rows.iter().map(id_of::<E>).collect()
}

/// For every page size, order and filter, the pages are the list: each row once, in order.
pub(crate) async fn pages<E: Sample, C: Connection>(connection: &C) {
    let rows = fill::<E, C>(connection, ROWS).await;
    let mut filters = E::filters();
    filters.push((FilterOf::<E>::default(), |_| true));
    for (filter, means) in &filters {
        let meant: BTreeSet<Uuid> = rows
            .iter()
            .filter(|(_, row)| means(row))
            .map(|(id, _)| *id)
            .collect();
        assert_eq!(
            E::repository(connection).count(filter).await.unwrap(),
            meant.len() as u64,
            "{filter:?}"
        );
        for sort in Sort::<E>::all() {
            let list = all::<E, C>(connection, sort, filter.clone()).await;
            assert_eq!(
                ids::<E>(&list).into_iter().collect::<BTreeSet<_>>(),
                meant,
                "{sort} {filter:?}"
            );
            let mut backwards = all::<E, C>(connection, sort.reversed(), filter.clone()).await;
            backwards.reverse();
            assert_eq!(
                list, backwards,
                "{sort} {filter:?}: one direction is the other one backwards"
            );
            for limit in 1..=u64::from(ROWS) + 1 {
                let request = PageRequest::first(limit, sort, filter.clone());
                let walked = walk(connection, request, async |_: &[Row<E>]| ()).await;
                assert_eq!(walked, list, "{sort} {filter:?}, {limit} a page");
            }
        }
    }
}

/// While rows are added and deleted between the pages, every row that was there all the time is seen once, and none twice.
pub(crate) async fn changing_pages<E: Sample, C: Connection>(connection: &C) {
    let repository = E::repository(connection);
    let mut next_number = 0;
    for sort in Sort::<E>::all() {
        for limit in [1, 2, 5, 10] {
            let first = next_number;
            next_number += ROWS;
            let rows = (first..next_number).map(|number| E::row(number)).collect();
            repository.create_many(rows).await.unwrap();
            let list = ids::<E>(&all::<E, C>(connection, sort, FilterOf::<E>::default()).await);

            let mut deleted = BTreeSet::new();
            let mut turn = 0;
            let request = PageRequest::first(limit, sort, FilterOf::<E>::default());
            let seen = walk(connection, request, async |seen: &[Row<E>]| {
                // a new row somewhere, the row that the next page begins after, and one that is still to come
                turn += 1;
                let number = next_number + turn;
                repository.create(E::row(number)).await.unwrap();
                let newest = seen.last().map(id_of::<E>).unwrap();
                let to_come = list
                    .iter()
                    .filter(|id| !deleted.contains(*id))
                    .nth_back(turn as usize % 7);
                let to_delete = [Some(newest), to_come.copied().filter(|_| turn < 5)];
                for id in to_delete.into_iter().flatten() {
                    repository.delete(id, None).await.unwrap();
                    deleted.insert(id);
                }
            })
            .await;
            next_number += turn + 1;

            let seen = ids::<E>(&seen);
            let once: BTreeSet<Uuid> = seen.iter().copied().collect();
            assert_eq!(
                once.len(),
                seen.len(),
                "{sort}, {limit} a page: a row was seen twice"
            );
            for id in list.iter().filter(|id| !deleted.contains(*id)) {
                assert!(
                    once.contains(id),
                    "{sort}, {limit} a page: a row was missed"
                );
            }
            for row in all::<E, C>(connection, sort, FilterOf::<E>::default()).await {
                repository.delete(id_of::<E>(&row), None).await.unwrap();
            }
        }
    }
}

/// A stream is the list, row by row.
pub(crate) async fn streams<E: Sample, C: Connection>(connection: &C) {
    fill::<E, C>(connection, ROWS).await;
    let repository = E::repository(connection);
    let mut filters = E::filters();
    filters.push((FilterOf::<E>::default(), |_| true));
    for (filter, _) in &filters {
        for sort in Sort::<E>::all() {
            let streamed: Vec<Row<E>> = repository
                .stream(sort, filter)
                .await
                .unwrap()
                .try_collect()
                .await
                .unwrap();
            assert_eq!(
                streamed,
                all::<E, C>(connection, sort, filter.clone()).await,
                "{sort} {filter:?}"
            );
        }
    }
    // the connection is free again: nothing was left unread
    repository.exists(new_id::<E>(&E::row(ROWS))).await.unwrap();
}
