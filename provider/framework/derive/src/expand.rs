//! The code that `derive(Model)` generates.

use proc_macro2::TokenStream;
use quote::{format_ident, quote, quote_spanned};
use syn::spanned::Spanned;
use syn::{Data, DeriveInput, Error, Expr, ExprLit, Fields, Ident, Lit, Result};

use crate::options::{FieldOptions, deprecated, docs};
use crate::rules;

/// Everything for one struct.
pub(crate) fn model(input: &DeriveInput) -> Result<TokenStream> {
    let fields = fields(input)?;
    let name = &input.ident;
    let view = format_ident!("{name}View");
    let attributes = fields.iter().map(attribute);
    let description = docs(&input.attrs);
    let deprecated = option(deprecated(&input.attrs)?.as_deref());
    let block = quote! {
        ::tfkit::schema::Block {
            attributes: ::std::vec![#(#attributes),*],
            description: ::std::string::String::from(#description),
            deprecated: #deprecated,
            ..::std::default::Default::default()
        }
    };
    let model = conversions(name, &view, &fields, &block, false);
    let view_of_view = conversions(&view, &view, &fields, &quote!(<#name as ::tfkit::model::Model>::block()), true);
    let view_struct = view_struct(input, &view, &fields);
    let assertions = fields.iter().map(assertions);
    Ok(quote! {
        #model
        #view_struct
        #view_of_view
        #(#assertions)*
    })
}

fn fields(input: &DeriveInput) -> Result<Vec<FieldOptions>> {
    let Data::Struct(data) = &input.data else {
        return Err(Error::new(input.ident.span(), "a model is a struct with named fields"));
    };
    let Fields::Named(named) = &data.fields else {
        return Err(Error::new(input.ident.span(), "a model is a struct with named fields: each is an attribute"));
    };
    if !input.generics.params.is_empty() {
        return Err(Error::new(input.generics.span(), "a model has no parameters: its schema is one"));
    }
    let mut fields: Vec<FieldOptions> = Vec::with_capacity(named.named.len());
    let mut errors: Option<Error> = None;
    for field in &named.named {
        let checked = FieldOptions::of(field).and_then(|options| {
            rules::check(&options)?;
            if fields.iter().any(|other| other.name == options.name) {
                return Err(Error::new(options.ident.span(), "another field has this name in Terraform"));
            }
            Ok(options)
        });
        match (checked, &mut errors) {
            (Ok(options), _) => fields.push(options),
            (Err(error), Some(first)) => first.combine(error),
            (Err(error), none) => *none = Some(error),
        }
    }
    errors.map_or(Ok(fields), Err)
}

/// An expression of type `Option<String>`.
fn option(text: Option<&str>) -> TokenStream {
    match text {
        Some(text) => quote!(::std::option::Option::Some(::std::string::String::from(#text))),
        None => quote!(::std::option::Option::None),
    }
}

/// An expression of type `tfkit::schema::Attribute`.
fn attribute(field: &FieldOptions) -> TokenStream {
    let FieldOptions { name, ty, docs, .. } = field;
    let flags = [
        ("required", field.required.is_some()),
        ("optional", field.optional.is_some() || field.default.is_some()),
        ("computed", field.computed.is_some() || field.default.is_some()),
        ("sensitive", field.sensitive.is_some()),
        ("write_only", field.write_only.is_some()),
        ("replace", field.replace.is_some()),
        ("keep", field.keep.is_some()),
    ];
    let flags = flags.iter().filter(|(_, set)| *set).map(|(flag, _)| {
        let flag = format_ident!("{flag}");
        quote!(attribute.#flag = true;)
    });
    let default = field.default.iter().map(|(_, value)| default(field, value));
    let checks = field.checks.iter().map(|check| {
        let (function, says) = (&check.function, &check.says);
        quote_spanned! {function.span()=>
            attribute.validators.push(::tfkit::model::derived::validator(#says, |value| {
                // A closure, so that a `&String` may become the `&str` that the function takes.
                #[allow(clippy::redundant_closure)]
                let judge = |known: &<#ty as ::tfkit::model::Field>::Bare| (#function)(known);
                ::tfkit::model::derived::check(value, judge)
            }));
        }
    });
    let variadic = field.variadic.map(|span| {
        quote_spanned!(span=> ::tfkit::model::derived::variadic(&mut attribute, ::std::marker::PhantomData::<#ty>);)
    });
    let deprecated = field.deprecated.iter().map(|text| {
        let text = option(Some(text));
        quote!(attribute.deprecated = #text;)
    });
    quote! {{
        #[allow(unused_mut)]
        let mut attribute = ::tfkit::model::derived::attribute::<#ty>(#name, #docs);
        #(#flags)* #variadic #(#default)* #(#checks)* #(#deprecated)*
        attribute
    }}
}

/// The default as a value: text may be written as a literal for any type that text converts into.
fn default(field: &FieldOptions, value: &Expr) -> TokenStream {
    let ty = &field.ty;
    let text = matches!(value, Expr::Lit(ExprLit { lit: Lit::Str(_), .. }));
    let value = if text { quote_spanned!(value.span()=> ::std::convert::Into::into(#value)) } else { quote!(#value) };
    quote_spanned! {value.span()=>
        let default: <#ty as ::tfkit::model::Field>::Bare = #value;
        attribute.default = ::std::option::Option::Some(::tfkit::model::Field::encode(&default));
    }
}

/// `Model` and `Field` for the struct or for its view.
fn conversions(name: &Ident, view: &Ident, fields: &[FieldOptions], block: &TokenStream, of_view: bool) -> TokenStream {
    // Objects have their attributes in the order of names.
    let mut sorted: Vec<_> = fields.iter().collect();
    sorted.sort_by_key(|field| &field.name);
    let positions = fields.iter().map(|field| sorted.iter().position(|other| other.name == field.name));
    let (sorted_names, sorted_idents): (Vec<_>, Vec<_>) = sorted.iter().map(|f| (&f.name, &f.ident)).unzip();
    let idents: Vec<_> = fields.iter().map(|f| &f.ident).collect();
    let names: Vec<_> = fields.iter().map(|f| &f.name).collect();
    let types = fields.iter().map(|f| {
        if of_view {
            view_type(f)
        } else {
            let ty = &f.ty;
            quote!(#ty)
        }
    });
    let field = field_impl(name, view);
    quote! {
        #[automatically_derived]
        impl ::tfkit::model::Model for #name {
            type View = #view;

            fn block() -> ::tfkit::schema::Block {
                #block
            }

            #[allow(unused_variables)]
            fn decode(
                object: &::tfkit::Object,
                path: &::tfkit::Path,
            ) -> ::std::result::Result<Self, ::tfkit::model::ModelError> {
                ::std::result::Result::Ok(Self {
                    #(#idents: ::tfkit::model::derived::field::<#types>(object, #positions, #names, path)?,)*
                })
            }

            fn encode(&self) -> ::tfkit::Object {
                static SHAPE: ::std::sync::LazyLock<::tfkit::Object<()>> =
                    ::std::sync::LazyLock::new(|| ::tfkit::model::derived::shape(&[#(#sorted_names),*]));
                let values = ::std::vec![#(::tfkit::model::Field::encode(&self.#sorted_idents)),*];
                ::tfkit::model::derived::shaped(&SHAPE, values)
            }
        }

        #field
    }
}

/// A model is a field too: a nested object.
fn field_impl(name: &Ident, view: &Ident) -> TokenStream {
    quote! {
        #[automatically_derived]
        impl ::tfkit::model::Field for #name {
            type View = ::tfkit::Attr<#view>;
            type Bare = Self;

            fn kind() -> ::tfkit::schema::Kind {
                ::tfkit::schema::Kind::Nested(
                    ::tfkit::schema::Nesting::Single,
                    <Self as ::tfkit::model::Model>::block().attributes,
                )
            }

            fn decode(
                value: &::tfkit::Value,
                path: &::tfkit::Path,
            ) -> ::std::result::Result<Self, ::tfkit::model::ModelError> {
                let object = ::tfkit::model::derived::object(value, path)?;
                <Self as ::tfkit::model::Model>::decode(object, path)
            }

            fn encode(&self) -> ::tfkit::Value {
                ::tfkit::Value::Object(<Self as ::tfkit::model::Model>::encode(self))
            }
        }
    }
}

fn view_type(field: &FieldOptions) -> TokenStream {
    let ty = &field.ty;
    quote!(<#ty as ::tfkit::model::Field>::View)
}

/// The view, whose `Debug` does not show what must not be seen.
fn view_struct(input: &DeriveInput, view: &Ident, fields: &[FieldOptions]) -> TokenStream {
    let vis = &input.vis;
    let about = format!("[`{}`], each attribute of which may be null or unknown.", input.ident);
    let members = fields.iter().map(|field| {
        let (ident, docs, ty) = (&field.ident, &field.docs, view_type(field));
        quote!(#[doc = #docs] pub #ident: #ty)
    });
    let shown = fields.iter().map(|field| {
        let (ident, name) = (&field.ident, &field.name);
        if field.sensitive.is_some() || field.write_only.is_some() {
            quote!(.field(#name, &::std::format_args!("***")))
        } else {
            quote!(.field(#name, &self.#ident))
        }
    });
    let title = view.to_string();
    quote! {
        #[doc = #about]
        #[derive(Clone, PartialEq)]
        #vis struct #view {
            #(#members,)*
        }

        #[automatically_derived]
        impl ::std::fmt::Debug for #view {
            fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
                f.debug_struct(#title) #(#shown)* .finish()
            }
        }
    }
}

/// What the type must be able to say; judged by the type itself, so that aliases and own types work.
fn assertions(field: &FieldOptions) -> TokenStream {
    let ty = &field.ty;
    let name = &field.name;
    let nullable = (field.optional.is_some() && field.default.is_none()) || field.write_only.is_some();
    let unknowable = field.computed.is_some() && field.default.is_none();
    let nullable = nullable.then(|| {
        let why = format!("`{name}` may be null: make its type Option<..> or Attr<..>, or give it a default");
        quote_spanned!(ty.span()=> const _: () = ::std::assert!(<#ty as ::tfkit::model::Field>::NULLABLE, #why);)
    });
    let unknowable = unknowable.then(|| {
        let why = format!("`{name}` is computed, so it is unknown until it is there: make its type Attr<..>");
        quote_spanned!(ty.span()=> const _: () = ::std::assert!(<#ty as ::tfkit::model::Field>::UNKNOWABLE, #why);)
    });
    quote!(#nullable #unknowable)
}
