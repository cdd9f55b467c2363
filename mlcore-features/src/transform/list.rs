//! What follows from the one list of transformers, in [`super`].

/// From `folder::file: Specification => Fitted`: the public names, the two enums and every match over them.
macro_rules! transformers {
    ($($folder:ident::$file:ident: $spec:ident => $fitted:ident),+ $(,)?) => {
        $(pub use self::$folder::$file::{$fitted, $spec};)+

        /// A transformer, not yet fitted, whichever it is.
        #[non_exhaustive]
        #[derive(Clone, PartialEq, Debug)]
        pub enum Transformer {$(
            #[doc = concat!("The specification [`", stringify!($spec), "`].")]
            $spec($spec),
        )+}

        impl Transformer {
            /// The name of every transformer there is: scikit-learn's name of the class.
            pub const NAMES: &[&str] = &[$(stringify!($spec)),+];

            /// The transformer of this name, with these parameters and the default of every other.
            ///
            /// # Errors
            /// [`Error::InvalidInput`] for a name that is not one of [`NAMES`](Self::NAMES), a parameter that the
            /// transformer does not have, and a value that is none of this parameter; the error names it.
            pub fn new(name: &str, parameters: &Parameters) -> Result<Self> {
                match name {
                    $(stringify!($spec) => parameters.read(stringify!($spec)).map(Self::$spec),)+
                    _ => Err(Error::invalid_input("configure transformer", name, "there is no such transformer")
                        .remedy(format!("use one of {}", Self::NAMES.join(", ")))),
                }
            }

            /// Its name, one of [`NAMES`](Self::NAMES).
            #[must_use]
            pub fn name(&self) -> &'static str {
                match self {$( Self::$spec(_) => stringify!($spec), )+}
            }

            /// Its parameters, those at their default too (`get_params`).
            ///
            /// # Errors
            /// [`Error::Internal`] if they cannot be listed, which would be a fault of this library.
            pub fn parameters(&self) -> Result<Parameters> {
                match self {$( Self::$spec(specification) => Parameters::of(specification, self.name()), )+}
            }
        }

        /// A transformer that has seen its data, whichever it is.
        #[non_exhaustive]
        #[derive(Clone, PartialEq, Debug, Serialize, Deserialize)]
        pub enum FittedTransformer {$(
            #[doc = concat!("A fitted [`", stringify!($spec), "`].")]
            $spec($fitted),
        )+}

        impl FittedTransformer {
            /// The specification that was fitted.
            #[must_use]
            pub fn specification(&self) -> Transformer {
                match self {$( Self::$spec(fitted) => fitted.parameters().clone().into(), )+}
            }
        }

        impl Fit for Transformer {
            type Fitted = FittedTransformer;

            fn learn(&self, training: &Training<'_>) -> Result<FittedTransformer> {
                match self {$( Self::$spec(specification) => specification.learn(training).map(Into::into), )+}
            }

            fn cross_fits(&self) -> bool {
                match self {$( Self::$spec(specification) => specification.cross_fits(), )+}
            }

            fn learn_transform(&self, training: &Training<'_>) -> Result<(FittedTransformer, RecordBatch)> {
                match self {$(
                    Self::$spec(specification) => specification
                        .learn_transform(training)
                        .map(|(fitted, transformed)| (fitted.into(), transformed)),
                )+}
            }
        }

        mod any_part {
            use super::parts::Parts;

            /// What one part of a table tells a transformer, whichever it is.
            #[derive(Clone, Debug, serde::Serialize, serde::Deserialize)]
            #[expect(clippy::upper_case_acronyms, reason = "variants are called as their transformers")]
            pub enum TransformerPart {$(
                #[doc = concat!("Of a [`", stringify!($spec), "`](super::", stringify!($spec), ").")]
                $spec(<super::$spec as Parts>::Part),
            )+}
        }
        use self::any_part::TransformerPart;

        impl Parts for Transformer {
            type Part = TransformerPart;

            fn refusal(&self) -> Option<Refusal> {
                match self {$( Self::$spec(specification) => specification.refusal(), )+}
            }

            fn part(&self, training: &Training<'_>) -> Result<TransformerPart> {
                match self {$(
                    Self::$spec(specification) => specification.part(training).map(TransformerPart::$spec),
                )+}
            }

            fn merge(&self, left: TransformerPart, right: TransformerPart) -> Result<TransformerPart> {
                match (self, left, right) {
                    $((
                        Self::$spec(specification),
                        TransformerPart::$spec(left),
                        TransformerPart::$spec(right),
                    ) => specification.merge(left, right).map(TransformerPart::$spec),)+
                    _ => Err(other_part(self.name())),
                }
            }

            fn finish(&self, part: TransformerPart, seen: &Seen) -> Result<FittedTransformer> {
                match (self, part) {
                    $((Self::$spec(specification), TransformerPart::$spec(part)) => {
                        specification.finish(part, seen).map(Into::into)
                    })+
                    _ => Err(other_part(self.name())),
                }
            }

            fn holds(&self, part: &TransformerPart, columns: usize) -> bool {
                match (self, part) {
                    $((Self::$spec(specification), TransformerPart::$spec(part)) => {
                        specification.holds(part, columns)
                    })+
                    _ => false,
                }
            }
        }

        impl Lower for FittedTransformer {
            fn schema(&self) -> &Schema {
                match self {$( Self::$spec(fitted) => fitted.schema(), )+}
            }

            fn lower(&self, builder: &mut ProgramBuilder, columns: Vec<Column>) -> Result<Vec<Column>> {
                match self {$(
                    Self::$spec(fitted) => builder.originate(stringify!($spec), columns, |builder, columns| {
                        fitted.lower(builder, columns)
                    }),
                )+}
            }
        }

        impl Transform for FittedTransformer {
            fn attributes(&self) -> Attributes {
                match self {$( Self::$spec(fitted) => fitted.attributes(), )+}
            }

            fn inverse_transform(&self, table: &RecordBatch) -> Result<RecordBatch> {
                match self {$( Self::$spec(fitted) => fitted.inverse_transform(table), )+}
            }
        }

        $(
            impl From<$spec> for Transformer {
                fn from(specification: $spec) -> Self {
                    Self::$spec(specification)
                }
            }

            impl From<$fitted> for FittedTransformer {
                fn from(fitted: $fitted) -> Self {
                    Self::$spec(fitted)
                }
            }
        )+
    };
}

/// The error of a part that another transformer made.
pub(super) fn other_part(transformer: &'static str) -> mlcore::Error {
    mlcore::Error::corrupt("fit in parts", transformer, "a part is of another transformer")
}
