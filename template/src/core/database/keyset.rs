//! Pages that begin after a row, instead of after a number of rows.
//!
//! A page is `WHERE (sort, id) > (…, …) ORDER BY sort, id LIMIT n`: a comparison of row values, which PostgreSQL and SQLite both
//! answer by starting in the middle of an index on `(sort, id)`. So the thousandth page costs what the first one does, and rows
//! that come and go in between neither repeat nor hide others. (SeaORM's cursor compares `sort = … AND id > … OR sort > …`, which
//! reads the index from its beginning: 30 ms against 0.05 ms in the middle of 200 000 rows.)
//!
//! For that, all keys run in one direction, and none is NULL: a column that may be NULL states what NULL counts as.

use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, Datelike, Utc};
use rust_decimal::Decimal;
use sea_orm::sea_query::{ArrayType, Expr, ExprTrait, Func, Order};
use sea_orm::{
    ColumnTrait, Condition, DbErr, EntityTrait, IdenStatic, Iterable, ModelTrait,
    PrimaryKeyToColumn, QueryFilter, QueryOrder, QuerySelect, Select, Value,
};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// An entity that can be listed: by what it can be sorted, and by what a list of it can be narrowed.
///
/// Both are allow-lists, because both need an index that is made for them.
pub trait Listed: EntityTrait {
    /// By what a list can be narrowed.
    type Filter: Filter;

    /// The columns that a list can be sorted by. The first is the default, in descending order.
    const SORTS: &'static [SortKey<Self>];
}

/// By what a list can be narrowed. It is serialised into cursors, since a cursor is only good for the list that it came from.
pub trait Filter: Clone + fmt::Debug + Default + Serialize + Send + Sync {
    /// The rows that are meant.
    fn condition(&self) -> Condition;
}

/// A column that a list can be sorted by.
#[derive(Clone, Copy, Debug)]
pub struct SortKey<E: EntityTrait> {
    column: E::Column,
    null: Option<i32>,
}

impl<E: EntityTrait> SortKey<E> {
    /// A column that is never NULL.
    #[must_use]
    pub const fn of(column: E::Column) -> Self {
        Self { column, null: None }
    }

    /// A column of whole numbers that may be NULL, which then counts as `null`. The index must be on `coalesce(column, null)`.
    #[must_use]
    pub const fn with_null_as(column: E::Column, null: i32) -> Self {
        Self {
            column,
            null: Some(null),
        }
    }

    /// What `sort=` calls it: the column's own name.
    #[must_use]
    pub fn name(&self) -> &'static str {
        self.column.as_str()
    }

    /// What is compared: the column, or the expression that gives NULL its place.
    #[must_use]
    pub fn expr(&self) -> Expr {
        let column = Expr::col(self.column.as_column_ref());
        match self.null {
            // Written into the statement and not bound: a parameter is not the expression that the index is on.
            Some(null) => Func::coalesce([column, Expr::cust(null.to_string())]).into(),
            None => column,
        }
    }

    fn of_row(&self, row: &E::Model) -> Result<KeyValue, DbErr>
    where
        E::Model: ModelTrait<Entity = E>,
    {
        let value = KeyValue::from_value(row.get(self.column));
        let value = value.or(self.null.map(|null| KeyValue::Int(null.into())));
        value.ok_or_else(|| no_place::<E>(self.name()))
    }

    fn accepts(&self, value: &KeyValue) -> bool
    where
        E::Model: ModelTrait<Entity = E>,
    {
        value.fits(&E::Model::get_value_type(self.column))
    }
}

/// The order of a list: `name`, or `-name` for the descending one.
#[derive(Clone, Copy, Debug)]
pub struct Sort<E: EntityTrait> {
    key: SortKey<E>,
    descending: bool,
}

impl<E: Listed> Sort<E> {
    /// Small values first.
    #[must_use]
    pub const fn ascending(key: SortKey<E>) -> Self {
        Self {
            key,
            descending: false,
        }
    }

    /// Great values first.
    #[must_use]
    pub const fn descending(key: SortKey<E>) -> Self {
        Self {
            key,
            descending: true,
        }
    }

    /// The same list from its end.
    #[must_use]
    pub const fn reversed(self) -> Self {
        Self {
            key: self.key,
            descending: !self.descending,
        }
    }

    /// The whole list, in this order.
    #[must_use]
    pub fn apply(&self, select: Select<E>) -> Select<E> {
        let order = if self.descending {
            Order::Desc
        } else {
            Order::Asc
        };
        let id = Expr::col(id_column::<E>().as_column_ref());
        select
            .order_by(self.key.expr(), order.clone())
            .order_by(id, order)
    }

    /// All orders that lists of this entity can have.
    pub fn all() -> impl Iterator<Item = Self> {
        E::SORTS
            .iter()
            .flat_map(|key| [Self::ascending(*key), Self::descending(*key)])
    }
}

impl<E: Listed> Default for Sort<E> {
    fn default() -> Self {
        Self::descending(E::SORTS[0])
    }
}

impl<E: EntityTrait> fmt::Display for Sort<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.descending { "-" } else { "" };
        write!(f, "{sign}{}", self.key.name())
    }
}

/// Text that is no order of a list; says which there are.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("must be one of {0}, with a - before it for descending order")]
pub struct UnknownSort(String);

impl<E: Listed> FromStr for Sort<E> {
    type Err = UnknownSort;

    fn from_str(text: &str) -> Result<Self, UnknownSort> {
        let (name, descending) = text
            .strip_prefix('-')
            .map_or((text, false), |name| (name, true));
        match E::SORTS.iter().find(|key| key.name() == name) {
            Some(key) => Ok(Self {
                key: *key,
                descending,
            }),
            None => Err(UnknownSort(
                E::SORTS
                    .iter()
                    .map(SortKey::name)
                    .collect::<Vec<_>>()
                    .join(", "),
            )),
        }
    }
}

/// One value of a row's place in a list. It names its type, so it survives the way through a cursor's JSON.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum KeyValue {
    /// A whole number of any width.
    Int(i64),
    /// A text.
    Text(String),
    /// A point in time.
    Time(DateTime<Utc>),
    /// A decimal number.
    Decimal(Decimal),
    /// An id.
    Uuid(Uuid),
}

impl KeyValue {
    fn from_value(value: Value) -> Option<Self> {
        match value {
            Value::SmallInt(Some(int)) => Some(Self::Int(int.into())),
            Value::Int(Some(int)) => Some(Self::Int(int.into())),
            Value::BigInt(Some(int)) => Some(Self::Int(int)),
            Value::String(Some(text)) => Some(Self::Text(text)),
            Value::ChronoDateTimeUtc(Some(time)) => Some(Self::Time(time)),
            Value::Decimal(Some(decimal)) => Some(Self::Decimal(decimal.normalize())),
            Value::Uuid(Some(uuid)) => Some(Self::Uuid(uuid)),
            _ => None,
        }
    }

    /// Whether it can be compared with a column of this type. What comes out of a cursor may be anything.
    fn fits(&self, column: &ArrayType) -> bool {
        match self {
            Self::Int(_) => matches!(
                column,
                ArrayType::SmallInt | ArrayType::Int | ArrayType::BigInt
            ),
            Self::Text(text) => matches!(column, ArrayType::String) && !text.contains('\0'), // which PostgreSQL has no place for
            // years that every database can keep
            Self::Time(time) => {
                matches!(column, ArrayType::ChronoDateTimeUtc) && (1..=9999).contains(&time.year())
            }
            Self::Decimal(_) => matches!(column, ArrayType::Decimal),
            Self::Uuid(_) => matches!(column, ArrayType::Uuid),
        }
    }

    fn into_expr(self) -> Expr {
        match self {
            Self::Int(int) => Expr::val(int),
            Self::Text(text) => Expr::val(text),
            Self::Time(time) => Expr::val(time),
            Self::Decimal(decimal) => Expr::val(decimal),
            Self::Uuid(uuid) => Expr::val(uuid),
        }
    }
}

/// A row's place in a sorted list: the value it is sorted by, and its id.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Position(KeyValue, KeyValue);

/// Which page of which list is wanted.
#[derive(Clone, Debug)]
pub struct PageRequest<E: Listed> {
    /// Rows on a page.
    pub limit: u64,
    /// The list's order.
    pub sort: Sort<E>,
    /// By what the list is narrowed.
    pub filter: E::Filter,
    /// The place after which the page begins; at the list's beginning, if absent.
    pub after: Option<Position>,
}

impl<E: Listed<Model: ModelTrait<Entity = E>>> PageRequest<E> {
    /// The first page of a list.
    #[must_use]
    pub const fn first(limit: u64, sort: Sort<E>, filter: E::Filter) -> Self {
        Self {
            limit,
            sort,
            filter,
            after: None,
        }
    }

    /// Whether a row of this list can be at this position. One that a client hands in may be of another list, or made up.
    #[must_use]
    pub fn accepts(&self, position: &Position) -> bool {
        self.sort.key.accepts(&position.0) && matches!(position.1, KeyValue::Uuid(_))
    }

    /// The statement: one row more than the page holds, to know whether there is another page.
    #[must_use]
    pub fn select(&self) -> Select<E> {
        let mut select = E::find().filter(self.filter.condition());
        if let Some(Position(value, last_id)) = self.after.clone() {
            let (key, value) = (self.sort.key.expr(), value.into_expr());
            let id = Expr::col(id_column::<E>().as_column_ref());
            if self.sort.key.null.is_some() {
                // SQLite finds the place of a row value in an index of columns only; in one of expressions, this gets it close.
                let (key, value) = (key.clone(), value.clone());
                select = select.filter(if self.sort.descending {
                    key.lte(value)
                } else {
                    key.gte(value)
                });
            }
            let place = Expr::tuple([key, id]);
            let after = Expr::tuple([value, last_id.into_expr()]);
            select = select.filter(if self.sort.descending {
                place.lt(after)
            } else {
                place.gt(after)
            });
        }
        self.sort.apply(select).limit(self.limit.saturating_add(1))
    }

    /// Makes a page of the rows that [`select`](Self::select) found.
    ///
    /// # Errors
    ///
    /// [`DbErr::Type`] if the place of the last row can't be told, since its key is NULL or of a type that [`KeyValue`] has not:
    /// without it, a list that goes on would look as if it ended here.
    pub fn page(&self, mut rows: Vec<E::Model>) -> Result<Slice<E::Model>, DbErr> {
        let limit = usize::try_from(self.limit).unwrap_or(usize::MAX);
        let more = rows.len() > limit;
        rows.truncate(limit);
        let place = |row: &E::Model| -> Result<Position, DbErr> {
            let id = id_column::<E>();
            let last_id = KeyValue::from_value(row.get(id));
            let last_id = last_id.ok_or_else(|| no_place::<E>(id.as_str()))?;
            Ok(Position(self.sort.key.of_row(row)?, last_id))
        };
        let last = rows.last().filter(|_| more);
        let next = last.map(place).transpose()?;
        Ok(Slice { rows, next })
    }
}

fn no_place<E: EntityTrait>(column: &str) -> DbErr {
    let table = E::default();
    DbErr::Type(format!(
        "a list can't go on after a row of `{}` by `{column}`, which is NULL there or of a type that has no KeyValue",
        table.as_str()
    ))
}

/// A page of a list.
#[derive(Clone, Debug, PartialEq)]
pub struct Slice<M> {
    /// The rows, in the list's order.
    pub rows: Vec<M>,
    /// The place after which the next page begins, if there is one.
    pub next: Option<Position>,
}

fn id_column<E: EntityTrait>() -> E::Column {
    #[expect(
        clippy::expect_used,
        reason = "SeaORM refuses to compile an entity without a primary key"
    )]
    E::PrimaryKey::iter()
        .next()
        .expect("an entity has a primary key")
        .into_column()
}
