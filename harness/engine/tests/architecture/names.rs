//! Finds every path that a source file names, in whatever form it is written. Judges nothing.
//!
//! Imports (nested groups, globs, renames), paths in types, expressions, patterns and visibilities, tokens inside
//! macros and attributes. Comments, documentation and strings name nothing.

use std::collections::HashSet;

use proc_macro2::{Span, TokenStream, TokenTree};
use syn::visit::{self, Visit};

/// One path as written, resolved as far as its first segment goes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Name {
    /// Where it leads.
    pub place: Place,
    /// Line in the file, from 1.
    pub line: usize,
    /// Inside `#[cfg(test)]`.
    pub in_test: bool,
    /// `pub use`, `pub(crate) use`.
    pub re_exported: bool,
}

/// Where a path leads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// Below this crate's root; a glob ends with `*`. Empty is the root itself.
    Inside(Vec<String>),
    /// Another crate, its name first; a glob ends with `*`.
    Outside(Vec<String>),
    /// A form that this check cannot see through, so that it is not to be used.
    Opaque(&'static str),
}

/// All names in `file`, which is the module `module` below the crate root. `crates` are the names of outside crates,
/// `parent` what the module above declares.
pub fn names(
    file: &syn::File,
    module: &[String],
    in_test: bool,
    crates: &HashSet<String>,
    parent: &HashSet<String>,
) -> Vec<Name> {
    let scopes = vec![scope_of(&file.items, parent)];
    let mut collector = Collector { module: module.to_vec(), crates, scopes, in_test, found: Vec::new() };
    collector.visit_file(file);
    collector.found
}

/// The names that a module's items bring into its scope; with `use super::*` those of the module above too.
pub fn scope_of(items: &[syn::Item], parent: &HashSet<String>) -> HashSet<String> {
    let mut scope = declared(items);
    let sees_parent = items.iter().any(|item| match item {
        syn::Item::Use(import) => leaves(&import.tree).iter().any(|(path, _)| path[..] == ["super", "*"]),
        _ => false,
    });
    if sees_parent {
        scope.extend(parent.iter().cloned());
    }
    scope
}

/// Whether an item is compiled for tests only.
pub fn is_test_only(attributes: &[syn::Attribute]) -> bool {
    attributes.iter().any(|attribute| match &attribute.meta {
        syn::Meta::List(list) if list.path.is_ident("cfg") => {
            list.parse_args::<syn::Path>().is_ok_and(|path| path.is_ident("test"))
        }
        meta => meta.path().is_ident("test"),
    })
}

struct Collector<'a> {
    module: Vec<String>,
    crates: &'a HashSet<String>,
    /// Names that hide a crate of the same name, innermost last.
    scopes: Vec<HashSet<String>>,
    in_test: bool,
    found: Vec<Name>,
}

impl Collector<'_> {
    fn add(&mut self, place: Place, span: Span, re_exported: bool) {
        let line = span.start().line;
        self.found.push(Name { place, line, in_test: self.in_test, re_exported });
    }

    /// Resolves the first segments; `None` where the path leads neither to another module nor to a crate.
    fn resolve(&self, leading_colon: bool, segments: &[String]) -> Option<Place> {
        let first = segments.first()?.as_str();
        match first {
            "cutproof" if leading_colon => Some(Place::Inside(segments[1..].to_vec())),
            _ if leading_colon => Some(Place::Outside(segments.to_vec())),
            "crate" | "cutproof" => Some(Place::Inside(segments[1..].to_vec())),
            "self" => Some(Place::Inside([&self.module[..], &segments[1..]].concat())),
            "super" => {
                let ups = segments.iter().take_while(|segment| *segment == "super").count();
                let base = &self.module[..self.module.len().saturating_sub(ups)];
                Some(Place::Inside([base, &segments[ups..]].concat()))
            }
            _ if self.scopes.iter().any(|scope| scope.contains(first)) => None,
            _ if self.crates.contains(first) => Some(Place::Outside(segments.to_vec())),
            _ => None,
        }
    }

    fn use_tree(&mut self, item: &syn::ItemUse) {
        let re_exported = !matches!(item.vis, syn::Visibility::Inherited);
        for (segments, span) in leaves(&item.tree) {
            if segments.is_empty() {
                continue;
            }
            // An import never means a name that an import brings in, so no scope hides a crate here.
            let place = match segments[0].as_str() {
                _ if item.leading_colon.is_some() => self.resolve(true, &segments),
                "crate" | "cutproof" | "self" | "super" => self.resolve(false, &segments),
                first if self.crates.contains(first) => Some(Place::Outside(segments)),
                _ => None,
            };
            if let Some(place) = place {
                self.add(place, span, re_exported);
            }
        }
    }

    /// Paths in tokens that are not parsed: what macros and attributes are given.
    fn tokens(&mut self, tokens: TokenStream, strings_are_paths: bool) {
        let trees: Vec<TokenTree> = tokens.into_iter().collect();
        let mut at = 0;
        while at < trees.len() {
            match &trees[at] {
                TokenTree::Group(group) => self.tokens(group.stream(), strings_are_paths),
                TokenTree::Literal(literal) if strings_are_paths => self.string_path(literal),
                TokenTree::Ident(ident) if ident == "use" => {
                    let import = trees[at..].iter().take_while(|tree| !is_punct(tree, ';')).cloned();
                    let import: TokenStream = import.chain([semicolon()]).collect();
                    if let Ok(item) = syn::parse2::<syn::ItemUse>(import) {
                        self.use_tree(&item);
                        at += trees[at..].iter().take_while(|tree| !is_punct(tree, ';')).count();
                        continue;
                    }
                }
                TokenTree::Ident(first) => {
                    let leading_colon = at >= 2 && double_colon(&trees, at - 2);
                    let span = first.span();
                    let mut segments = vec![first.to_string()];
                    while double_colon(&trees, at + 1) {
                        let Some(TokenTree::Ident(next)) = trees.get(at + 3) else { break };
                        segments.push(next.to_string());
                        at += 3;
                    }
                    let into_group = double_colon(&trees, at + 1)
                        && matches!(trees.get(at + 3), Some(TokenTree::Group(_)));
                    match self.resolve(leading_colon, &segments) {
                        Some(_) if into_group => {
                            self.add(
                                Place::Opaque("an import in a macro that is no import yet"),
                                span,
                                false,
                            );
                        }
                        Some(place) if segments.len() > 1 => self.add(place, span, false),
                        _ => {}
                    }
                }
                _ => {}
            }
            at += 1;
        }
    }

    /// `#[serde(with = "crate::x::y")]`.
    fn string_path(&mut self, literal: &proc_macro2::Literal) {
        let text = literal.to_string();
        let Ok(path) = syn::parse_str::<syn::Path>(text.trim_matches('"')) else { return };
        let segments = idents(&path);
        if segments.len() > 1
            && let Some(place) = self.resolve(path.leading_colon.is_some(), &segments)
        {
            self.add(place, literal.span(), false);
        }
    }
}

impl<'ast> Visit<'ast> for Collector<'_> {
    fn visit_item(&mut self, item: &'ast syn::Item) {
        let before = self.in_test;
        self.in_test |= is_test_only(attributes(item));
        visit::visit_item(self, item);
        self.in_test = before;
    }

    fn visit_impl_item_fn(&mut self, item: &'ast syn::ImplItemFn) {
        let before = self.in_test;
        self.in_test |= is_test_only(&item.attrs);
        visit::visit_impl_item_fn(self, item);
        self.in_test = before;
    }

    fn visit_item_use(&mut self, item: &'ast syn::ItemUse) {
        self.use_tree(item);
    }

    fn visit_item_extern_crate(&mut self, item: &'ast syn::ItemExternCrate) {
        let name = item.ident.to_string();
        let place = match name.as_str() {
            "self" => Place::Opaque("extern crate self"),
            _ => Place::Outside(vec![name]),
        };
        self.add(place, item.ident.span(), !matches!(item.vis, syn::Visibility::Inherited));
    }

    fn visit_item_mod(&mut self, item: &'ast syn::ItemMod) {
        if item.attrs.iter().any(|attribute| attribute.path().is_ident("path")) {
            self.add(Place::Opaque("#[path] on a module"), item.ident.span(), false);
        }
        let Some((_, items)) = &item.content else { return };
        let inner = scope_of(items, &self.scopes[0]);
        let outer = std::mem::replace(&mut self.scopes, vec![inner]);
        self.module.push(item.ident.to_string());
        visit::visit_item_mod(self, item);
        self.module.pop();
        self.scopes = outer;
    }

    fn visit_block(&mut self, block: &'ast syn::Block) {
        let items = block.stmts.iter().filter_map(|statement| match statement {
            syn::Stmt::Item(item) => Some(item),
            _ => None,
        });
        self.scopes.push(declared(items));
        visit::visit_block(self, block);
        self.scopes.pop();
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        let segments = idents(path);
        if segments.len() > 1
            && let Some(place) = self.resolve(path.leading_colon.is_some(), &segments)
        {
            self.add(place, path.segments[0].ident.span(), false);
        }
        visit::visit_path(self, path);
    }

    fn visit_macro(&mut self, call: &'ast syn::Macro) {
        self.visit_path(&call.path);
        if call.path.segments.last().is_some_and(|last| last.ident == "include") {
            self.add(Place::Opaque("include!"), call.path.segments[0].ident.span(), false);
        }
        self.tokens(call.tokens.clone(), false);
    }

    fn visit_attribute(&mut self, attribute: &'ast syn::Attribute) {
        if attribute.path().is_ident("doc") {
            return;
        }
        self.visit_path(attribute.path());
        match &attribute.meta {
            syn::Meta::List(list) => self.tokens(list.tokens.clone(), true),
            meta => visit::visit_meta(self, meta),
        }
    }
}

/// The names that these items bring into their scope: modules and imports, as far as they are written out.
fn declared<'a>(items: impl IntoIterator<Item = &'a syn::Item>) -> HashSet<String> {
    let mut names = HashSet::new();
    for item in items {
        match item {
            syn::Item::Mod(module) => {
                names.insert(module.ident.to_string());
            }
            syn::Item::Use(import) => imported(&import.tree, None, &mut names),
            _ => {}
        }
    }
    names
}

fn imported(tree: &syn::UseTree, parent: Option<&str>, names: &mut HashSet<String>) {
    match tree {
        syn::UseTree::Path(path) => imported(&path.tree, Some(&path.ident.to_string()), names),
        syn::UseTree::Name(name) if name.ident == "self" => names.extend(parent.map(str::to_owned)),
        // `use rdkafka;` brings in the crate itself: it must stay visible as one.
        syn::UseTree::Name(name) if parent.is_some() => {
            names.insert(name.ident.to_string());
        }
        syn::UseTree::Rename(rename) => {
            names.insert(rename.rename.to_string());
        }
        syn::UseTree::Group(group) => group.items.iter().for_each(|tree| imported(tree, parent, names)),
        syn::UseTree::Name(_) | syn::UseTree::Glob(_) => {}
    }
}

/// Every leaf of an import with its full path; `self` leaves stand for their parent, globs end with `*`.
fn leaves(tree: &syn::UseTree) -> Vec<(Vec<String>, Span)> {
    let below = |ident: &syn::Ident, tree| {
        let mut below = leaves(tree);
        for (segments, span) in &mut below {
            segments.insert(0, ident.to_string());
            *span = ident.span();
        }
        below
    };
    let leaf = |ident: &syn::Ident| match ident == "self" {
        true => vec![(Vec::new(), ident.span())],
        false => vec![(vec![ident.to_string()], ident.span())],
    };
    match tree {
        syn::UseTree::Path(path) => below(&path.ident, &path.tree),
        syn::UseTree::Name(name) => leaf(&name.ident),
        syn::UseTree::Rename(rename) => leaf(&rename.ident),
        syn::UseTree::Glob(glob) => vec![(vec!["*".to_owned()], glob.star_token.spans[0])],
        syn::UseTree::Group(group) => group.items.iter().flat_map(leaves).collect(),
    }
}

fn idents(path: &syn::Path) -> Vec<String> {
    path.segments.iter().map(|segment| segment.ident.to_string()).collect()
}

fn is_punct(tree: &TokenTree, wanted: char) -> bool {
    matches!(tree, TokenTree::Punct(punct) if punct.as_char() == wanted)
}

fn double_colon(trees: &[TokenTree], at: usize) -> bool {
    matches!(trees.get(at..at + 2), Some([a, b]) if is_punct(a, ':') && is_punct(b, ':'))
}

fn semicolon() -> TokenTree {
    proc_macro2::Punct::new(';', proc_macro2::Spacing::Alone).into()
}

fn attributes(item: &syn::Item) -> &[syn::Attribute] {
    use syn::Item::*;
    match item {
        Const(item) => &item.attrs,
        Enum(item) => &item.attrs,
        ExternCrate(item) => &item.attrs,
        Fn(item) => &item.attrs,
        Impl(item) => &item.attrs,
        Macro(item) => &item.attrs,
        Mod(item) => &item.attrs,
        Static(item) => &item.attrs,
        Struct(item) => &item.attrs,
        Trait(item) => &item.attrs,
        Type(item) => &item.attrs,
        Use(item) => &item.attrs,
        _ => &[],
    }
}
