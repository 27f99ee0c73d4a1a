//! What keyed alignment costs per record and in memory: time and peak allocation while records of both sides arrive
//! with a skew, and all of them meet. `CUTPROOF_RECORDS`: records on each side (default 5,000,000). Judges nothing.

use std::alloc::{GlobalAlloc, Layout, System};
use std::num::NonZeroU64;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::Instant;

use cutproof::align::keyed::{
    Extent, Grouping, InMemoryStore, KeyedAligner, KeyedTuning, LaneLog, LanePair, PairSink,
};
use cutproof::align::{Item, LogError, Rules};
use cutproof::record::{OffsetRange, Side};

struct Counted;

static NOW: AtomicUsize = AtomicUsize::new(0);
static PEAK: AtomicUsize = AtomicUsize::new(0);

// SAFETY: every call is handed to the system's allocator as it came.
unsafe impl GlobalAlloc for Counted {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        PEAK.fetch_max(NOW.fetch_add(layout.size(), Relaxed) + layout.size(), Relaxed);
        // SAFETY: the caller keeps `alloc`'s contract.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        NOW.fetch_sub(layout.size(), Relaxed);
        // SAFETY: the caller keeps `dealloc`'s contract.
        unsafe { System.dealloc(at, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counted = Counted;

struct Count(u64);

impl PairSink for Count {
    fn matched(&mut self, _: LanePair) {
        self.0 += 1;
    }
}

struct Unread;

impl LaneLog for Unread {
    fn read(
        &mut self,
        _: Side,
        _: usize,
        _: OffsetRange,
        _: Extent,
        _: &mut dyn FnMut(&Item) -> bool,
    ) -> Result<(), LogError> {
        Err(LogError("nothing differs, so nothing is read again".to_owned()))
    }
}

fn mix(n: u64) -> u64 {
    let n = (n ^ (n >> 33)).wrapping_mul(0xff51_afd7_ed55_8ccd);
    let n = (n ^ (n >> 33)).wrapping_mul(0xc4ce_b9fe_1a85_ec53);
    n ^ (n >> 33)
}

/// The `n`-th record; every key is that of `records / keys` of them.
fn item(n: u64, keys: u64) -> Item {
    let key = mix(n % keys + 1);
    Item {
        identity: (u128::from(mix(n)) << 64) | u128::from(mix(!n)),
        offset: 0,
        timestamp: n as i64,
        key: NonZeroU64::new(key),
        value: n,
    }
}

fn measure(name: &str, records: u64, keys: u64, lanes: [usize; 2], grouping: Grouping, skew: u64) {
    const BATCH: u64 = 500;
    let store = Box::new(InMemoryStore::default());
    let mut aligner = KeyedAligner::new(Rules::default(), grouping, KeyedTuning::default(), lanes, store);
    let mut count = Count(0);
    let mut offsets = lanes.map(|lanes| vec![0; lanes]);
    let mut batches = lanes.map(|lanes| vec![Vec::with_capacity(BATCH as usize); lanes]);
    let before = NOW.load(Relaxed);
    PEAK.store(before, Relaxed);
    let mut spent = std::time::Duration::ZERO;
    let mut held_most = 0;
    for start in (0..records + skew).step_by(BATCH as usize) {
        for (side, from) in [(Side::Source, Some(start)), (Side::Target, start.checked_sub(skew))] {
            let Some(from) = from else { continue };
            for n in from..(from + BATCH).min(records) {
                let mut item = item(n, keys);
                // Every partitioner of its own.
                let hash = item.key.expect("set above").get() >> (8 + 8 * side as u64);
                let lane = (hash % lanes[side as usize] as u64) as usize;
                let offset = &mut offsets[side as usize][lane];
                item.offset = *offset;
                *offset += 1;
                batches[side as usize][lane].push(item);
            }
            let started = Instant::now();
            for (lane, batch) in batches[side as usize].iter_mut().enumerate() {
                aligner.push(side, lane, batch, &mut count).expect("memory holds it");
                batch.clear();
            }
            spent += started.elapsed();
            held_most = held_most.max(aligner.held().iter().sum());
        }
    }
    let alignment = aligner.finish(&vec![0; lanes[0]], &mut Unread, &mut count).expect("nothing differs");
    assert_eq!((count.0, alignment.outcomes.len()), (records, 0));
    let peak = (PEAK.load(Relaxed) - before) as f64 / 1_048_576.0;
    let each = spent.as_nanos() as f64 / (2 * records) as f64;
    println!("{name:<44} {each:>7.1} ns per record {held_most:>9} held at most {peak:>8.1} MiB at most");
}

fn main() {
    let records = std::env::var("CUTPROOF_RECORDS").map_or(5_000_000, |n| n.parse().expect("a number"));
    use Grouping::{KeyThenMultiset, Multiset};
    for (skew, skewed) in [(1_000, "skew 10^3"), (100_000, "skew 10^5")] {
        measure(&format!("10^5 keys, 1 -> 1, {skewed}"), records, 100_000, [1, 1], Grouping::Key, skew);
        measure(&format!("unique keys, 1 -> 1, {skewed}"), records, u64::MAX, [1, 1], Grouping::Key, skew);
        measure(&format!("10^5 keys, 4 -> 8, {skewed}"), records, 100_000, [4, 8], KeyThenMultiset, skew);
        measure(&format!("unique keys, 4 -> 8, {skewed}"), records, u64::MAX, [4, 8], KeyThenMultiset, skew);
        measure(&format!("no order, 1 -> 1, {skewed}"), records, 100_000, [1, 1], Multiset, skew);
    }
    measure("one key, 1 -> 1, skew 10^3", records, 1, [1, 1], Grouping::Key, 1_000);
}
