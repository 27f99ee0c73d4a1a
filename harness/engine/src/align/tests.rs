//! The alignment against a table over whole lists, with tuning so small that most cuts are wrong at first.

use super::*;

pub(super) fn items(letters: &[u8]) -> Vec<Item> {
    letters
        .iter()
        .enumerate()
        .map(|(at, &letter)| Item {
            identity: u128::from(letter),
            offset: at as i64,
            timestamp: 0,
            key: NonZeroU64::new(u64::from(letter % 3)),
            value: u64::from(letter),
        })
        .collect()
}

/// Suffix table and walk, as the definition says.
fn table(source: &[Item], target: &[Item]) -> Vec<(i64, i64)> {
    let (n, m) = (source.len(), target.len());
    let mut longest = vec![vec![0; m + 1]; n + 1];
    for i in (0..n).rev() {
        for j in (0..m).rev() {
            longest[i][j] = if source[i].identity == target[j].identity {
                1 + longest[i + 1][j + 1]
            } else {
                longest[i + 1][j].max(longest[i][j + 1])
            };
        }
    }
    let mut pairs = Vec::new();
    let mut j = 0;
    for i in 0..n {
        if let Some(at) = (j..m).find(|&at| source[i].identity == target[at].identity)
            && 1 + longest[i + 1][at + 1] == longest[i][j]
        {
            pairs.push((i as i64, at as i64));
            j = at + 1;
        }
    }
    pairs
}

pub(super) struct Random(pub u64);

impl Random {
    pub fn below(&mut self, n: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) % n
    }
}

fn sequences(random: &mut Random) -> [Vec<u8>; 2] {
    let letters = [1, 2, 3, 6, 20, 250][random.below(6) as usize];
    let len = random.below(60) as usize;
    let source: Vec<u8> = (0..len).map(|_| random.below(letters) as u8).collect();
    let mut target = source.clone();
    for _ in 0..random.below(5) {
        let at = random.below(target.len() as u64 + 1) as usize;
        let many = random.below(12) as usize;
        let to = (at + many).min(target.len());
        match random.below(5) {
            0 => drop(target.drain(at..to)),
            1 => {
                let block: Vec<u8> = target[at..to].to_vec();
                let back = random.below(target.len() as u64 + 1) as usize;
                target.splice(back..back, block);
            }
            2 => {
                let block: Vec<u8> = target.drain(at..to).collect();
                let back = random.below(target.len() as u64 + 1) as usize;
                target.splice(back..back, block);
            }
            3 => target.insert(at, random.below(letters) as u8),
            _ => target[at..to].reverse(),
        }
    }
    [source, target]
}

fn align(source: &[Item], target: &[Item], tuning: Tuning, random: &mut Random) -> Alignment {
    let mut aligner = PairAligner::new(Rules::default(), tuning, [0, 0]);
    let mut rest = [source, target];
    let mut end_target = random.below(2) == 0;
    while rest.iter().any(|items| !items.is_empty()) {
        if rest[1].is_empty() && end_target {
            aligner.end_target();
            end_target = false;
        }
        let side = Side::BOTH[random.below(2) as usize];
        let n = (random.below(9) as usize).min(rest[side as usize].len());
        let (now, later) = rest[side as usize].split_at(n);
        aligner.push(side, now);
        rest[side as usize] = later;
    }
    aligner.finish(0, &mut InMemory([source.to_vec(), target.to_vec()])).expect("lists can be read")
}

pub(super) fn pairs(runs: &Runs) -> Vec<(i64, i64)> {
    (0..runs.matched()).filter_map(|n| runs.pair(n)).collect()
}

/// `CUTPROOF_SEEDS`, or 100,000.
fn rounds() -> u64 {
    std::env::var("CUTPROOF_SEEDS").map_or(100_000, |n| n.parse().expect("CUTPROOF_SEEDS is a number"))
}

#[test]
fn matched_in_order_is_the_leftmost_longest_common_subsequence_however_the_streams_arrive() {
    let mut random = Random(0x9e37_79b9_7f4a_7c15);
    for round in 0..rounds() {
        let [source, target] = sequences(&mut random);
        let (source, target) = (items(&source), items(&target));
        let tuning = Tuning {
            agreeing: 1 + random.below(3) as usize,
            near: random.below(4) as usize,
            watched_max: [0, 6, 1 << 20][random.below(3) as usize],
            pairs_max: 1 << 20,
            window: [1, 4, 16, 1 << 16][random.below(4) as usize],
            indexed_max: [2, 1 << 17][random.below(2) as usize],
            bridge: [0, 4_000][random.below(2) as usize],
        };
        let alignment = align(&source, &target, tuning, &mut random);
        assert_eq!(
            pairs(&alignment.runs),
            table(&source, &target),
            "round {round}: {source:?} {target:?} {tuning:?}"
        );
        let sources = alignment.outcomes.iter().filter(|o| !matches!(o, Outcome::Duplicate { .. }));
        assert_eq!(
            sources.filter(|outcome| outcome.source().is_some()).count() as u64
                + alignment.runs.matched()
                + alignment.tail.records(),
            source.len() as u64
        );
        let targets = alignment.outcomes.iter().filter(|outcome| outcome.target().is_some()).count() as u64;
        assert_eq!(targets + alignment.runs.matched(), target.len() as u64);
    }
}

#[test]
fn what_is_awaited_is_what_may_still_be_copied() {
    let waits = |source: &[u8], target: &[u8]| {
        let mut aligner = PairAligner::new(Rules::default(), Tuning::default(), [0, 0]);
        aligner.push(Side::Source, &items(source));
        aligner.push(Side::Target, &items(target));
        aligner.waits_for_target()
    };
    assert!(!waits(b"abcdefgh", b"abcdefgh"), "all matched");
    assert!(waits(b"abcdefgh", b"abcdefg"), "the last one is still to come");
    assert!(waits(b"abcdefgh", b"abcdefgX"), "the last one may come after another writer's");
    assert!(!waits(b"abcdefghijk", b"aXcdefghijk"), "a record in the middle differs, the end is there");
    assert!(waits(b"abcdefghijk", b"aXcdefghij"), "a record differs, and the last one is still to come");
    assert!(waits(b"aaaaaaaaaaaaaa", b"Xaaaaaaaaaaaa"), "one of many equal ones is still to come");
}
