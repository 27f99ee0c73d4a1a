//! Which records that only their meaning matches stand in another place of the partition's order: alignment pairs them by
//! key or timestamp. Pure; knows nothing of what they mean.

use std::collections::HashSet;

/// `matched`: source and target offsets of records that are equal in meaning. Gives the source offsets of as few as may be,
/// so that without them the target offsets rise as the source's do.
pub(super) fn moved(mut matched: Vec<(i64, i64)>) -> HashSet<i64> {
    matched.sort_unstable();
    // By length less one: the place with the lowest target offset that ends a rising sequence of it.
    let mut ends: Vec<usize> = Vec::new();
    let mut previous: Vec<Option<usize>> = Vec::with_capacity(matched.len());
    for (n, &(_, target)) in matched.iter().enumerate() {
        let length = ends.partition_point(|&end| matched[end].1 < target);
        previous.push(length.checked_sub(1).map(|shorter| ends[shorter]));
        if length == ends.len() {
            ends.push(n);
        } else {
            ends[length] = n;
        }
    }
    let mut in_order = vec![false; matched.len()];
    let mut at = ends.last().copied();
    while let Some(n) = at {
        in_order[n] = true;
        at = previous[n];
    }
    matched.iter().zip(in_order).filter(|(_, in_order)| !in_order).map(|((source, _), _)| *source).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn as_few_as_may_be_are_out_of_order() {
        let of = |targets: &[i64]| {
            let mut moved: Vec<i64> =
                moved((0..).zip(targets).map(|(source, &target)| (source, target)).collect())
                    .into_iter()
                    .collect();
            moved.sort_unstable();
            moved
        };
        assert_eq!(of(&[]), [0; 0]);
        assert_eq!(of(&[3, 5, 8]), [0; 0]);
        assert_eq!(of(&[9, 1, 2, 3]), [0], "one record went back");
        assert_eq!(of(&[2, 3, 4, 1]), [3], "one record went ahead");
        assert_eq!(of(&[1, 4, 3, 5]).len(), 1);
        assert_eq!(of(&[3, 2, 1]).len(), 2);
    }
}
