use crate::endpoint::decide::OutcomeId;

/// An outcome on its way, in the 32 bytes that its id and its label take anyway.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) struct Reported {
    pub(crate) id: OutcomeId,
    pub(crate) label: f64,
    /// [`WHOLE`](Self::WHOLE) for the whole request.
    row: u32,
    /// How many were reported together; 0 for a row by itself.
    rows: u32,
}

/// What an outcome is about.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum About {
    Request,
    /// A row, and the number of rows that the caller takes the request for where it reported all of them.
    Row(usize, Option<usize>),
}

impl Reported {
    const WHOLE: u32 = u32::MAX;

    pub(crate) fn of_request(id: OutcomeId, label: f64) -> Self {
        Self { id, label, row: Self::WHOLE, rows: 0 }
    }

    /// Rows beyond 32 bits are the last row, which no request has.
    pub(crate) fn of_row(id: OutcomeId, label: f64, row: usize, rows: Option<usize>) -> Self {
        let rows = rows.map_or(0, |rows| u32::try_from(rows).unwrap_or(u32::MAX));
        Self { id, label, row: u32::try_from(row).unwrap_or(u32::MAX).min(Self::WHOLE - 1), rows }
    }

    pub(crate) fn about(self) -> About {
        match self.row {
            Self::WHOLE => About::Request,
            row => About::Row(row as usize, (self.rows > 0).then_some(self.rows as usize)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_reported_comes_out_again() {
        let id = OutcomeId::of_halves(1, 2);
        assert_eq!(size_of::<Reported>(), 32);
        assert_eq!(Reported::of_request(id, 0.5).about(), About::Request);
        assert_eq!(Reported::of_row(id, 0.5, 0, None).about(), About::Row(0, None));
        assert_eq!(Reported::of_row(id, 0.5, 3, Some(9)).about(), About::Row(3, Some(9)));
        let beyond = Reported::of_row(id, 0.5, usize::MAX, None).about();
        assert!(matches!(beyond, About::Row(row, None) if row > 1 << 31), "{beyond:?}");
    }
}
