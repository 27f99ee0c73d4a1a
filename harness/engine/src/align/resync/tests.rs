//! Where two streams are taken to run alike again: the nearest cut first, however the windows grow.

use super::super::tests::{Random, items};
use super::*;

fn tuning(near: usize, agreeing: usize) -> Tuning {
    Tuning { near, agreeing, ..Tuning::default() }
}

/// Letters of one alphabet, so that much agrees by chance.
fn letters(random: &mut Random, len: u64) -> Vec<u8> {
    let of = [2, 4, 200][random.below(3) as usize];
    (0..len).map(|_| random.below(of) as u8).collect()
}

/// The cut that leaves out fewest records together, of these with fewest of the source, and after which enough agree.
fn nearest(source: &[Item], target: &[Item], tuning: &Tuning) -> Option<(usize, usize)> {
    let agree = |(i, j): (usize, usize)| {
        (0..tuning.agreeing).all(|n| match (source.get(i + n), target.get(j + n)) {
            (Some(s), Some(t)) => s.identity == t.identity,
            _ => false,
        })
    };
    let cuts = (1..=tuning.near).flat_map(|sum| (0..=sum).map(move |i| (i, sum - i)));
    cuts.into_iter().find(|&cut| agree(cut))
}

#[test]
fn of_near_cuts_the_one_that_leaves_out_fewest_is_taken() {
    let mut random = Random(81);
    let mut found = 0;
    for _ in 0..20_000 {
        let tuning = tuning(random.below(6) as usize, 1 + random.below(4) as usize);
        let enough = (tuning.near + tuning.agreeing) as u64;
        let lens = [0, 1].map(|_| enough + random.below(8));
        let [source, target] = lens.map(|len| items(&letters(&mut random, len)));
        if let Some(cut) = nearest(&source, &target, &tuning) {
            found += 1;
            let got = Search::default().step(&source, &target, &Rules::default(), &tuning);
            assert_eq!(got, Some(cut), "{source:?} {target:?} {tuning:?}");
        }
    }
    assert!(found > 2_000, "only {found} were found");
}

#[test]
fn nothing_is_proposed_before_all_near_cuts_can_be_tried() {
    let tuning = tuning(3, 2);
    let [source, target] = [items(b"Xabcdefgh"), items(b"abcdefgh")];
    for (s, t) in [(4, 8), (9, 4)] {
        assert_eq!(Search::default().step(&source[..s], &target[..t], &Rules::default(), &tuning), None);
    }
    assert_eq!(Search::default().step(&source[..5], &target[..5], &Rules::default(), &tuning), Some((1, 0)));
}

/// Each letter once, so that one cut is right.
fn once(range: std::ops::Range<u8>) -> Vec<u8> {
    range.collect()
}

#[test]
fn a_cut_far_away_is_found_as_soon_as_enough_records_behind_it_agree() {
    let mut random = Random(82);
    for _ in 0..2_000 {
        let tuning = Tuning {
            indexed_max: [16, 1 << 17][random.below(2) as usize],
            ..tuning(random.below(4) as usize, 1 + random.below(6) as usize)
        };
        // Both begin with records of their own, and go on alike.
        let own = [random.below(40) as u8, random.below(40) as u8];
        let common = once(100..250);
        let [source, target] = [0, 1]
            .map(|side: usize| [once(50 * side as u8..50 * side as u8 + own[side]), common.clone()].concat());
        let hashed = |letters: &[u8]| -> Vec<Item> {
            let hash = |item: Item| Item { identity: (item.identity + 7).pow(9), ..item };
            items(letters).into_iter().map(hash).collect()
        };
        let (source, target) = (hashed(&source), hashed(&target));
        let cut = (usize::from(own[0]), usize::from(own[1]));
        if cut == (0, 0) {
            continue;
        }
        let mut search = Search::default();
        let mut read = [0, 0];
        let found = loop {
            let side = random.below(2) as usize;
            read[side] = (read[side] + 1 + random.below(9) as usize).min([source.len(), target.len()][side]);
            let step = search.step(&source[..read[0]], &target[..read[1]], &Rules::default(), &tuning);
            if step.is_some() || read == [source.len(), target.len()] {
                break step;
            }
            let held = search.first_seen.each_ref().map(|seen| seen.len());
            assert!(held.iter().all(|&held| held <= tuning.indexed_max), "{held:?}");
            // With every record indexed, it is found at the first chance.
            let enough = tuning.near + tuning.agreeing;
            let seen = read[0] >= enough.max(cut.0 + tuning.agreeing)
                && read[1] >= enough.max(cut.1 + tuning.agreeing);
            assert!(!seen || tuning.indexed_max == 16, "{cut:?} not found in {read:?} {tuning:?}");
        };
        assert_eq!(found, Some(cut), "{tuning:?}");
    }
}

#[test]
fn what_agrees_too_shortly_is_no_cut() {
    let tuning = tuning(0, 3);
    // Two records agree by chance; three do behind them.
    let [source, target] = [items(b"12ABxyCDEF"), items(b"9ABz8CDEF")];
    for read in 0..=9 {
        let step = Search::default().step(&source[..read], &target[..read], &Rules::default(), &tuning);
        assert_eq!(step, (read == 9).then_some((6, 5)), "{read}");
    }
    let mut search = Search::default();
    for read in 0..=9 {
        let step = search.step(&source[..read], &target[..read], &Rules::default(), &tuning);
        assert_eq!(step, (read == 9).then_some((6, 5)), "{read} one after the other");
    }
}

#[test]
fn how_many_agree_decides_and_what_is_not_read_yet_is_neither_yes_nor_no() {
    let rules = Rules::default();
    let says = |source: &[u8], target: &[u8], cut| {
        agreement(&items(source), &items(target), cut, &rules, &tuning(0, 3)) as u8
    };
    let [yes, no, short] = [Agreement::Yes as u8, Agreement::No as u8, Agreement::TooShort as u8];
    assert_eq!(says(b"Xabc", b"abc", (1, 0)), yes);
    assert_eq!(says(b"Xabcd", b"abcX", (1, 0)), yes);
    assert_eq!(says(b"XabX", b"abc", (1, 0)), no);
    assert_eq!(says(b"Xab", b"abc", (1, 0)), short);
    assert_eq!(says(b"XaX", b"ab", (1, 0)), no);
    assert_eq!(says(b"X", b"abc", (1, 0)), short);
    assert_eq!(says(b"X", b"abc", (2, 5)), short);
}

#[test]
fn as_many_records_are_indexed_as_may_be_and_of_more_only_a_part() {
    let tuning = Tuning { indexed_max: 16, ..tuning(0, 1) };
    let source: Vec<Item> = items(&once(0..17))
        .into_iter()
        .map(|item| Item { identity: (item.identity + 7).pow(9), ..item })
        .collect();
    let target = items(b"X");
    let mut search = Search::default();
    assert_eq!(search.step(&source[..16], &target, &Rules::default(), &tuning), None);
    assert_eq!(search.first_seen[0].len(), 16);
    assert_eq!(search.step(&source, &target, &Rules::default(), &tuning), None);
    assert!((1..16).contains(&search.first_seen[0].len()), "{}", search.first_seen[0].len());
}
