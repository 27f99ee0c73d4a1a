//! Keyed BLAKE3 hashes: joinable within a run, useless to guess a payload from without the run's key.

/// Hashes payloads for reports.
#[derive(Clone)]
pub struct KeyedHasher {
    key: [u8; 32],
}

impl KeyedHasher {
    /// `key`: 32 random bytes of this run.
    pub fn new(key: [u8; 32]) -> Self {
        Self { key }
    }

    /// The first 16 bytes of the keyed hash as 32 hex digits; `None` for null.
    pub fn hash(&self, bytes: Option<&[u8]>) -> Option<String> {
        bytes.map(|bytes| blake3::keyed_hash(&self.key, bytes).to_hex()[..32].to_owned())
    }
}

/// The BLAKE3 digest of something that is no secret (a configuration file), as 64 hex digits.
pub fn digest_hex(bytes: &[u8]) -> String {
    blake3::hash(bytes).to_hex().to_string()
}
