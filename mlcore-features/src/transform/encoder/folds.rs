//! scikit-learn's folds of the training rows: `KFold` and `StratifiedKFold`.

use mlcore::{Error, Result};

use crate::transform::subsample::Shuffler;

/// How the rows are cut into folds.
pub(super) struct Folds {
    pub(super) operation: &'static str,
    /// At least 1.
    pub(super) count: usize,
    /// The seed of the order in which rows are taken; without one they are taken as they stand.
    pub(super) seed: Option<u32>,
}

impl Folds {
    /// The fold of each row: folds of equal size, one after another.
    pub(super) fn of_rows(&self, rows: usize) -> Result<Vec<usize>> {
        self.check(rows, "rows")?;
        let mut order: Vec<usize> = (0..rows).collect();
        if let Some(seed) = self.seed {
            Shuffler::new(seed).shuffle(&mut order)?;
        }
        let mut folds = vec![0; rows];
        let (size, larger) = (rows / self.count, rows % self.count);
        for (position, row) in order.into_iter().enumerate() {
            // The first folds have one row more, as many as are left over.
            let inside = larger * (size + 1);
            let fold = match position.checked_sub(inside) {
                None => position / (size + 1),
                Some(behind) => larger + behind / size,
            };
            if let Some(own) = folds.get_mut(row) {
                *own = fold;
            }
        }
        Ok(folds)
    }

    /// The fold of each row, with the classes in equal shares in each. Classes are numbered from 0 on.
    pub(super) fn of_classes(&self, classes: &[usize]) -> Result<Vec<usize>> {
        // Classes are taken in the order in which they appear.
        let mut order: Vec<usize> = Vec::new();
        let mut counts = vec![0_usize; classes.iter().max().map_or(0, |last| last + 1)];
        for class in classes {
            if let Some(count) = counts.get_mut(*class) {
                if *count == 0 {
                    order.push(*class);
                }
                *count += 1;
            }
        }
        self.check(classes.len(), "rows")?;
        self.check(counts.iter().copied().max().unwrap_or(0), "rows in its largest class")?;
        let mut shuffler = self.seed.map(Shuffler::new);
        let mut folds = vec![0; classes.len()];
        let mut start = 0;
        for class in order {
            let count = counts.get(class).copied().unwrap_or(0);
            let share =
                |fold: usize| (start..start + count).filter(|place| place % self.count == fold).count();
            let mut own: Vec<usize> =
                (0..self.count).flat_map(|fold| std::iter::repeat_n(fold, share(fold))).collect();
            if let Some(shuffler) = &mut shuffler {
                shuffler.shuffle(&mut own)?;
            }
            let places = folds.iter_mut().zip(classes).filter(|(_, other)| **other == class);
            places.zip(own).for_each(|((place, _), fold)| *place = fold);
            start += count;
        }
        Ok(folds)
    }

    /// Refuses more folds than there can be.
    fn check(&self, most: usize, of: &str) -> Result<()> {
        if self.count <= most {
            return Ok(());
        }
        let problem = format!("{} folds are more than the {most} {of}", self.count);
        Err(Error::invalid_input(self.operation, "cv", problem).remedy("set cv to fewer folds"))
    }
}
