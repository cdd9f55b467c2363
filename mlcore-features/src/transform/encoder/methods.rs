//! What both encoders are asked for and answer in the same words.

/// The parameters of both encoders that are about categories, and the categories that both have learnt. What rare
/// categories share differs, and with it two lines of documentation.
macro_rules! category_methods {
    ($encoder:ident, $fitted:ident, $min_frequency:literal, $max_categories:literal) => {
        impl $encoder {
            /// Where the categories come from. Default: the training data.
            #[must_use]
            pub fn categories(mut self, categories: Categories) -> Self {
                self.categories = categories;
                self
            }

            #[doc = $min_frequency]
            #[must_use]
            pub fn min_frequency(mut self, min_frequency: MinFrequency) -> Self {
                self.min_frequency = Some(min_frequency);
                self
            }

            #[doc = $max_categories]
            #[must_use]
            pub fn max_categories(mut self, max_categories: usize) -> Self {
                self.max_categories = Some(max_categories);
                self
            }

            fn grouping(&self) -> Grouping {
                Grouping { min_frequency: self.min_frequency, max_categories: self.max_categories }
            }
        }

        impl $fitted {
            /// The specification that was fitted.
            #[must_use]
            pub fn parameters(&self) -> &$encoder {
                &self.parameters
            }

            /// The categories of each column (`categories_`), a missing value last.
            pub fn categories(&self) -> impl ExactSizeIterator<Item = &[OwnedValue]> {
                self.columns.iter().map(|column| column.categories.as_slice())
            }

            /// The infrequent categories of each column (`infrequent_categories_`); `None` where there are none.
            pub fn infrequent_categories(&self) -> impl ExactSizeIterator<Item = Option<Vec<&OwnedValue>>> {
                self.columns.iter().map(Learnt::infrequent_categories)
            }
        }
    };
}
pub(super) use category_methods;
