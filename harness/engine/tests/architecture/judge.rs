//! Holds names against the rules. Reads no file.

use std::collections::HashSet;

use crate::names::{Name, Place};
use crate::rules::{COMMON, EVERYWHERE, OWNED, PLAIN, ROOMS, SANS_IO, SANS_IO_OUTSIDE, SIDEWAYS, WORLD};

/// What is wrong with a name in a room; `None` where nothing is. Test code may also use `test_crates`.
pub fn complaint(room: &str, name: &Name, test_crates: &HashSet<String>) -> Option<String> {
    match &name.place {
        Place::Opaque(form) => Some(format!("{form} hides what is used")),
        Place::Inside(path) => inside(room, path),
        Place::Outside(path) if name.in_test && test_crates.contains(&path[0]) => None,
        Place::Outside(path) => outside(room, path, name),
    }
}

fn inside(room: &str, path: &[String]) -> Option<String> {
    let to = match path.first().map(String::as_str) {
        None | Some("*") => {
            return Some("imports the crate's root, behind which any room could hide".to_owned());
        }
        Some(to) => to,
    };
    if to == room {
        return None;
    }
    let Some(to_at) = place_of(to) else {
        return Some(format!("`crate::{to}` is no room; rooms stand in tests/architecture/rules.rs"));
    };
    if SIDEWAYS.iter().any(|(from, prefix, _)| *from == room && starts_with(path, prefix)) {
        return None;
    }
    if place_of(room) < Some(to_at) {
        return Some(format!("`{room}` may not use `{to}`, which stands to its right"));
    }
    if SANS_IO.contains(&room) && !SANS_IO.contains(&to) && !PLAIN.contains(&to) {
        return Some(format!("`{room}` is sans-IO and may not use `{to}`"));
    }
    None
}

fn outside(room: &str, path: &[String], name: &Name) -> Option<String> {
    let to = path[0].as_str();
    let pure = SANS_IO.contains(&room);
    if EVERYWHERE.contains(&to) {
        let world = |open: &&[&str]| starts_with(path, open) || is_prefix_of(path, open);
        return match WORLD.iter().find(|open| world(open)) {
            Some(_) if pure && !name.in_test => {
                Some(format!("`{room}` is sans-IO and may not use `{}`", path.join("::")))
            }
            _ => None,
        };
    }
    if name.re_exported {
        return Some(format!("re-exports `{to}`: other rooms could use it unseen"));
    }
    if pure || ["record", "cancel", "monitor"].contains(&room) {
        let allowed = SANS_IO_OUTSIDE.contains(&to);
        return (!allowed).then(|| format!("`{room}` may not use the crate `{to}`"));
    }
    match OWNED.iter().find(|(owned, _)| *owned == to) {
        Some((_, owners)) if owners.contains(&room) => None,
        Some((_, owners)) => {
            Some(format!("the crate `{to}` lives only in {owners:?}, `{room}` may not use it"))
        }
        None if COMMON.contains(&to) => None,
        None => Some(format!("the crate `{to}` has no row in tests/architecture/rules.rs")),
    }
}

fn place_of(room: &str) -> Option<usize> {
    ROOMS.iter().position(|known| *known == room)
}

fn starts_with(path: &[String], prefix: &[&str]) -> bool {
    path.len() >= prefix.len() && path.iter().zip(prefix).all(|(a, b)| a == b)
}

/// `use std::time` brings in all that is below it.
fn is_prefix_of(path: &[String], longer: &[&str]) -> bool {
    let whole = path.strip_suffix(&["*".to_owned()]).unwrap_or(path);
    whole.len() < longer.len() && whole.iter().zip(longer).all(|(a, b)| a == b)
}
