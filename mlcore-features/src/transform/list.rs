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

        /// A transformer that has seen its data, whichever it is.
        #[non_exhaustive]
        #[derive(Clone, PartialEq, Debug, serde::Serialize, serde::Deserialize)]
        #[serde(rename_all = "snake_case")]
        pub enum FittedTransformer {$(
            #[doc = concat!("A fitted [`", stringify!($spec), "`].")]
            $spec($fitted),
        )+}

        impl Fit for Transformer {
            type Fitted = FittedTransformer;

            fn fit(&self, table: &mlcore::arrow::array::RecordBatch) -> mlcore::Result<FittedTransformer> {
                Ok(match self {$(
                    Self::$spec(specification) => FittedTransformer::$spec(specification.fit(table)?),
                )+})
            }
        }

        impl $crate::program::Lower for FittedTransformer {
            fn schema(&self) -> &mlcore::schema::Schema {
                match self {$( Self::$spec(fitted) => fitted.schema(), )+}
            }

            fn lower(
                &self,
                builder: &mut $crate::program::builder::ProgramBuilder,
                columns: Vec<$crate::program::builder::Column>,
            ) -> mlcore::Result<Vec<$crate::program::builder::Column>> {
                match self {$( Self::$spec(fitted) => fitted.lower(builder, columns), )+}
            }
        }

        impl Transform for FittedTransformer {
            fn inverse_transform(
                &self,
                table: &mlcore::arrow::array::RecordBatch,
            ) -> mlcore::Result<mlcore::arrow::array::RecordBatch> {
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
