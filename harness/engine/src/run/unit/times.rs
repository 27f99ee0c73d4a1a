//! How the timestamps of a lane run, and how new the records can be that retention has taken from its beginning. Reads
//! nothing.

use crate::align::Item;

/// What is known of the timestamps of one lane, in milliseconds.
#[derive(Clone, Copy, Debug)]
pub(in crate::run) struct LaneTimes {
    /// Whether all timestamps are followed: only where it matters by how much they go back.
    followed: bool,
    /// Offset and timestamp of the first record.
    first: Option<(i64, i64)>,
    newest: i64,
    /// By how much timestamps go back at most.
    goes_back: u64,
}

impl LaneTimes {
    /// `followed`: whether anything is asked of timestamps: a lane of the unit has lost its beginning, or loses records.
    pub fn new(followed: bool) -> Self {
        Self { followed, first: None, newest: i64::MIN, goes_back: 0 }
    }

    /// The next records.
    pub fn see(&mut self, items: &[Item]) {
        if let Some(first) = items.first() {
            self.first.get_or_insert((first.offset, first.timestamp));
        }
        for item in items.iter().take_while(|_| self.followed) {
            self.newest = self.newest.max(item.timestamp);
            self.goes_back = self.goes_back.max(self.newest.abs_diff(item.timestamp));
        }
    }

    /// What comes next counts as the lane's beginning.
    pub fn begin_again(&mut self) {
        (self.first, self.followed) = (None, true);
    }

    /// By how much timestamps go back at most; where they are not followed, nobody knows.
    pub fn goes_back(&self) -> u64 {
        if self.followed { self.goes_back } else { u64::MAX }
    }

    /// What lay before the first record is not newer than this; `None` where there is no first record. `goes_back`: by
    /// how much timestamps go back, in any lane: what is gone may have been less in order than what is left of it.
    pub fn before_first_by(&self, goes_back: u64) -> Option<i64> {
        self.first.map(|(_, timestamp)| timestamp.saturating_add_unsigned(goes_back))
    }

    /// The records that were read and lie before `offset` are not newer than this; `None` where there are none.
    /// `next`: the timestamp of the first record at or after it.
    pub fn before(&self, offset: i64, next: Option<i64>) -> Option<i64> {
        let some = self.first.is_some_and(|(first, _)| first < offset);
        some.then(|| match next {
            _ if !self.followed => i64::MAX,
            Some(next) => next.saturating_add_unsigned(self.goes_back).min(self.newest),
            None => self.newest,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Of a lane with records at these offsets and times.
    fn times(followed: bool, records: &[(i64, i64)]) -> LaneTimes {
        let item =
            |&(offset, timestamp): &(i64, i64)| Item { identity: 1, offset, timestamp, key: None, value: 0 };
        let items: Vec<Item> = records.iter().map(item).collect();
        let mut times = LaneTimes::new(followed);
        items.chunks(2).for_each(|items| times.see(items));
        times
    }

    #[test]
    fn what_is_gone_is_not_newer_than_what_is_left_by_more_than_timestamps_go_back() {
        let times = times(true, &[(5, 100), (6, 130), (8, 110), (9, 200)]);
        assert_eq!((times.before_first_by(times.goes_back()), times.goes_back()), (Some(120), 20));
        assert_eq!(times.before_first_by(70), Some(170), "a copy elsewhere says so");
        assert_eq!(times.before(8, Some(110)), Some(130));
        assert_eq!(times.before(9, Some(200)), Some(200), "no newer than anything that was read");
        assert_eq!(times.before(10, None), Some(200));
        assert_eq!(times.before(5, Some(100)), None, "nothing of what was read is gone");
    }

    #[test]
    fn where_timestamps_were_not_followed_what_is_gone_may_be_of_any_time() {
        let mut times = times(false, &[(0, 100), (1, 50)]);
        assert_eq!((times.before(1, Some(50)), times.before(0, Some(100))), (Some(i64::MAX), None));
        assert_eq!(times.goes_back(), u64::MAX);
        times.begin_again();
        assert_eq!(times.before_first_by(0), None);
        times.see(&[Item { identity: 1, offset: 7, timestamp: 60, key: None, value: 0 }]);
        assert_eq!((times.before_first_by(0), times.before(8, None)), (Some(60), Some(60)));
    }
}
