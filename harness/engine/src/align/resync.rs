//! Looks for the place where two streams that differ run alike again. A proposal only: `certify` proves it.

use std::collections::HashMap;

use super::{Item, Rules, Tuning, watch::PassThrough};

/// The state of one search, from the first difference on.
#[derive(Default)]
pub(super) struct Search {
    near_done: bool,
    first_seen: [HashMap<u64, u32, PassThrough>; 2],
    indexed: [usize; 2],
    /// Only identities with these bits at zero are indexed: fewer, the longer the search goes on.
    skipped_bits: u64,
    /// Cuts whose agreement reaches past what has been read.
    open: Vec<(usize, usize)>,
}

impl Search {
    /// How many records to leave out on each side, or `None` until more has been read.
    pub fn step(
        &mut self,
        source: &[Item],
        target: &[Item],
        rules: &Rules,
        tuning: &Tuning,
    ) -> Option<(usize, usize)> {
        let enough = tuning.near + tuning.agreeing;
        if source.len() < enough || target.len() < enough {
            return None;
        }
        if !self.near_done {
            self.near_done = true;
            for left_over in 1..=tuning.near {
                for i in 0..=left_over {
                    let cut = (i, left_over - i);
                    if agreement(source, target, cut, rules, tuning) == Agreement::Yes {
                        return Some(cut);
                    }
                }
            }
        }
        self.wide(source, target, rules, tuning)
    }

    fn wide(
        &mut self,
        source: &[Item],
        target: &[Item],
        rules: &Rules,
        tuning: &Tuning,
    ) -> Option<(usize, usize)> {
        let open = std::mem::take(&mut self.open);
        for cut in open {
            if self.try_cut(source, target, cut, rules, tuning) {
                return Some(cut);
            }
        }
        let windows = [source, target];
        for side in [0, 1] {
            while self.indexed[side] < windows[side].len() {
                let at = self.indexed[side];
                self.indexed[side] += 1;
                let identity = windows[side][at].identity as u64;
                if spread(identity) & self.skipped_bits != 0 || self.first_seen[side].contains_key(&identity)
                {
                    continue;
                }
                self.first_seen[side].insert(identity, at as u32);
                if let Some(&other) = self.first_seen[1 - side].get(&identity) {
                    let (mut i, mut j) = if side == 0 { (at, other as usize) } else { (other as usize, at) };
                    // Where not every record is indexed, the two run alike from before this one on.
                    while i > 0 && j > 0 && rules.matches(&source[i - 1], &target[j - 1]) {
                        (i, j) = (i - 1, j - 1);
                    }
                    if self.try_cut(source, target, (i, j), rules, tuning) {
                        return Some((i, j));
                    }
                }
                if self.first_seen[side].len() > tuning.indexed_max {
                    self.thin_out();
                }
            }
        }
        None
    }

    fn thin_out(&mut self) {
        self.skipped_bits = self.skipped_bits << 1 | 1;
        for seen in &mut self.first_seen {
            seen.retain(|&identity, _| spread(identity) & self.skipped_bits == 0);
        }
    }

    fn try_cut(
        &mut self,
        source: &[Item],
        target: &[Item],
        cut: (usize, usize),
        rules: &Rules,
        tuning: &Tuning,
    ) -> bool {
        match agreement(source, target, cut, rules, tuning) {
            Agreement::Yes => true,
            Agreement::No => false,
            Agreement::TooShort => {
                self.open.push(cut);
                false
            }
        }
    }
}

/// Bits that depend on all of an identity's.
fn spread(identity: u64) -> u64 {
    identity.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32
}

#[derive(PartialEq, Eq)]
enum Agreement {
    Yes,
    No,
    TooShort,
}

fn agreement(
    source: &[Item],
    target: &[Item],
    (i, j): (usize, usize),
    rules: &Rules,
    tuning: &Tuning,
) -> Agreement {
    let mut pairs =
        source[i.min(source.len())..].iter().zip(&target[j.min(target.len())..]).take(tuning.agreeing);
    let mut seen = 0;
    if pairs.by_ref().inspect(|_| seen += 1).any(|(s, t)| !rules.matches(s, t)) {
        Agreement::No
    } else if seen < tuning.agreeing {
        Agreement::TooShort
    } else {
        Agreement::Yes
    }
}

#[cfg(test)]
mod tests;
