/// What is believed of the mean of one arm, on a line on which its density is smooth and falls off to both sides of one mode: the
/// log-odds of a proportion, the logarithm of a rate, a mean itself.
#[derive(Clone, Copy, Debug)]
pub(in crate::bandit) struct Posterior {
    mode: f64,
    /// About the standard deviation.
    spread: f64,
    shape: Shape,
}

#[derive(Clone, Copy, Debug)]
enum Shape {
    /// The shapes `a` and `b`, `a / (a + b)` and `b / (a + b)`.
    Beta {
        a: f64,
        b: f64,
        mean: f64,
        rest: f64,
    },
    Gamma {
        a: f64,
    },
    Normal,
    /// The degrees of freedom.
    Student {
        dof: f64,
    },
}

impl Posterior {
    pub(super) fn beta(a: f64, b: f64) -> Self {
        let shape = Shape::Beta { a, b, mean: a / (a + b), rest: b / (a + b) };
        Self { mode: (a / b).ln(), spread: (1.0 / a + 1.0 / b).sqrt(), shape }
    }

    pub(super) fn gamma(shape: f64, rate: f64) -> Self {
        Self { mode: (shape / rate).ln(), spread: shape.recip().sqrt(), shape: Shape::Gamma { a: shape } }
    }

    pub(in crate::bandit) fn normal(mean: f64, deviation: f64) -> Self {
        Self { mode: mean, spread: deviation, shape: Shape::Normal }
    }

    pub(super) fn student_t(location: f64, scale: f64, dof: f64) -> Self {
        Self { mode: location, spread: scale, shape: Shape::Student { dof } }
    }

    /// The place where the density is highest.
    pub(super) fn mode(&self) -> f64 {
        self.mode
    }

    /// The drops of the logarithm of the density at which it is cut for integration, up to where nothing is left. Between two of
    /// them it is like a polynomial: tails that fall as a power of the distance are cut twice as often.
    pub(super) fn levels(&self) -> &'static [f64] {
        match self.shape {
            Shape::Student { dof } if dof < 50.0 => {
                &[0.5, 1.0, 2.0, 3.0, 4.5, 6.0, 8.0, 10.0, 12.5, 15.0, 18.0, 21.0, 24.5, 28.0, 32.5, 37.0]
            }
            _ => &[1.0, 3.0, 6.0, 10.0, 15.0, 21.0, 28.0, 37.0],
        }
    }

    /// By how much the logarithm of the density is below that of the mode, so far from it: 0 or more.
    #[inline]
    pub(super) fn drop(&self, distance: f64) -> f64 {
        match self.shape {
            // Both terms are of the size of the square root of the counts, where the textbook's are of that of the counts.
            Shape::Beta { a, b, mean, rest } => {
                // Either way round, what is exponentiated is small.
                if distance <= 0.0 {
                    (a + b) * (mean * distance.exp_m1()).ln_1p() - a * distance
                } else {
                    (a + b) * (rest * (-distance).exp_m1()).ln_1p() + b * distance
                }
            }
            Shape::Gamma { a } => a * (distance.exp_m1() - distance),
            Shape::Normal => {
                let scaled = distance / self.spread;
                0.5 * scaled * scaled
            }
            Shape::Student { dof } => {
                let scaled = distance / self.spread;
                0.5 * (dof + 1.0) * (scaled * scaled / dof).ln_1p()
            }
        }
    }

    /// How far from the mode the density has dropped by `level`, on the side that `sign` says: to a few per cent.
    pub(super) fn distance_of(&self, level: f64, sign: f64) -> f64 {
        let (mut low, mut high) = (0.0, self.spread * (2.0 * level).sqrt());
        // The slowest are t distributions of few degrees of freedom and shapes of next to nothing.
        for _ in 0..200 {
            if self.drop(sign * high) >= level {
                break;
            }
            (low, high) = (high, 2.0 * high);
        }
        for _ in 0..6 {
            let middle = 0.5 * (low + high);
            if self.drop(sign * middle) >= level {
                high = middle;
            } else {
                low = middle;
            }
        }
        high
    }
}
