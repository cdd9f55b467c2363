//! A struct with named fields becomes a row.

use proc_macro2::{Ident, TokenStream, TokenTree};
use quote::{ToTokens as _, quote, quote_spanned};
use syn::spanned::Spanned as _;
use syn::{Data, DeriveInput, Error, Fields, FieldsNamed, Generics, Result, Type, parse_quote};

use crate::attributes::{Container, Errors, Member, Names};

pub(crate) fn expand(input: &DeriveInput) -> Result<TokenStream> {
    let fields = named_fields(input)?;
    let Container { rename_all, library } = Container::read(&input.attrs)?;
    let mut generics = input.generics.clone();
    let (mut names, mut errors) = (Names::new(), Errors::default());
    let (mut described, mut written) = (Vec::new(), Vec::new());
    for field in &fields.named {
        let Some(member) = errors.keep(Member::of_field(&field.attrs)) else { continue };
        let Some(ident) = field.ident.as_ref().filter(|_| member.skip.is_none()) else { continue };
        let ty = &field.ty;
        if member.flatten.is_some() {
            bound(&mut generics, ty, &quote!(#library::typed::Features));
            described.push(quote_spanned!(ty.span()=> <#ty as #library::typed::Features>::fields(fields);));
            written.push(
                quote_spanned!(ty.span()=> <#ty as #library::typed::Features>::write(&self.#ident, values);),
            );
            continue;
        }
        let name =
            member.name(ident, |name| rename_all.map_or_else(|| name.to_owned(), |case| case.of_field(name)));
        let Some(name) = errors.keep(names.add(name, "field")) else { continue };
        bound(&mut generics, ty, &quote!(#library::typed::FeatureValue));
        described
            .push(quote_spanned!(ty.span()=> fields.push(#library::typed::FeatureField::of::<#ty>(#name));));
        written.push(quote_spanned!(ty.span()=>
            values.push(<#ty as #library::typed::FeatureValue>::value(&self.#ident));
        ));
    }
    errors.finish()?;
    let name = &input.ident;
    let (in_impl, in_type, conditions) = generics.split_for_impl();
    Ok(quote! {
        #[automatically_derived]
        impl #in_impl #library::typed::Features for #name #in_type #conditions {
            fn fields(fields: &mut ::std::vec::Vec<#library::typed::FeatureField>) {
                let _ = &fields;
                #(#described)*
            }

            fn write<'__row>(&'__row self, values: &mut #library::typed::FeatureValues<'_, '__row>) {
                let _ = &values;
                #(#written)*
            }
        }
    })
}

fn named_fields(input: &DeriveInput) -> Result<&FieldsNamed> {
    match &input.data {
        Data::Struct(data) => match &data.fields {
            Fields::Named(fields) => Ok(fields),
            Fields::Unnamed(fields) => Err(Error::new(
                fields.span(),
                "the fields of a tuple struct have no names, and columns have; name them: `struct Row { age: f64 }`",
            )),
            Fields::Unit => Err(Error::new(
                input.ident.span(),
                "a struct without fields is no row; give it named fields: `struct Row { age: f64 }`",
            )),
        },
        Data::Enum(data) => Err(Error::new(
            data.enum_token.span(),
            "a row is a struct; derive `FeatureCategory` for an enum whose variants are categories",
        )),
        Data::Union(data) => Err(Error::new(data.union_token.span(), "a row is a struct; a union is none")),
    }
}

/// Demands the trait of a type that a type parameter is part of. Of other types the compiler knows it.
fn bound(generics: &mut Generics, ty: &Type, needed: &TokenStream) {
    let named = generics.type_params().any(|parameter| mentions(ty.to_token_stream(), &parameter.ident));
    if named {
        generics.make_where_clause().predicates.push(parse_quote!(#ty: #needed));
    }
}

fn mentions(tokens: TokenStream, parameter: &Ident) -> bool {
    tokens.into_iter().any(|token| match token {
        TokenTree::Ident(ident) => ident == *parameter,
        TokenTree::Group(group) => mentions(group.stream(), parameter),
        TokenTree::Punct(_) | TokenTree::Literal(_) => false,
    })
}
