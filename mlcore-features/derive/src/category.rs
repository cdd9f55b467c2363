//! An enum whose variants hold no data becomes a category.

use proc_macro2::TokenStream;
use quote::quote;
use syn::spanned::Spanned as _;
use syn::{Data, DataEnum, DeriveInput, Error, Fields, Result};

use crate::attributes::{Container, Member, Names};

pub(crate) fn expand(input: &DeriveInput) -> Result<TokenStream> {
    let variants = &data(input)?.variants;
    let Container { rename_all, library } = Container::read(&input.attrs)?;
    let mut names = Names::new();
    let (mut texts, mut idents) = (Vec::new(), Vec::new());
    for variant in variants {
        if !matches!(variant.fields, Fields::Unit) {
            let problem =
                "a category holds no data; remove it, or make it a field of the row beside the category";
            return Err(Error::new(variant.fields.span(), problem));
        }
        let name = Member::of_variant(&variant.attrs)?.name(&variant.ident, |name| {
            rename_all.map_or_else(|| name.to_owned(), |case| case.of_variant(name))
        });
        texts.push(names.add(name, "category")?);
        idents.push(&variant.ident);
    }
    let name = &input.ident;
    let (in_impl, in_type, conditions) = input.generics.split_for_impl();
    Ok(quote! {
        #[automatically_derived]
        impl #in_impl #library::typed::FeatureCategory for #name #in_type #conditions {
            const CATEGORIES: &'static [&'static str] = &[#(#texts),*];

            fn category(&self) -> &'static str {
                match self {
                    #(Self::#idents => #texts,)*
                }
            }
        }

        #[automatically_derived]
        impl #in_impl #library::typed::FeatureValue for #name #in_type #conditions {
            const TYPE: #library::typed::derived::DType = #library::typed::derived::DType::String;

            fn value(&self) -> #library::typed::derived::Value<'_> {
                #library::typed::derived::Value::Text(#library::typed::FeatureCategory::category(self))
            }
        }
    })
}

fn data(input: &DeriveInput) -> Result<&DataEnum> {
    match &input.data {
        Data::Enum(data) if data.variants.is_empty() => {
            let problem = "an enum without variants has no value; give it one variant for each category";
            Err(Error::new(input.ident.span(), problem))
        }
        Data::Enum(data) => Ok(data),
        Data::Struct(data) => Err(Error::new(
            data.struct_token.span(),
            "a category is an enum; derive `Features` for a struct whose fields are columns",
        )),
        Data::Union(data) => {
            Err(Error::new(data.union_token.span(), "a category is an enum; a union is none"))
        }
    }
}
