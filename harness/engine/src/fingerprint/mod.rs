//! What counts as the same: turns a record into what alignment compares, by the topic's contract. Decides no place
//! in an order. Also the keyed hashes that reports show in place of payloads.

mod keyed;

pub use keyed::{KeyedHasher, digest_hex};

use std::num::NonZeroU64;

use xxhash_rust::xxh3::{xxh3_64_with_seed, xxh3_128_with_seed};

use crate::record::{Contract, HeaderView, RecordView, TimestampRule};

/// The parts of a record as hashes; equal parts have equal hashes, null and empty differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fingerprint {
    /// All that must be equal by the contract.
    pub identity: u128,
    /// The key; `None` for a record without one.
    pub key: Option<NonZeroU64>,
    /// The value.
    pub value: u64,
}

/// Makes fingerprints. Two records of one run are compared by fingerprints of one seed only.
#[derive(Clone, Debug)]
pub struct Fingerprinter {
    seed: u64,
    timestamps: bool,
    timestamp_type: bool,
    headers_ignored: Vec<Vec<u8>>,
}

const NULL: u128 = 0x6e75_6c6c_6e75_6c6c;

/// [`Fingerprint::value`] of every tombstone.
pub const TOMBSTONE: u64 = NULL as u64;

impl Fingerprinter {
    /// `seed` is drawn anew for each run, so that nobody can prepare two records that collide.
    pub fn new(contract: &Contract, seed: u64) -> Self {
        Self {
            seed,
            timestamps: contract.timestamps == TimestampRule::Exact,
            timestamp_type: contract.timestamp_type_exact,
            headers_ignored: contract.headers_ignored.iter().map(|name| name.as_bytes().to_vec()).collect(),
        }
    }

    /// The fingerprint of one record.
    pub fn of(&self, record: &RecordView<'_>) -> Fingerprint {
        let part = |bytes: Option<&[u8]>, salt: u64| match bytes {
            None => NULL,
            Some(bytes) => xxh3_128_with_seed(bytes, self.seed ^ salt),
        };
        let key = part(record.key, 1);
        let value = part(record.value, 2);
        let mut all = [0u8; 64];
        all[..16].copy_from_slice(&key.to_le_bytes());
        all[16..32].copy_from_slice(&value.to_le_bytes());
        all[32..48].copy_from_slice(&self.headers(record.headers).to_le_bytes());
        if self.timestamps {
            all[48..56].copy_from_slice(&record.timestamp.to_le_bytes());
        }
        all[56] = u8::from(record.key.is_some());
        all[57] = u8::from(record.value.is_some());
        if self.timestamp_type {
            all[58] = 1 + record.timestamp_type as u8;
        }
        Fingerprint {
            identity: xxh3_128_with_seed(&all, self.seed),
            key: record.key.map(|_| NonZeroU64::new(key as u64).unwrap_or(NonZeroU64::MIN)),
            value: value as u64 ^ u64::from(record.value.is_some()),
        }
    }

    /// Headers that the contract does not ignore, in their order.
    pub fn kept<'a, 'h>(
        &'a self,
        headers: &'h [HeaderView<'h>],
    ) -> impl Iterator<Item = &'h HeaderView<'h>> + 'a
    where
        'h: 'a,
    {
        headers.iter().filter(|header| !self.headers_ignored.iter().any(|name| name == header.name))
    }

    fn headers(&self, headers: &[HeaderView<'_>]) -> u128 {
        let mut sum = 0;
        for header in self.kept(headers) {
            let mut all = [0u8; 48];
            all[..16].copy_from_slice(&u128::to_le_bytes(sum));
            all[16..24].copy_from_slice(&xxh3_64_with_seed(header.name, self.seed ^ 3).to_le_bytes());
            if let Some(value) = header.value {
                all[24] = 1;
                all[32..48].copy_from_slice(&xxh3_128_with_seed(value, self.seed ^ 4).to_le_bytes());
            }
            sum = xxh3_128_with_seed(&all, self.seed ^ 5);
        }
        sum
    }
}

#[cfg(test)]
mod tests;
