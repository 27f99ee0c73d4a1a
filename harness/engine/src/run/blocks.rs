//! Names duplicates that were copied again as a block: side by side on the target, in the order of their originals.
//! Judges nothing, reads nothing.

use cutproof_reports::FindingKind;

use super::explain::Draft;

/// The cause, as reports name it.
const CAUSE: &str = "resent_block";

/// Names blocks among the findings of one pair, which come in the order of the target.
pub(super) fn named(drafts: impl Iterator<Item = Draft>) -> impl Iterator<Item = Draft> {
    let mut drafts = drafts.peekable();
    let mut in_block = false;
    std::iter::from_fn(move || {
        let mut draft = drafts.next()?;
        // A duplicate is one of a block where it follows another one, or another one follows it.
        let goes_on = drafts.peek().is_some_and(|next| follows(&draft, next));
        if goes_on || in_block {
            draft.cause = Some(CAUSE);
        }
        in_block = goes_on;
        Some(draft)
    })
}

/// Names blocks among the findings of one unit, which come in any order. Between two records of a block that were of one
/// source partition there may be others that went elsewhere.
pub(super) fn name(drafts: &mut [Draft]) {
    let mut duplicates: Vec<usize> =
        (0..drafts.len()).filter(|&at| drafts[at].kind == FindingKind::DuplicateRecord).collect();
    duplicates.sort_unstable_by_key(|&at| drafts[at].target.map(|(lane, item)| (lane, item.offset)));
    for two in duplicates.windows(2) {
        if follows(&drafts[two[0]], &drafts[two[1]]) {
            two.iter().for_each(|&at| drafts[at].cause = Some(CAUSE));
        }
    }
}

/// Whether two findings are further copies that lie side by side in the order of their originals.
fn follows(one: &Draft, next: &Draft) -> bool {
    let places = |draft: &Draft| match (draft.kind, draft.source, draft.target) {
        (FindingKind::DuplicateRecord, Some((from, source)), Some((to, target))) => {
            Some(((from, to), source.offset, target.offset))
        }
        _ => None,
    };
    places(one)
        .zip(places(next))
        .is_some_and(|(one, next)| next.0 == one.0 && next.1 > one.1 && next.2 == one.2 + 1)
}
