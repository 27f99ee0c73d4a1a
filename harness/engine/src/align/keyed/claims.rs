//! Copies that records from behind the barrier have in order while equal records before it have none. Each is withheld
//! until all lanes can be looked at: where a choice among equal records gives it to the judged one and leaves nothing of
//! their key out of order, the judged one was copied, and the other one not yet. Else everything stays as it was matched.
//! Looks at no order itself.

use std::collections::{HashMap, HashSet};
use std::num::NonZeroU64;

use super::exchange::{KeyOrder, Suspect};
use super::solve::Judged;
use super::{LaneOutcome, LanePair, PairSink};
use crate::align::watch::PassThrough;
use crate::align::{FirstFree, Item, LogError, Outcome, Rules};
use crate::record::Side;

/// A source record from behind the barrier and its copy, each with its lane.
struct Withheld {
    source: (usize, Item),
    target: (usize, Item),
}

impl Withheld {
    /// The copy together with this source record.
    fn copy_of(&self, (lane, source): &(usize, Item)) -> LanePair {
        LanePair { source: (*lane, source.offset), target: (self.target.0, self.target.1.offset) }
    }
}

/// Passes on who is matched in order, and withholds what a judged record lacks: no more of it than of those there are.
pub(super) struct Claims<'c> {
    judged: Judged<'c>,
    sink: &'c mut dyn PairSink,
    /// By identity, of the group at hand: judged records without a copy in order, less what is withheld for them.
    lacking: HashMap<u128, usize, PassThrough>,
    withheld: Vec<Withheld>,
}

impl<'c> Claims<'c> {
    pub fn new(judged: Judged<'c>, sink: &'c mut dyn PairSink) -> Self {
        Self { judged, sink, lacking: HashMap::default(), withheld: Vec::new() }
    }

    pub fn judged(&self) -> Judged<'c> {
        self.judged
    }

    /// What follows is of another group.
    pub fn next_group(&mut self) {
        self.lacking = HashMap::default();
    }

    /// A source record has no copy in order. Returns whether it is judged: only then it counts.
    pub fn lacks(&mut self, lane: usize, item: &Item) -> bool {
        let judged = self.judged.holds(lane, item);
        if judged {
            *self.lacking.entry(item.identity).or_default() += 1;
        }
        judged
    }

    /// Two records, each with its lane, are matched in order. All that the group lacks must have been said before one from
    /// behind the barrier is.
    pub fn matched(&mut self, source: (usize, &Item), target: (usize, &Item)) {
        let [source, target] = [source, target].map(|(lane, item)| (lane, *item));
        let pair = Withheld { source, target };
        if self.judged.is_late(source.0, &source.1)
            && let Some(lacking) = self.lacking.get_mut(&source.1.identity)
            && *lacking > 0
        {
            *lacking -= 1;
            self.withheld.push(pair);
        } else {
            self.sink.matched(pair.copy_of(&pair.source));
        }
    }

    /// How many copies are withheld.
    pub fn withheld(&self) -> usize {
        self.withheld.len()
    }

    /// Decides what becomes of all that is withheld. `outcomes`: all, among them the judged records that have no copy; where
    /// one is given a copy, its outcome becomes that of the record from behind the barrier, which has none then; where
    /// nobody can tell, as where the lanes cannot be read again, it is not called missing. `orders`: what is known of the
    /// keys of records that want one copy.
    pub fn settle(
        self,
        outcomes: &mut [LaneOutcome],
        rules: &Rules,
        orders: impl FnOnce(&[Suspect]) -> Result<HashMap<NonZeroU64, KeyOrder>, LogError>,
    ) {
        let Self { judged, sink, withheld, .. } = self;
        if withheld.is_empty() {
            return;
        }
        // In the order in which they were withheld.
        let places = withheld.iter().map(|pair| (pair.source.1.identity, pair.target.1.timestamp));
        let mut free = FirstFree::new(places);
        let wanted: HashSet<u128, PassThrough> = withheld.iter().map(|pair| pair.source.1.identity).collect();
        let wants = |lane: usize, item: &Item| judged.holds(lane, item) && wanted.contains(&item.identity);
        let mut is_claimed = vec![false; withheld.len()];
        let mut claims: Vec<(usize, (usize, Item), &Withheld)> = Vec::new();
        for (at, own) in missing(outcomes, wants) {
            let times = rules.near(own.1.timestamp, own.1.timestamp);
            let alike = (own.1.identity, *times.start())..=(own.1.identity, *times.end());
            if let Some(first) = free.take(alike) {
                is_claimed[first] = true;
                claims.push((at, own, &withheld[first]));
            }
        }
        // Those that would lack it have found another one.
        for (pair, _) in withheld.iter().zip(is_claimed).filter(|(_, is_claimed)| !is_claimed) {
            sink.matched(pair.copy_of(&pair.source));
        }
        if claims.is_empty() {
            return;
        }
        let suspects = claims.iter().flat_map(|(_, own, withheld)| {
            [own, &withheld.source].map(|source| Some((source.1.key?, withheld.copy_of(source))))
        });
        let suspects: Vec<Suspect> = suspects.flatten().collect();
        let orders = orders(&suspects).ok();
        for (at, own, withheld) in claims {
            let order = match &orders {
                Some(orders) => own.1.key.and_then(|key| orders.get(&key).copied()),
                None => Some(KeyOrder::Undecided),
            };
            let kept = order == Some(KeyOrder::Kept);
            sink.matched(withheld.copy_of(if kept { &own } else { &withheld.source }));
            let (lane, source) = withheld.source;
            if kept {
                outcomes[at].source_lane = Some(lane);
                outcomes[at].outcome = Outcome::Missing { source };
            } else if order == Some(KeyOrder::Undecided) {
                outcomes[at].outcome = Outcome::Unsolved { side: Side::Source, record: own.1 };
            }
        }
    }
}

/// Those of `outcomes` that say that such a record is missing: which, and the record with its lane; by lane and offset.
fn missing(outcomes: &[LaneOutcome], such: impl Fn(usize, &Item) -> bool) -> Vec<(usize, (usize, Item))> {
    let mut missing = Vec::new();
    for (at, entry) in outcomes.iter().enumerate() {
        if let (Some(lane), Outcome::Missing { source }) = (entry.source_lane, &entry.outcome)
            && such(lane, source)
        {
            missing.push((at, (lane, *source)));
        }
    }
    missing.sort_unstable_by_key(|(_, (lane, source))| (*lane, source.offset));
    missing
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Default)]
    struct Pairs(Vec<LanePair>);

    impl PairSink for Pairs {
        fn matched(&mut self, pair: LanePair) {
            self.0.push(pair);
        }
    }

    fn item(offset: i64) -> Item {
        Item { identity: 7, offset, timestamp: 0, key: NonZeroU64::new(1), value: 0 }
    }

    fn missing_at(lane: usize, offset: i64) -> LaneOutcome {
        let outcome = Outcome::Missing { source: item(offset) };
        LaneOutcome { source_lane: Some(lane), target_lane: None, outcome }
    }

    fn pair(lane: usize, offset: i64, target: i64) -> LanePair {
        LanePair { source: (lane, offset), target: (0, target) }
    }

    /// Of both lanes what lies from offset 2 to 4.
    fn judged() -> Judged<'static> {
        Judged { starts: &[2, 2], barrier: &[4, 4] }
    }

    #[test]
    fn a_copy_is_withheld_for_each_judged_record_that_lacks_one_and_for_no_other() {
        let mut pairs = Pairs::default();
        let mut claims = Claims::new(judged(), &mut pairs);
        assert!(!claims.lacks(0, &item(1)), "before the scope");
        assert!(!claims.lacks(0, &item(4)), "behind the barrier");
        claims.matched((1, &item(4)), (0, &item(0)));
        assert!(claims.lacks(0, &item(2)) && claims.lacks(0, &item(3)));
        claims.matched((1, &item(3)), (0, &item(1)));
        for n in 2..6 {
            claims.matched((1, &item(3 + n)), (0, &item(n)));
        }
        claims.next_group();
        claims.matched((1, &item(9)), (0, &item(6)));
        assert_eq!(claims.withheld.len(), 2);
        assert_eq!(pairs.0, [pair(1, 4, 0), pair(1, 3, 1), pair(1, 7, 4), pair(1, 8, 5), pair(1, 9, 6)]);
    }

    /// What becomes of a missing record of the first lane, and whose copy that of a late record of the second lane is.
    fn settled(order: Result<Option<KeyOrder>, LogError>) -> (LaneOutcome, Vec<LanePair>) {
        let mut pairs = Pairs::default();
        let mut claims = Claims::new(judged(), &mut pairs);
        claims.lacks(0, &item(3));
        claims.matched((1, &item(5)), (0, &item(9)));
        let mut outcomes = [missing_at(0, 3)];
        claims.settle(&mut outcomes, &Rules::default(), |suspects| {
            let key = suspects[0].0;
            assert_eq!(suspects, [(key, pair(0, 3, 9)), (key, pair(1, 5, 9))]);
            Ok(order?.into_iter().map(|order| (key, order)).collect())
        });
        let [outcome] = outcomes;
        (outcome, pairs.0)
    }

    #[test]
    fn the_copy_goes_to_the_judged_record_only_where_that_is_known_to_be_in_order() {
        let [own, late] = [pair(0, 3, 9), pair(1, 5, 9)];
        assert_eq!(settled(Ok(Some(KeyOrder::Kept))), (missing_at(1, 5), vec![own]));
        assert_eq!(settled(Ok(None)), (missing_at(0, 3), vec![late]));
        let unsolved = Outcome::Unsolved { side: Side::Source, record: item(3) };
        let undecided = LaneOutcome { source_lane: Some(0), target_lane: None, outcome: unsolved };
        for nobody_knows in [Ok(Some(KeyOrder::Undecided)), Err(LogError("gone".to_owned()))] {
            assert_eq!(settled(nobody_knows), (undecided.clone(), vec![late]));
        }
    }

    #[test]
    fn what_is_withheld_and_lacks_nobody_stays_matched() {
        let mut pairs = Pairs::default();
        let mut claims = Claims::new(judged(), &mut pairs);
        claims.lacks(0, &item(3));
        claims.matched((1, &item(5)), (0, &item(9)));
        // Behind the barrier, and of another identity.
        let mut outcomes = [missing_at(0, 6), missing_at(0, 3)];
        outcomes[1].outcome = Outcome::Missing { source: Item { identity: 8, ..item(3) } };
        let before = outcomes.clone();
        claims.settle(&mut outcomes, &Rules::default(), |_| panic!("nothing is to be looked at"));
        assert_eq!((outcomes, pairs.0), (before, vec![pair(1, 5, 9)]));
    }

    #[test]
    fn under_a_tolerance_a_copy_of_another_time_is_no_copy_and_many_of_them_are_passed_over_at_once() {
        const RECORDS: i64 = 100_000;
        let starts = [0, 0];
        let barrier = [RECORDS, 0];
        let mut pairs = Pairs::default();
        let mut claims = Claims::new(Judged { starts: &starts, barrier: &barrier }, &mut pairs);
        let lost = |n: i64| Item { timestamp: n * 1_000, ..item(n) };
        for n in 0..RECORDS {
            claims.lacks(0, &lost(n));
        }
        for n in 0..RECORDS {
            let late = Item { timestamp: n * 1_000 + 500, ..item(n) };
            claims.matched((1, &late), (0, &late));
        }
        assert_eq!(claims.withheld(), RECORDS as usize);
        let missing = |n| LaneOutcome {
            source_lane: Some(0),
            target_lane: None,
            outcome: Outcome::Missing { source: lost(n) },
        };
        let mut outcomes: Vec<LaneOutcome> = (0..RECORDS).map(missing).collect();
        let before = outcomes.clone();
        let rules = Rules { timestamp_tolerance_ms: Some(5) };
        claims.settle(&mut outcomes, &rules, |_| panic!("nothing is to be looked at"));
        assert!(outcomes == before);
        assert_eq!(pairs.0.len(), RECORDS as usize);
    }
}
