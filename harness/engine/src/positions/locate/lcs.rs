//! The leftmost longest common subsequence of two short lists. Pure.

/// Cells of the table at most: 16 MiB.
const CELLS_MAX: usize = 1 << 23;

/// Index pairs of the leftmost longest common subsequence: smallest positions in `a`, then smallest in `b`.
/// `None` where the lists differ so much that the table would not fit.
pub(super) fn leftmost(a: &[u128], b: &[u128]) -> Option<Vec<(usize, usize)>> {
    let prefix = a.iter().zip(b).take_while(|(x, y)| x == y).count();
    let mut pairs: Vec<(usize, usize)> = (0..prefix).map(|i| (i, i)).collect();
    let (a, b) = (&a[prefix..], &b[prefix..]);
    let columns = b.len() + 1;
    if a.len().checked_add(1)?.checked_mul(columns)? > CELLS_MAX
        || a.len().min(b.len()) > usize::from(u16::MAX)
    {
        return None;
    }
    // length[i][j]: of the longest common subsequence of a[i..] and b[j..].
    let mut length = vec![0u16; (a.len() + 1) * columns];
    for i in (0..a.len()).rev() {
        for j in (0..b.len()).rev() {
            length[i * columns + j] = if a[i] == b[j] {
                length[(i + 1) * columns + j + 1] + 1
            } else {
                length[(i + 1) * columns + j].max(length[i * columns + j + 1])
            };
        }
    }
    let (mut i, mut j) = (0, 0);
    while i < a.len() && j < b.len() {
        let best = length[i * columns + j];
        if best == 0 {
            break;
        }
        let partner = (j..b.len()).find(|&k| a[i] == b[k]);
        match partner {
            Some(k) if length[(i + 1) * columns + k + 1] + 1 == best => {
                pairs.push((prefix + i, prefix + k));
                (i, j) = (i + 1, k + 1);
            }
            _ => i += 1,
        }
    }
    Some(pairs)
}

#[cfg(test)]
mod tests {
    use super::leftmost;
    use proptest::prelude::*;

    /// All common subsequences, by trying them.
    fn brute(a: &[u128], b: &[u128]) -> Vec<(usize, usize)> {
        let mut best: Vec<(usize, usize)> = Vec::new();
        for chosen in 0u32..1 << a.len() {
            let picks: Vec<usize> = (0..a.len()).filter(|i| chosen >> i & 1 == 1).collect();
            let mut pairs = Vec::new();
            let mut from = 0;
            for &i in &picks {
                let Some(j) = (from..b.len()).find(|&j| a[i] == b[j]) else { break };
                pairs.push((i, j));
                from = j + 1;
            }
            let better = pairs.len() > best.len() || (pairs.len() == best.len() && pairs < best);
            if pairs.len() == picks.len() && better {
                best = pairs;
            }
        }
        best
    }

    proptest! {
        #[test]
        fn it_is_the_longest_and_of_those_the_leftmost(
            a in proptest::collection::vec(0u128..4, 0..9), b in proptest::collection::vec(0u128..4, 0..9),
        ) {
            prop_assert_eq!(leftmost(&a, &b), Some(brute(&a, &b)));
        }
    }

    #[test]
    fn long_equal_lists_need_no_table() {
        let a = vec![7u128; 100_000];
        assert_eq!(leftmost(&a, &a[..99_000]).map(|pairs| pairs.len()), Some(99_000));
        let b: Vec<u128> = (0..100_000).collect();
        assert_eq!(leftmost(&a, &b), None, "too different to solve");
    }
}
