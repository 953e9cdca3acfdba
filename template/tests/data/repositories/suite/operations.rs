//! Whatever is done in whatever order, a repository behaves as a map from ids to rows does.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU32, Ordering};

use app::core::database::DataError;
use app::core::database::keyset::{PageRequest, Sort};
use app::repositories::base::BaseRepository;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::{Config, TestCaseError, TestRunner};
use sea_orm::sea_query::OnConflict;
use sea_orm::{ActiveModelTrait, IdenStatic, Iterable};
use tokio::runtime::Handle;
use uuid::Uuid;

use super::{Changes, Connection, FilterOf, Row, Sample, changed, id_of, new_id, version_of};

/// Something to do. A row is meant by its place among those that there are or were.
#[derive(Clone, Debug)]
enum Operation {
    Create,
    CreateMany(usize),
    Get(usize),
    Update(usize, Expected),
    Upsert(usize),
    Delete(usize, Expected),
    Count,
    List { sort: usize, limit: u64 },
}

/// For which version a change is meant.
#[derive(Clone, Copy, Debug)]
enum Expected {
    Any,
    Current,
    Stale,
}

fn operation() -> impl Strategy<Value = Operation> {
    let expected = || {
        prop_oneof![
            Just(Expected::Any),
            Just(Expected::Current),
            Just(Expected::Stale)
        ]
    };
    prop_oneof![
        3 => Just(Operation::Create),
        1 => (0..5_usize).prop_map(Operation::CreateMany),
        2 => any::<usize>().prop_map(Operation::Get),
        3 => (any::<usize>(), expected()).prop_map(|(row, expected)| Operation::Update(row, expected)),
        2 => any::<usize>().prop_map(Operation::Upsert),
        2 => (any::<usize>(), expected()).prop_map(|(row, expected)| Operation::Delete(row, expected)),
        1 => Just(Operation::Count),
        1 => (any::<usize>(), 1..8_u64).prop_map(|(sort, limit)| Operation::List { sort, limit }),
    ]
}

/// Sequences of operations, compared with a map.
pub(crate) async fn operations<E: Sample, C: Connection>(connection: &C) {
    let config = Config {
        cases: 24,
        failure_persistence: None,
        ..Config::default()
    };
    // proptest is not asynchronous; the thread is given to it for as long as it takes
    tokio::task::block_in_place(|| {
        let numbers = AtomicU32::new(0);
        let outcome = TestRunner::new(config).run(&vec(operation(), 1..25), |operations| {
            Handle::current().block_on(compare::<E, C>(connection, operations, &numbers))
        });
        if let Err(failure) = outcome {
            panic!("{failure}");
        }
    });
}

async fn compare<E: Sample, C: Connection>(
    connection: &C,
    operations: Vec<Operation>,
    numbers: &AtomicU32,
) -> Result<(), TestCaseError> {
    let repository = E::repository(connection);
    let number = || numbers.fetch_add(1, Ordering::Relaxed);
    let mut rows: BTreeMap<Uuid, Row<E>> = BTreeMap::new();
    let mut ever: Vec<Uuid> = vec![Uuid::now_v7()]; // the first was never created
    for operation in operations {
        match operation {
            Operation::Create => {
                let row = E::row(number());
                let id = new_id::<E>(&row);
                let created = repository.create(row).await.unwrap();
                prop_assert_eq!(id_of::<E>(&created), id);
                ever.push(id);
                rows.insert(id, created);
            }
            Operation::CreateMany(count) => {
                let new: Vec<_> = (0..count).map(|_| E::row(number())).collect();
                let mut expected: Vec<Uuid> = new.iter().map(new_id::<E>).collect();
                let created = repository.create_many(new).await.unwrap();
                let mut got: Vec<Uuid> = created.iter().map(id_of::<E>).collect();
                expected.sort();
                got.sort();
                prop_assert_eq!(&got, &expected);
                ever.extend(got);
                rows.extend(created.into_iter().map(|row| (id_of::<E>(&row), row)));
            }
            Operation::Get(at) => {
                let id = ever[at % ever.len()];
                prop_assert_eq!(
                    repository.find_by_id(id).await.unwrap(),
                    rows.get(&id).cloned()
                );
                prop_assert_eq!(repository.exists(id).await.unwrap(), rows.contains_key(&id));
            }
            Operation::Update(at, expected) => {
                let id = ever[at % ever.len()];
                let change = E::change(number());
                let versions = expected.versions::<E>(rows.get(&id));
                let outcome = repository
                    .update(id, change.clone(), versions.as_deref())
                    .await;
                match (rows.get(&id), expected) {
                    (None, _) => prop_assert!(is_missing(&outcome)),
                    (Some(_), Expected::Stale) => {
                        prop_assert!(is_stale(&outcome));
                    }
                    (Some(row), _) => {
                        let now = changed::<E>(row, &change);
                        prop_assert_eq!(outcome.unwrap(), now.clone());
                        rows.insert(id, now);
                    }
                }
            }
            Operation::Upsert(at) => {
                let id = ever[at % ever.len()];
                let mut row = E::row(number());
                row.set(E::ID, id.into());
                let written = upsert::<E, C>(connection, row, rows.get(&id)).await?;
                rows.insert(id, written);
            }
            Operation::Delete(at, expected) => {
                let id = ever[at % ever.len()];
                let versions = expected.versions::<E>(rows.get(&id));
                let outcome = repository.delete(id, versions.as_deref()).await;
                match (rows.contains_key(&id), expected) {
                    (true, Expected::Stale) => {
                        prop_assert!(is_stale(&outcome));
                    }
                    (there, _) => {
                        prop_assert_eq!(outcome.unwrap(), there);
                        rows.remove(&id);
                    }
                }
            }
            Operation::Count => {
                let count = repository.count(&FilterOf::<E>::default()).await.unwrap();
                prop_assert_eq!(count, rows.len() as u64);
            }
            Operation::List { sort, limit } => {
                let sorts: Vec<Sort<E>> = Sort::all().collect();
                let sort = sorts[sort % sorts.len()];
                let request = PageRequest::first(limit, sort, FilterOf::<E>::default());
                let page = repository.list(&request).await.unwrap();
                prop_assert_eq!(page.rows.len() as u64, limit.min(rows.len() as u64));
                prop_assert_eq!(page.next.is_some(), rows.len() as u64 > limit);
                for row in page.rows {
                    prop_assert_eq!(Some(&row), rows.get(&id_of::<E>(&row)));
                }
            }
        }
    }
    for id in rows.into_keys() {
        repository.delete(id, None).await.unwrap();
    }
    Ok(())
}

/// Adds the row, or changes the one before it.
async fn upsert<E: Sample, C: Connection>(
    connection: &C,
    mut row: Changes<E>,
    before: Option<&Row<E>>,
) -> Result<Row<E>, TestCaseError> {
    let (by_id, replaced) = (OnConflict::column(E::ID), replaced::<E>(&row));
    let repository = E::repository(connection);
    let written = repository.upsert(row.clone(), by_id, &replaced).await;
    let written = written.unwrap();
    if let Some(before) = before {
        row.not_set(E::VERSION);
        prop_assert_eq!(&written, &changed::<E>(before, &row));
    } else {
        prop_assert_eq!(id_of::<E>(&written), new_id::<E>(&row));
        prop_assert_eq!(version_of::<E>(&written), 1);
    }
    Ok(written)
}

/// All that is set but the key and the version.
fn replaced<E: Sample>(row: &Changes<E>) -> Vec<E::Column> {
    let is_own = |column: &E::Column| {
        column.as_str() == E::ID.as_str() || column.as_str() == E::VERSION.as_str()
    };
    E::Column::iter()
        .filter(|column| !is_own(column) && row.get(*column).is_set())
        .collect()
}

fn is_missing<T>(outcome: &Result<T, DataError>) -> bool {
    matches!(outcome, Err(DataError::NotFound { .. }))
}

fn is_stale<T>(outcome: &Result<T, DataError>) -> bool {
    matches!(outcome, Err(DataError::StaleVersion { .. }))
}

impl Expected {
    fn versions<E: Sample>(self, row: Option<&Row<E>>) -> Option<Vec<i64>> {
        let version = row.map_or(1, version_of::<E>);
        match self {
            Self::Any => None,
            Self::Current => Some(vec![version]),
            Self::Stale => Some(vec![version - 1]),
        }
    }
}
