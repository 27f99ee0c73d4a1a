//! Which copied records of one partition get an offset-sync, and what follows from the syncs for a committed offset:
//! MirrorMaker 2's rules. Keeps all syncs, where MirrorMaker 2 keeps 64 that get sparser towards the past, so far behind
//! its head the positions here are closer than its. Writes nothing.

/// A source offset and the target offset of the same record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct OffsetSync {
    pub upstream: i64,
    pub downstream: i64,
}

#[derive(Debug, Default)]
pub(super) struct PartitionSyncs {
    /// In the order written; both offsets grow.
    written: Vec<OffsetSync>,
    last: Option<OffsetSync>,
    delayed: bool,
}

impl PartitionSyncs {
    /// A record was copied. Returns the sync to write now, if it is one's turn: the first record, `lag_max` records
    /// after the last sync, after a jump on the source, after a step back on the target.
    pub fn copied(&mut self, upstream: i64, downstream: i64, lag_max: i64) -> Option<OffsetSync> {
        let sync = OffsetSync { upstream, downstream };
        let before = self.last.replace(sync);
        let due = match (self.written.last(), before) {
            (Some(written), Some(before)) => {
                downstream - (written.downstream + 1) >= lag_max
                    || upstream - before.upstream != 1
                    || downstream < before.downstream
            }
            _ => true,
        };
        self.delayed = !due;
        due.then(|| self.write(sync))
    }

    /// The sync that was held back, as at one of Connect's commits.
    pub fn flush(&mut self) -> Option<OffsetSync> {
        let sync = self.last.filter(|_| std::mem::take(&mut self.delayed))?;
        Some(self.write(sync))
    }

    fn write(&mut self, sync: OffsetSync) -> OffsetSync {
        // The source was read again from an earlier offset: what was known from there on is void.
        self.written.retain(|known| known.upstream < sync.upstream);
        self.written.push(sync);
        sync
    }

    /// Where a group that has committed `upstream` would resume: the target offset of the nearest sync at or before it,
    /// one more where it lies before it. `None` where no sync is that old.
    pub fn translate(&self, upstream: i64) -> Option<i64> {
        let sync = self.written.iter().rev().find(|sync| sync.upstream <= upstream)?;
        Some(if sync.upstream == upstream { sync.downstream } else { sync.downstream + 1 })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn copied_one_by_one(count: i64, lag_max: i64) -> (PartitionSyncs, Vec<i64>) {
        let mut syncs = PartitionSyncs::default();
        let mut written: Vec<i64> =
            (0..count).filter_map(|at| syncs.copied(at, at, lag_max)).map(|sync| sync.upstream).collect();
        written.extend(syncs.flush().map(|sync| sync.upstream));
        (syncs, written)
    }

    #[test]
    fn an_undisturbed_partition_gets_a_sync_every_lag_max_plus_one_records_and_one_at_the_end() {
        let (_, written) = copied_one_by_one(1000, 100);
        assert_eq!(written, [0, 101, 202, 303, 404, 505, 606, 707, 808, 909, 999]);
        let (mut syncs, written) = copied_one_by_one(3, 0);
        assert_eq!(written, [0, 1, 2]);
        assert_eq!(syncs.flush(), None);
    }

    /// Seen with MirrorMaker 2 for 1,000 records.
    #[test]
    fn positions_are_those_that_mirrormaker_gave() {
        let (syncs, _) = copied_one_by_one(1000, 100);
        for (upstream, downstream) in [(500, 405), (990, 910), (1000, 1000), (2000, 1000), (404, 404), (0, 0)]
        {
            assert_eq!(syncs.translate(upstream), Some(downstream), "{upstream}");
        }
    }

    #[test]
    fn a_jump_on_the_source_gets_a_sync_and_nothing_older_than_the_first_is_translated() {
        let mut syncs = PartitionSyncs::default();
        assert!(syncs.copied(10, 0, 100).is_some());
        assert!(syncs.copied(11, 1, 100).is_none());
        assert!(syncs.copied(13, 2, 100).is_some());
        assert_eq!(syncs.translate(9), None);
        assert_eq!(syncs.translate(11), Some(1));
        assert_eq!(syncs.translate(13), Some(2));
    }

    #[test]
    fn after_a_step_back_on_the_source_later_syncs_are_void() {
        let (mut syncs, _) = copied_one_by_one(300, 100);
        assert!(syncs.copied(150, 300, 100).is_some());
        assert_eq!(syncs.translate(250), Some(301));
        assert_eq!(syncs.translate(120), Some(102));
    }
}
