//! What a group would skip and do again where its records may change partitions: its commit is a vector over source
//! partitions, its resume position one over target partitions. Pure counting over copies.

use std::collections::{BTreeMap, HashMap};

use super::Cells;
use crate::align::keyed::LaneOutcome;
use crate::align::{Item, Outcome};
use crate::classify::Standing;
use crate::record::FindingKind;

/// A lane and an offset in it.
pub type Place = (usize, i64);

/// Every copy on the target of a source record of one unit, and the source records that have none.
#[derive(Debug)]
pub struct UnitCopies<'a> {
    cells: &'a Cells,
    /// Copies apart from those matched in order, by source record.
    further: BTreeMap<Place, Vec<Place>>,
    /// Where source records of `further` are matched in order.
    in_order: HashMap<Place, Place>,
    /// Without a copy, judged missing.
    missing: Vec<Place>,
    /// Not on the target yet, or not known to be.
    pending: Vec<Place>,
}

/// What a group meets at one target lane.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LaneCounts {
    /// The lowest offset of a first copy of a source record at or after the group's commits; `None` without any.
    pub image: Option<i64>,
    /// Source records at or after the commits whose first copy is in this lane, and all copies before the resume
    /// offsets. `None` where a resume offset that this depends on is not known.
    pub skip: Option<u64>,
    /// Target records in this lane at or after its resume offset that copy source records before the commits.
    pub replay: Option<u64>,
}

impl<'a> UnitCopies<'a> {
    /// `standings`: parallel to `outcomes`. `in_order`: where each duplicated source record is matched in order, as
    /// [`Repeated::partners`](super::Repeated::partners) finds it.
    pub fn of(
        cells: &'a Cells,
        outcomes: &[LaneOutcome],
        standings: &[Standing],
        in_order: HashMap<Place, Place>,
    ) -> Self {
        let mut further: BTreeMap<Place, Vec<Place>> = BTreeMap::new();
        let (mut missing, mut pending) = (Vec::new(), Vec::new());
        for (entry, standing) in outcomes.iter().zip(standings) {
            let (source, target) = places(entry);
            match (&entry.outcome, source, target) {
                // Two writes, no copy of one another; each is gone on the other side.
                _ if matches!(standing, Standing::Compacted | Standing::CompactedOrDropped) => {}
                (
                    Outcome::Duplicate { .. } | Outcome::Reordered { .. } | Outcome::Mismatched { .. },
                    Some(source),
                    Some(target),
                ) => further.entry(source).or_default().push(target),
                (Outcome::Missing { .. }, Some(source), _) => match standing {
                    Standing::Finding(FindingKind::MissingRecord) => missing.push(source),
                    Standing::Pending | Standing::Unverifiable => pending.push(source),
                    Standing::Finding(_)
                    | Standing::Compacted
                    | Standing::CompactedOrDropped
                    | Standing::Beyond => {}
                },
                _ => {}
            }
        }
        Self { cells, further, in_order, missing, pending }
    }

    /// Counts, by target lane, what a group meets. `commits`: by source lane; records of a lane without one do not
    /// concern the group. `resumes`: by target lane.
    pub fn judge(&self, commits: &[Option<i64>], resumes: &[Option<i64>]) -> Vec<LaneCounts> {
        let ahead = |(lane, offset): Place| commits[lane].map(|commit| offset >= commit);
        (0..resumes.len()).map(|lane| self.lane(lane, &ahead, resumes)).collect()
    }

    fn lane(
        &self,
        lane: usize,
        ahead: &dyn Fn(Place) -> Option<bool>,
        resumes: &[Option<i64>],
    ) -> LaneCounts {
        let next = self.cells.sum(|source, target| target.0 == lane && ahead(source) == Some(true));
        let mut image = next.target.map(|(lowest, _)| lowest);
        let (mut skip, mut replay) = (None, None);
        if let Some(resume) = resumes[lane] {
            let here = |wanted: bool, passed: bool| {
                let cells = self.cells.sum(|source, target| {
                    target.0 == lane && ahead(source) == Some(wanted) && (target.1 < resume) == passed
                });
                cells.pairs
            };
            (skip, replay) = (Some(here(true, true)), Some(here(false, false)));
        }
        for (source, copies) in &self.further {
            let Some(ahead) = ahead(*source) else { continue };
            if !ahead {
                let again = copies.iter().filter(|(at, offset)| {
                    *at == lane && resumes[lane].is_some_and(|resume| *offset >= resume)
                });
                replay = replay.map(|replay| replay + again.count() as u64);
                continue;
            }
            let own = copies.iter().filter(|(at, _)| *at == lane).map(|(_, offset)| *offset);
            image = image.into_iter().chain(own).min();
            let in_order = self.in_order.get(source);
            let first = in_order.or_else(|| copies.iter().min()).copied();
            if first.is_none_or(|(at, _)| at != lane) {
                continue;
            }
            let passed = |(at, offset): Place| resumes[at].map(|resume| offset < resume);
            let all_passed = copies.iter().try_fold(true, |all, copy| passed(*copy).map(|one| all && one));
            skip = match (in_order.map(|place| passed(*place) == Some(true)), all_passed) {
                // Counted above as skipped, but a further copy is still to come.
                (Some(true), Some(false)) => skip.and_then(|skip| skip.checked_sub(1)),
                (None, Some(true)) => skip.map(|skip| skip + 1),
                (Some(true) | None, None) => None,
                _ => skip,
            };
        }
        LaneCounts { image, skip, replay }
    }

    /// Source records of a lane at or after `commit` without a copy.
    pub fn missing_from(&self, lane: usize, commit: i64) -> u64 {
        self.missing.iter().filter(|(at, offset)| *at == lane && *offset >= commit).count() as u64
    }

    /// Source records of a lane before `commit` that the target does not hold yet.
    pub fn pending_before(&self, lane: usize, commit: i64) -> u64 {
        self.pending.iter().filter(|(at, offset)| *at == lane && *offset < commit).count() as u64
    }
}

/// Where an outcome's records are. A lane that is not told has no record.
pub fn places(entry: &LaneOutcome) -> (Option<Place>, Option<Place>) {
    let place = |lane: Option<usize>, item: Option<&Item>| Some((lane?, item?.offset));
    (place(entry.source_lane, entry.outcome.source()), place(entry.target_lane, entry.outcome.target()))
}
