//! How one view is read online: its rows, or its windows.

use mlcore::Result;
use mlcore::arrow::array::ArrayRef;
use mlcore::batch::OwnedValue;
use mlcore::time::Timestamp;

use crate::store::feature_store::conform::present;
use crate::store::key::EntityKey;
use crate::store::online::{Answer, Cell, Numbers, PreparedQuery, Status};
use crate::store::window::{Aggregate, OnlineWindows, WindowAnswer};

/// What is asked of a view, resolved.
pub(super) enum ViewQuery {
    Rows(PreparedQuery),
    Windows(Box<OnlineWindows>),
}

/// What a view answers.
pub(super) enum ViewAnswer {
    Rows(Answer),
    Windows(WindowAnswer),
}

impl ViewQuery {
    /// An answer without entities, which is read into.
    pub(super) fn answer(&self) -> ViewAnswer {
        match self {
            Self::Rows(_) => ViewAnswer::Rows(Answer::default()),
            Self::Windows(_) => ViewAnswer::Windows(WindowAnswer::default()),
        }
    }

    pub(super) fn read(&self, keys: &[EntityKey], now: Timestamp, answer: &mut ViewAnswer) -> Result<()> {
        match (self, &mut *answer) {
            (Self::Rows(query), ViewAnswer::Rows(answer)) => query.read(keys, now, answer),
            (Self::Windows(windows), ViewAnswer::Windows(answer)) => windows.read(keys, now, answer),
            (Self::Rows(_), ViewAnswer::Windows(_)) | (Self::Windows(_), ViewAnswer::Rows(_)) => {
                *answer = self.answer();
                self.read(keys, now, answer)
            }
        }
    }
}

impl ViewAnswer {
    /// The status of a feature. A window is always there; it may have no value.
    pub(super) fn status(&self, entity: usize, feature: usize) -> Status {
        match self {
            Self::Rows(answer) => answer.status(entity, feature),
            Self::Windows(answer) => match aggregate(answer, entity, feature) {
                None => Status::NotFound,
                Some(Aggregate::Value(value)) if value.is_null() => Status::NullValue,
                Some(_) => Status::Present,
            },
        }
    }

    /// When the row's event was, or when the window ended.
    pub(super) fn event_time(&self, entity: usize, feature: usize) -> Option<Timestamp> {
        match self {
            Self::Rows(answer) => answer.event_time(entity, feature),
            Self::Windows(answer) => answer.get(entity, feature).and_then(|_| answer.window_end(feature)),
        }
    }

    /// The last moment at which the row counts, or at which a read finds the same window.
    pub(super) fn expiry(&self, entity: usize, feature: usize) -> Option<Timestamp> {
        match self {
            Self::Rows(answer) => answer.expiry(entity, feature),
            Self::Windows(answer) => answer.get(entity, feature).and_then(|_| answer.window_expiry(feature)),
        }
    }

    pub(super) fn cell(&self, entity: usize, feature: usize) -> Cell<'_> {
        match self {
            Self::Rows(answer) => answer.cell(entity, feature),
            Self::Windows(answer) => match aggregate(answer, entity, feature) {
                None => Cell::NULL,
                Some(Aggregate::Value(value)) => Cell::Value(value.as_value()),
                Some(Aggregate::List(values)) => Cell::List(Numbers::owned(values)),
            },
        }
    }

    /// The column of a feature.
    pub(super) fn column_at(&self, feature: usize) -> Result<ArrayRef> {
        match self {
            Self::Rows(answer) => answer.column_at(feature),
            Self::Windows(answer) => answer.column_at(feature).map(|column| present(&column)),
        }
    }
}

/// What a window amounts to. NaN, which the sum of infinities of both signs is, is no value of a feature.
fn aggregate(answer: &WindowAnswer, entity: usize, feature: usize) -> Option<&Aggregate> {
    static NONE: Aggregate = Aggregate::Value(OwnedValue::Null);
    answer.get(entity, feature).map(|own| match own {
        Aggregate::Value(OwnedValue::Float(float)) if float.is_nan() => &NONE,
        own => own,
    })
}
