use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::options::resize;
use super::{Rule, Stretches};
use crate::batch::OwnedValue;
use crate::error::Result;
use crate::name::Arm;

/// One experiment, or feature flag: its variants, who is eligible, and which positions each variant owns.
///
/// A unit stands on a line of the experiment's own, and gets the variant that owns its position; where nobody owns it, the
/// default. In the first layer variants are arms. A flag without shares answers its default, and with
/// [targets](Experiment::with_target) what the first rule that holds says.
///
/// ```
/// use mlcore::name::Arm;
/// use mlcore::rollout::{Experiment, Rule};
///
/// let (off, on) = (Arm::new("off")?, Arm::new("on")?);
/// let checkout = Experiment::new("new-checkout", off.clone())
///     .with_value(off, false)
///     .with_value(on.clone(), true)
///     .with_target(Rule::ends_with("email", "@example.com"), on.clone())
///     .with_audience(Rule::is_in("country", ["PT", "ES"]))
///     .with_variant(on.clone(), 0.25)?;
/// assert_eq!(checkout.share(&on), 0.25);
/// # Ok::<(), mlcore::Error>(())
/// ```
#[non_exhaustive]
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Experiment {
    /// Its key, written as a model's name and unlike that of any other: the flag key of OpenFeature. It is the salt of its line, so
    /// that an experiment that is begun anew with other units has another key.
    pub key: String,
    /// The variant of everyone whom the experiment does not touch.
    pub default: Arm,
    /// Whether it runs; where it does not, everyone gets the default.
    #[serde(default = "runs")]
    pub enabled: bool,
    /// The positions on the line of its layer that are its own.
    #[serde(default)]
    pub traffic: Stretches,
    /// Rules that give a variant by name, the first that holds.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub targets: Vec<Target>,
    /// Whom the variants are drawn among.
    #[serde(default)]
    pub audience: Rule,
    /// The variants, the default among them.
    pub variants: Vec<Variant>,
    /// What else an evaluation tells of the flag.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub metadata: BTreeMap<String, OwnedValue>,
}

/// A variant: an arm, in the first layer, or a value of a flag.
#[non_exhaustive]
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Variant {
    /// Its name.
    pub name: Arm,
    /// Its value; its name where nothing else was said.
    pub value: OwnedValue,
    /// The positions on the line of its experiment that are its own.
    #[serde(default)]
    pub stretches: Stretches,
}

/// A rule, and the variant that requests get for which it holds.
#[non_exhaustive]
#[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Target {
    /// The rule.
    pub rule: Rule,
    /// The variant.
    pub variant: Arm,
}

impl Experiment {
    /// An experiment that gives everybody `default`.
    #[must_use]
    pub fn new(key: impl Into<String>, default: Arm) -> Self {
        Self {
            key: key.into(),
            variants: vec![Variant::new(default.clone())],
            default,
            enabled: true,
            traffic: Stretches::default(),
            targets: Vec::new(),
            audience: Rule::Always,
            metadata: BTreeMap::new(),
        }
    }

    /// Adds a variant with this share of the experiment's units, or gives it another share: a growing variant gains units that
    /// had none, a shrinking one gives up those that it gained last, and no unit moves from one variant to another. The
    /// default may have a share too, as the control that is drawn like the others. Shares are held in millionths.
    ///
    /// # Errors
    /// [`Error::InvalidInput`](crate::Error::InvalidInput) for what is no share, and where the other variants leave less.
    pub fn with_variant(mut self, name: Arm, share: f64) -> Result<Self> {
        let subject = format!("experiment {}, variant {name}", self.key);
        let place = self.place_of(name);
        let mut stretches = std::mem::take(&mut self.variants[place].stretches);
        resize(&mut stretches, self.variants.iter().map(|other| &other.stretches), share, || {
            subject.clone()
        })?;
        self.variants[place].stretches = stretches;
        Ok(self)
    }

    /// Gives each of these variants, the default too where it is named, the same share of all of the experiment's units: the
    /// last gets the millionths that are left.
    ///
    /// # Errors
    /// As [`with_variant`](Self::with_variant).
    pub fn with_equal_variants(mut self, names: impl IntoIterator<Item = Arm>) -> Result<Self> {
        let names: Vec<Arm> = names.into_iter().collect();
        let Some((last, first)) = names.split_last() else { return Ok(self) };
        let share = 1.0 / names.len() as f64;
        for name in first {
            self = self.with_variant(name.clone(), share)?;
        }
        let taken: u32 =
            first.iter().filter_map(|name| self.variant(name)).map(|it| it.stretches.length()).sum();
        let rest = f64::from(Stretches::WHOLE.saturating_sub(taken)) / f64::from(Stretches::WHOLE);
        self.with_variant(last.clone(), rest)
    }

    /// Gives a variant a value, and adds it without a share where the experiment does not have it.
    #[must_use]
    pub fn with_value(mut self, name: Arm, value: impl Into<OwnedValue>) -> Self {
        let place = self.place_of(name);
        self.variants[place].value = value.into();
        self
    }

    /// Draws variants only among requests for which `rule` holds; others get the default.
    #[must_use]
    pub fn with_audience(mut self, rule: Rule) -> Self {
        self.audience = rule;
        self
    }

    /// Gives `variant`, undrawn, to requests for which `rule` holds and no rule that was added before it; adds the variant without
    /// a share where the experiment does not have it.
    #[must_use]
    pub fn with_target(mut self, rule: Rule, variant: Arm) -> Self {
        self.place_of(variant.clone());
        self.targets.push(Target { rule, variant });
        self
    }

    /// Says whether the experiment runs.
    #[must_use]
    pub fn with_enabled(mut self, enabled: bool) -> Self {
        self.enabled = enabled;
        self
    }

    /// Adds what evaluations tell of the flag.
    #[must_use]
    pub fn with_metadata(mut self, name: impl Into<String>, value: impl Into<OwnedValue>) -> Self {
        self.metadata.insert(name.into(), value.into());
        self
    }

    /// The variant of this name.
    #[must_use]
    pub fn variant(&self, name: &Arm) -> Option<&Variant> {
        self.variants.iter().find(|variant| variant.name == *name)
    }

    /// The share of the experiment's units that are drawn into the variant.
    #[must_use]
    pub fn share(&self, name: &Arm) -> f64 {
        self.variant(name).map_or(0.0, |variant| variant.stretches.share())
    }

    fn place_of(&mut self, name: Arm) -> usize {
        let place = self.variants.iter().position(|variant| variant.name == name);
        place.unwrap_or_else(|| {
            self.variants.push(Variant::new(name));
            self.variants.len() - 1
        })
    }
}

impl Variant {
    fn new(name: Arm) -> Self {
        Self { value: OwnedValue::from(name.as_str()), name, stretches: Stretches::default() }
    }
}

fn runs() -> bool {
    true
}
