//! Which lanes of a unit are read next while much waits in memory. Pure; sends nothing.

/// The lanes with records newer than this are paused, all others are read; `None` where all stay as they are. `lanes`: of
/// those that have not ended, whether it is paused, and the newest timestamp.
///
/// While much is held, only the lanes that are farthest behind in time are read: what waits, waits for them. Between
/// `held_max` and half of it nothing changes, as long as one of them is read: where the last one has ended, no batch
/// would ever come again.
pub(super) fn pause_newer_than(held: usize, held_max: usize, lanes: &[(bool, i64)]) -> Option<i64> {
    if held < held_max / 2 {
        return Some(i64::MAX);
    }
    if held < held_max && lanes.iter().any(|(paused, _)| !paused) {
        return None;
    }
    lanes.iter().map(|(_, newest)| *newest).min()
}

#[cfg(test)]
mod tests {
    use super::pause_newer_than;

    const ALL: Option<i64> = Some(i64::MAX);

    #[test]
    fn while_much_is_held_only_the_lanes_that_are_farthest_behind_are_read() {
        let lanes = [(false, 7), (true, 9), (false, 5)];
        let limits = [0, 49, 50, 99, 100, 900].map(|held| pause_newer_than(held, 100, &lanes));
        assert_eq!(limits, [ALL, ALL, None, None, Some(5), Some(5)]);
    }

    #[test]
    fn where_the_last_lane_that_was_read_has_ended_another_one_is_read_on() {
        let limits = |lanes: &[(bool, i64)]| [49, 50, 99, 100].map(|held| pause_newer_than(held, 100, lanes));
        assert_eq!(limits(&[(true, 9), (true, 7)]), [ALL, Some(7), Some(7), Some(7)]);
        assert_eq!(limits(&[(true, 9)]), [ALL, Some(9), Some(9), Some(9)]);
        assert_eq!(limits(&[]), [ALL, None, None, None], "nothing is left to read");
    }
}
