//! Single rows: they are read as they were written, and changes keep what the version promises.

use app::core::database::DataError;
use app::repositories::base::BaseRepository;
use uuid::Uuid;

use super::{Connection, FilterOf, Sample, changed, fill, id_of, new_id, version_of};

/// A row that was created is found, and one that was not isn't.
pub(crate) async fn reads<E: Sample, C: Connection>(connection: &C) {
    let repository = E::repository(connection);
    let row = E::row(1);
    let id = new_id::<E>(&row);
    assert!(!repository.exists(id).await.unwrap());
    let created = repository.create(row).await.unwrap();
    assert_eq!(version_of::<E>(&created), 1);

    assert_eq!(
        repository.find_by_id(id).await.unwrap(),
        Some(created.clone())
    );
    assert_eq!(repository.get(id).await.unwrap(), created);
    assert!(repository.exists(id).await.unwrap());

    let unknown = Uuid::now_v7();
    assert_eq!(repository.find_by_id(unknown).await.unwrap(), None);
    assert!(!repository.exists(unknown).await.unwrap());
    let error = repository.get(unknown).await.unwrap_err();
    assert_eq!(
        error.to_string(),
        format!("{} {unknown} does not exist", E::NAME)
    );
    assert!(matches!(error, DataError::NotFound { .. }));
}

/// A change counts the version up, and is refused if the row has none of the versions that it is meant for.
pub(crate) async fn updates<E: Sample, C: Connection>(connection: &C) {
    let repository = E::repository(connection);
    let created = repository.create(E::row(1)).await.unwrap();
    let id = id_of::<E>(&created);
    let change = || E::change(2);

    let second = repository.update(id, change(), Some(&[1])).await.unwrap();
    assert_eq!(second, changed::<E>(&created, &change()));
    assert_eq!(version_of::<E>(&second), 2);

    let stale = repository
        .update(id, E::change(3), Some(&[1]))
        .await
        .unwrap_err();
    assert!(matches!(stale, DataError::StaleVersion { .. }), "{stale}");
    let stale = repository
        .update(id, E::change(3), Some(&[]))
        .await
        .unwrap_err();
    assert!(matches!(stale, DataError::StaleVersion { .. }), "{stale}");
    assert_eq!(
        repository.get(id).await.unwrap(),
        second,
        "a refused change changes nothing"
    );

    let third = repository
        .update(id, E::change(3), Some(&[7, 2]))
        .await
        .unwrap();
    assert_eq!(
        version_of::<E>(&third),
        3,
        "one of several versions is enough"
    );
    let fourth = repository.update(id, E::change(4), None).await.unwrap();
    assert_eq!(
        version_of::<E>(&fourth),
        4,
        "without a version the last write wins"
    );
    assert_eq!(repository.get(id).await.unwrap(), fourth);

    for expected in [None, Some(&[1][..])] {
        let missing = repository
            .update(Uuid::now_v7(), change(), expected)
            .await
            .unwrap_err();
        assert!(matches!(missing, DataError::NotFound { .. }), "{missing}");
    }
}

/// A row that is about to be changed is found as any other, unless it has none of the versions that are meant.
pub(crate) async fn locks<E: Sample, C: Connection>(connection: &C) {
    let repository = E::repository(connection);
    let created = repository.create(E::row(1)).await.unwrap();
    let id = id_of::<E>(&created);
    for expected in [None, Some(&[1][..]), Some(&[7, 1])] {
        let found = repository.get_for_update(id, expected).await.unwrap();
        assert_eq!(found, created);
    }
    for expected in [&[2][..], &[]] {
        let stale = repository.get_for_update(id, Some(expected)).await;
        let stale = stale.unwrap_err();
        assert!(matches!(stale, DataError::StaleVersion { .. }), "{stale}");
    }
    for expected in [None, Some(&[1][..])] {
        let missing = repository.get_for_update(Uuid::now_v7(), expected).await;
        let missing = missing.unwrap_err();
        assert!(matches!(missing, DataError::NotFound { .. }), "{missing}");
    }
}

/// What is deleted is gone; deleting it again is no error; a stale version keeps it.
pub(crate) async fn deletes<E: Sample, C: Connection>(connection: &C) {
    let repository = E::repository(connection);
    let ids: Vec<Uuid> = fill::<E, C>(connection, 3).await.into_keys().collect();

    let stale = repository.delete(ids[0], Some(&[2])).await.unwrap_err();
    assert!(matches!(stale, DataError::StaleVersion { .. }), "{stale}");
    assert!(repository.exists(ids[0]).await.unwrap());

    assert!(repository.delete(ids[0], Some(&[1])).await.unwrap());
    assert!(
        !repository.delete(ids[0], Some(&[1])).await.unwrap(),
        "it is gone already, whatever its version was"
    );
    assert!(repository.delete(ids[1], None).await.unwrap());
    assert!(!repository.delete(ids[1], None).await.unwrap());
    assert_eq!(
        repository.count(&FilterOf::<E>::default()).await.unwrap(),
        1,
        "only what was meant is gone"
    );
}

/// More rows than one statement can bind are written all the same; none are no statement at all.
pub(crate) async fn many_rows<E: Sample, C: Connection>(connection: &C) {
    let repository = E::repository(connection);
    assert_eq!(repository.create_many(Vec::new()).await.unwrap(), []);
    // an entity of five columns or more: its statement takes at most 6400 rows
    let created = fill::<E, C>(connection, 6_500).await;
    assert_eq!(created.len(), 6_500);
    assert_eq!(
        repository.count(&FilterOf::<E>::default()).await.unwrap(),
        6_500
    );
}
