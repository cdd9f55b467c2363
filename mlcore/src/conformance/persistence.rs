use std::cell::Cell;

/// What is left of a registry or store when it is opened again.
#[non_exhaustive]
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Persistence {
    /// Nothing: it ends with its handle, and each opening makes a new one.
    Ephemeral,
    /// What was acknowledged; it is opened again after its only handle was dropped.
    Exclusive,
    /// What was acknowledged, also while other handles are open, as those of other processes are.
    Shared,
}

/// Where a suite finds what it tests: each place is new and empty when it is opened first.
pub(super) struct Places<'a, T: ?Sized> {
    persistence: Persistence,
    open: &'a dyn Fn(usize) -> Box<T>,
    used: Cell<usize>,
}

impl<'a, T: ?Sized> Places<'a, T> {
    pub(super) fn new(persistence: Persistence, open: &'a dyn Fn(usize) -> Box<T>) -> Self {
        Self { persistence, open, used: Cell::new(0) }
    }

    /// A place that nothing was done in yet.
    pub(super) fn fresh(&'a self) -> Place<'a, T> {
        let number = self.used.replace(self.used.get() + 1);
        Place { places: self, number, handle: Some((self.open)(number)) }
    }
}

/// One place, open.
pub(super) struct Place<'a, T: ?Sized> {
    places: &'a Places<'a, T>,
    number: usize,
    /// None only while it is opened again.
    handle: Option<Box<T>>,
}

impl<T: ?Sized> std::ops::Deref for Place<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        self.handle.as_deref().unwrap()
    }
}

impl<T: ?Sized> Place<'_, T> {
    /// Makes sure that what is told, line by line, is told by another handle too, and when the place is opened again.
    #[track_caller]
    pub(super) fn is_kept(&mut self, tell: impl Fn(&T) -> Vec<String>) {
        if self.places.persistence == Persistence::Ephemeral {
            return;
        }
        let told = tell(self);
        if self.places.persistence == Persistence::Shared {
            let other = (self.places.open)(self.number);
            same(&tell(&other), &told, "another handle tells otherwise");
        }
        drop(self.handle.take());
        self.handle = Some((self.places.open)(self.number));
        same(&tell(self), &told, "opened again, it tells otherwise");
    }
}

/// Fails at the first line that is not as it should be.
#[track_caller]
pub(super) fn same(told: &[String], due: &[String], what: &str) {
    let lines = told.len().max(due.len());
    let line = |lines: &[String], place: usize| lines.get(place).map_or("nothing", String::as_str).to_owned();
    if let Some(place) = (0..lines).find(|place| told.get(*place) != due.get(*place)) {
        assert_eq!(line(told, place), line(due, place), "{what} (left: what it tells; right: what is due)");
    }
}
