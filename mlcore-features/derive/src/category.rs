//! An enum whose variants hold no data becomes a category.

use proc_macro2::TokenStream;
use quote::quote;
use syn::spanned::Spanned as _;
use syn::{Data, DataEnum, DeriveInput, Error, Fields, Result};

use crate::attributes::{Container, Errors, Member, Names};

pub(crate) fn expand(input: &DeriveInput) -> Result<TokenStream> {
    let variants = &data(input)?.variants;
    let Container { rename_all, library } = Container::read(&input.attrs)?;
    let (mut names, mut errors) = (Names::new(), Errors::default());
    let (mut texts, mut idents) = (Vec::new(), Vec::new());
    for variant in variants {
        if !matches!(variant.fields, Fields::Unit) {
            let problem =
                "a category holds no data; remove it, or make it a field of the row beside the category";
            errors.keep::<()>(Err(Error::new(variant.fields.span(), problem)));
            continue;
        }
        let form = |name: &str| rename_all.map_or_else(|| name.to_owned(), |case| case.of_variant(name));
        let name = Member::of_variant(&variant.attrs)
            .and_then(|member| names.add(member.name(&variant.ident, form), "category"));
        let Some(name) = errors.keep(name) else { continue };
        texts.push(name);
        idents.push(&variant.ident);
    }
    errors.finish()?;
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
