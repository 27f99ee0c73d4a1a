//! What is left of the offsets that are wanted once retention has gone on. Pure.

use crate::record::OffsetRange;

/// From the first to the last of the offsets in `wanted`, which ascend, that lie at or behind `log_start`; `None` where
/// none does.
pub(super) fn left_of(wanted: &[i64], log_start: i64) -> Option<OffsetRange> {
    let left = &wanted[wanted.partition_point(|&offset| offset < log_start)..];
    Some(OffsetRange { start: *left.first()?, end: left.last()? + 1 })
}

#[cfg(test)]
mod tests {
    use super::left_of;

    #[test]
    fn one_offset_that_is_deleted_takes_none_of_its_neighbours_with_it() {
        let left = |log_start| left_of(&[10, 12, 900], log_start).map(|range| (range.start, range.end));
        assert_eq!([0, 10].map(left), [Some((10, 901)); 2], "none is deleted");
        assert_eq!([11, 12].map(left), [Some((12, 901)); 2]);
        assert_eq!([13, 900].map(left), [Some((900, 901)); 2]);
        assert_eq!(left(901), None);
        assert_eq!(left_of(&[], 0), None);
    }
}
