//! What `#[features(..)]` says, and an error for whatever it does not say.

use proc_macro2::Span;
use syn::ext::IdentExt as _;
use syn::meta::ParseNestedMeta;
use syn::{Attribute, Error, Ident, LitStr, Path, Result, parse_quote};

use crate::case::Case;

/// The attributes of a struct or an enum.
pub(crate) struct Container {
    pub(crate) rename_all: Option<Case>,
    /// The path of `mlcore_features`.
    pub(crate) library: Path,
}

/// The attributes of a field or a variant.
#[derive(Default)]
pub(crate) struct Member {
    rename: Option<LitStr>,
    pub(crate) skip: Option<Span>,
    pub(crate) flatten: Option<Span>,
}

impl Container {
    pub(crate) fn read(attributes: &[Attribute]) -> Result<Self> {
        let (mut rename_all, mut library) = (None, None);
        each(attributes, |meta| {
            if meta.path.is_ident("rename_all") {
                let name: LitStr = meta.value()?.parse()?;
                let known = || Case::NAMES.map(|(name, _)| format!("\"{name}\"")).join(", ");
                let case = Case::named(&name.value()).ok_or_else(|| {
                    let problem = format!("this is no form of names; write one of {}", known());
                    Error::new(name.span(), problem)
                })?;
                once(&meta, &mut rename_all, case)
            } else if meta.path.is_ident("crate") {
                let path = meta.value()?.parse::<LitStr>()?.parse::<Path>()?;
                once(&meta, &mut library, path)
            } else {
                let remedy = if ["rename", "skip", "flatten"].iter().any(|name| meta.path.is_ident(name)) {
                    "write it at one of the fields or variants"
                } else {
                    "here stand `rename_all = \"..\"` and `crate = \"..\"`"
                };
                Err(meta.error(format!("this attribute is not known here; {remedy}")))
            }
        })?;
        let library = library.unwrap_or_else(|| parse_quote!(::mlcore_features));
        Ok(Self { rename_all, library })
    }
}

impl Member {
    /// The attributes of a field.
    pub(crate) fn of_field(attributes: &[Attribute]) -> Result<Self> {
        let mut member = Self::default();
        each(attributes, |meta| {
            let span = meta.path.get_ident().map_or_else(Span::call_site, Ident::span);
            if meta.path.is_ident("rename") {
                member.read_name(&meta)
            } else if meta.path.is_ident("skip") {
                once(&meta, &mut member.skip, span)
            } else if meta.path.is_ident("flatten") {
                once(&meta, &mut member.flatten, span)
            } else {
                let known = "a field takes `rename = \"..\"`, `skip` and `flatten`";
                Err(meta.error(format!("this attribute is not known here; {known}")))
            }
        })?;
        match (&member.rename, member.skip, member.flatten) {
            (_, Some(_), Some(flatten)) => {
                Err(Error::new(flatten, "a field is skipped or flattened, not both; remove one of them"))
            }
            (Some(name), Some(_), None) => {
                Err(Error::new(name.span(), "a skipped field is no column; remove its new name"))
            }
            (Some(name), None, Some(_)) => {
                let problem =
                    "the columns of a flattened field have their own names; rename them in its type";
                Err(Error::new(name.span(), problem))
            }
            _ => Ok(member),
        }
    }

    /// The attributes of a variant.
    pub(crate) fn of_variant(attributes: &[Attribute]) -> Result<Self> {
        let mut member = Self::default();
        each(attributes, |meta| {
            if meta.path.is_ident("rename") {
                return member.read_name(&meta);
            }
            Err(meta.error("this attribute is not known here; a variant takes `rename = \"..\"`"))
        })?;
        Ok(member)
    }

    fn read_name(&mut self, meta: &ParseNestedMeta<'_>) -> Result<()> {
        let name: LitStr = meta.value()?.parse()?;
        if name.value().is_empty() {
            return Err(Error::new(
                name.span(),
                "the name is empty; write the name of a column or a category",
            ));
        }
        once(meta, &mut self.rename, name)
    }

    /// The name of the column or category, and the token that says it.
    pub(crate) fn name(&self, ident: &Ident, form: impl FnOnce(&str) -> String) -> (String, Span) {
        match &self.rename {
            Some(name) => (name.value(), name.span()),
            None => (form(&ident.unraw().to_string()), ident.span()),
        }
    }
}

/// The names so far, which must differ.
pub(crate) struct Names(Vec<String>);

impl Names {
    pub(crate) fn new() -> Self {
        Self(Vec::new())
    }

    /// Adds a name; `what` is what it names.
    pub(crate) fn add(&mut self, (name, span): (String, Span), what: &str) -> Result<String> {
        if self.0.contains(&name) {
            let problem =
                format!("another {what} is called \"{name}\" already; give one of them another name");
            return Err(Error::new(span, problem));
        }
        self.0.push(name.clone());
        Ok(name)
    }
}

/// The errors so far: all are shown, so that a second compilation does not bring the next one.
#[derive(Default)]
pub(crate) struct Errors(Option<Error>);

impl Errors {
    /// Keeps an error, and answers the rest.
    pub(crate) fn keep<T>(&mut self, result: Result<T>) -> Option<T> {
        match (result, &mut self.0) {
            (Ok(value), _) => return Some(value),
            (Err(error), Some(errors)) => errors.combine(error),
            (Err(error), none) => *none = Some(error),
        }
        None
    }

    /// All that were kept as one.
    pub(crate) fn finish(self) -> Result<()> {
        self.0.map_or(Ok(()), Err)
    }
}

fn each(attributes: &[Attribute], mut read: impl FnMut(ParseNestedMeta<'_>) -> Result<()>) -> Result<()> {
    for attribute in attributes.iter().filter(|attribute| attribute.path().is_ident("features")) {
        attribute.parse_nested_meta(&mut read)?;
    }
    Ok(())
}

fn once<T>(meta: &ParseNestedMeta<'_>, place: &mut Option<T>, value: T) -> Result<()> {
    match place.replace(value) {
        None => Ok(()),
        Some(_) => Err(meta.error("this attribute stands here twice; remove one of them")),
    }
}
