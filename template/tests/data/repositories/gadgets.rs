//! A table of the tests' own with a repository, so that the suite runs whatever resources a project has.

use app::core::database::keyset::{Filter, Listed, PageRequest, Sort, SortKey};
use app::models::base::Record;
use app::repositories::base::BaseRepository;
use sea_orm::entity::prelude::*;
use sea_orm::{Condition, ConnectionTrait, NotSet, Set};
use serde::Serialize;

use super::suite::{Connection, Meaning, Sample, conformance};

#[sea_orm::model]
#[derive(Clone, Debug, PartialEq, Eq, DeriveEntityModel)]
#[sea_orm(table_name = "gadgets")]
pub(crate) struct Model {
    #[sea_orm(primary_key, auto_increment = false)]
    pub id: Uuid,
    pub label: String,
    pub rank: Option<i32>,
    pub made_at: DateTimeUtc,
    pub version: i64,
}

impl ActiveModelBehavior for ActiveModel {}

impl Record for Entity {
    const NAME: &'static str = "gadget";
    const ID: Column = Column::Id;
    const VERSION: Column = Column::Version;
}

impl Listed for Entity {
    type Filter = GadgetFilter;

    const SORTS: &'static [SortKey<Self>] = &[
        SortKey::of(Column::MadeAt),
        SortKey::of(Column::Label),
        SortKey::with_null_as(Column::Rank, -1),
    ];
}

#[derive(Clone, Debug, Default, Serialize)]
pub(crate) struct GadgetFilter {
    label: Option<String>,
}

impl Filter for GadgetFilter {
    fn condition(&self) -> Condition {
        Condition::all().add_option(self.label.as_ref().map(|label| Column::Label.eq(label)))
    }
}

app::repository! {
    struct GadgetRepository(Entity);
}

fn made_at(number: u32) -> DateTimeUtc {
    DateTimeUtc::from_timestamp_micros(1_767_225_600_000_000 + i64::from(number % 7) * 1_500)
        .unwrap()
}

impl Sample for Entity {
    fn repository<C: Connection>(connection: &C) -> impl BaseRepository<Entity = Self, Conn = C> {
        GadgetRepository::new(connection)
    }

    async fn prepare<C: Connection>(connection: &C) {
        let backend = ConnectionTrait::get_database_backend(connection);
        let table = sea_orm::Schema::new(backend).create_table_from_entity(Entity);
        connection.execute(&table).await.unwrap();
    }

    fn row(number: u32) -> ActiveModel {
        ActiveModel {
            id: Set(Uuid::now_v7()),
            label: Set(format!("gadget {}", number % 4)),
            rank: Set((!number.is_multiple_of(3)).then_some(i32::try_from(number % 5).unwrap())),
            made_at: Set(made_at(number)),
            version: Set(1),
        }
    }

    fn change(number: u32) -> ActiveModel {
        ActiveModel {
            id: NotSet,
            label: Set(format!("changed {}", number % 2)),
            rank: Set(None),
            made_at: Set(made_at(number)),
            version: NotSet,
        }
    }

    fn filters() -> Vec<Meaning<Self>> {
        let third = GadgetFilter {
            label: Some("gadget 3".to_owned()),
        };
        vec![(third, |gadget| gadget.label == "gadget 3")]
    }
}

conformance!(Entity);

#[test]
fn a_page_after_which_nobody_knows_where_to_go_on_is_no_last_page() {
    let row = |rank| Model {
        id: Uuid::now_v7(),
        label: "one".to_owned(),
        rank,
        made_at: made_at(1),
        version: 1,
    };
    // The column may be NULL, and nothing says what that counts as.
    let by_rank = Sort::<Entity>::ascending(SortKey::of(Column::Rank));
    let request = PageRequest::first(1, by_rank, GadgetFilter::default());
    let page = request.page(vec![row(Some(1)), row(None)]).unwrap();
    assert!(page.next.is_some());
    let error = request.page(vec![row(None), row(None)]).unwrap_err();
    assert!(error.to_string().contains("`gadgets` by `rank`"), "{error}");
}
