//! Finds request headers in the bytes that a client sends to a broker. Looks at no body and no record.

use std::fmt;

/// A request frame's header, as far as all versions share it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RequestHeader {
    /// Which API.
    pub api_key: i16,
    /// Which version of it.
    pub api_version: i16,
    /// The client's name for itself.
    pub client_id: Option<String>,
}

/// An API that was called: its key and Kafka's name for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Recorded {
    /// Which API.
    pub api_key: i16,
    /// Its name; `Unknown` for keys that Kafka 4.3 does not have.
    pub name: &'static str,
}

impl Recorded {
    /// The API of a key.
    pub fn new(api_key: i16) -> Self {
        Self { api_key, name: api_name(api_key) }
    }
}

impl fmt::Display for Recorded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.name, self.api_key)
    }
}

/// The first bytes of a frame that the header needs: key, version, correlation id, length of the client id.
const FIXED: usize = 2 + 2 + 4 + 2;
/// A client id that is longer is recorded cut.
const CLIENT_ID_MAX: usize = 256;

/// Takes a stream of frames in chunks of any size.
#[derive(Default)]
pub(super) struct RequestScanner {
    /// The beginning of the current frame: its length, then its header.
    held: Vec<u8>,
    /// Bytes of the current frame that are of no interest.
    skip: usize,
}

impl RequestScanner {
    /// The headers that are complete with this chunk.
    pub(super) fn feed(&mut self, mut chunk: &[u8]) -> Vec<RequestHeader> {
        let mut found = Vec::new();
        while !chunk.is_empty() {
            if self.skip > 0 {
                let passed = self.skip.min(chunk.len());
                self.skip -= passed;
                chunk = &chunk[passed..];
                continue;
            }
            let wanted = self.wanted();
            let taken = (wanted - self.held.len()).min(chunk.len());
            self.held.extend_from_slice(&chunk[..taken]);
            chunk = &chunk[taken..];
            if self.held.len() == self.wanted() {
                let (header, frame) = (self.header(), self.frame());
                self.skip = (4 + frame).saturating_sub(self.held.len());
                self.held.clear();
                found.extend(header);
            }
        }
        found
    }

    fn frame(&self) -> usize {
        self.held.first_chunk::<4>().map_or(0, |bytes| u32::from_be_bytes(*bytes) as usize)
    }

    /// How much of the current frame is needed, as far as can be told.
    fn wanted(&self) -> usize {
        if self.held.len() < 4 {
            return 4;
        }
        let fixed = 4 + self.frame().min(FIXED);
        if self.held.len() < fixed || self.frame() < FIXED {
            return fixed;
        }
        (fixed + self.client_id_length()).min(4 + self.frame())
    }

    fn client_id_length(&self) -> usize {
        usize::try_from(self.int16(12)).unwrap_or(0).min(CLIENT_ID_MAX)
    }

    fn int16(&self, at: usize) -> i16 {
        i16::from_be_bytes([self.held[at], self.held[at + 1]])
    }

    fn header(&self) -> Option<RequestHeader> {
        if self.frame() < FIXED {
            return None;
        }
        let client_id = (self.int16(12) >= 0).then(|| String::from_utf8_lossy(&self.held[14..]).into_owned());
        Some(RequestHeader { api_key: self.int16(4), api_version: self.int16(6), client_id })
    }
}

/// Kafka's name for an API key, up to Kafka 4.3.
pub fn api_name(api_key: i16) -> &'static str {
    const NAMES: [&str; 69] = [
        "Produce",
        "Fetch",
        "ListOffsets",
        "Metadata",
        "LeaderAndIsr",
        "StopReplica",
        "UpdateMetadata",
        "ControlledShutdown",
        "OffsetCommit",
        "OffsetFetch",
        "FindCoordinator",
        "JoinGroup",
        "Heartbeat",
        "LeaveGroup",
        "SyncGroup",
        "DescribeGroups",
        "ListGroups",
        "SaslHandshake",
        "ApiVersions",
        "CreateTopics",
        "DeleteTopics",
        "DeleteRecords",
        "InitProducerId",
        "OffsetForLeaderEpoch",
        "AddPartitionsToTxn",
        "AddOffsetsToTxn",
        "EndTxn",
        "WriteTxnMarkers",
        "TxnOffsetCommit",
        "DescribeAcls",
        "CreateAcls",
        "DeleteAcls",
        "DescribeConfigs",
        "AlterConfigs",
        "AlterReplicaLogDirs",
        "DescribeLogDirs",
        "SaslAuthenticate",
        "CreatePartitions",
        "CreateDelegationToken",
        "RenewDelegationToken",
        "ExpireDelegationToken",
        "DescribeDelegationToken",
        "DeleteGroups",
        "ElectLeaders",
        "IncrementalAlterConfigs",
        "AlterPartitionReassignments",
        "ListPartitionReassignments",
        "OffsetDelete",
        "DescribeClientQuotas",
        "AlterClientQuotas",
        "DescribeUserScramCredentials",
        "AlterUserScramCredentials",
        "Vote",
        "BeginQuorumEpoch",
        "EndQuorumEpoch",
        "DescribeQuorum",
        "AlterPartition",
        "UpdateFeatures",
        "Envelope",
        "FetchSnapshot",
        "DescribeCluster",
        "DescribeProducers",
        "BrokerRegistration",
        "BrokerHeartbeat",
        "UnregisterBroker",
        "DescribeTransactions",
        "ListTransactions",
        "AllocateProducerIds",
        "ConsumerGroupHeartbeat",
    ];
    match api_key {
        69 => "ConsumerGroupDescribe",
        71 => "GetTelemetrySubscriptions",
        72 => "PushTelemetry",
        74 => "ListConfigResources",
        75 => "DescribeTopicPartitions",
        76 => "ShareGroupHeartbeat",
        77 => "ShareGroupDescribe",
        78 => "ShareFetch",
        79 => "ShareAcknowledge",
        _ => usize::try_from(api_key).ok().and_then(|key| NAMES.get(key)).copied().unwrap_or("Unknown"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(api_key: i16, client_id: Option<&str>, body: &[u8]) -> Vec<u8> {
        let mut header = Vec::new();
        header.extend(api_key.to_be_bytes());
        header.extend(7_i16.to_be_bytes());
        header.extend(42_i32.to_be_bytes());
        header.extend(client_id.map_or(-1, |id| id.len() as i16).to_be_bytes());
        header.extend(client_id.unwrap_or("").as_bytes());
        header.extend(body);
        [&(header.len() as u32).to_be_bytes()[..], &header].concat()
    }

    fn header(api_key: i16, client_id: Option<&str>) -> RequestHeader {
        RequestHeader { api_key, api_version: 7, client_id: client_id.map(str::to_owned) }
    }

    #[test]
    fn headers_are_found_however_the_stream_is_cut() {
        let long = "x".repeat(5_000);
        let stream = [
            frame(18, Some("rdkafka"), b"some body"),
            frame(3, None, b""),
            frame(1, Some(""), &[0; 300]),
            frame(0, Some("p"), long.as_bytes()),
            frame(2, Some("last"), b""),
        ]
        .concat();
        let expected = vec![
            header(18, Some("rdkafka")),
            header(3, None),
            header(1, Some("")),
            header(0, Some("p")),
            header(2, Some("last")),
        ];
        for size in [1, 2, 3, 5, 7, 13, 64, 1000, stream.len()] {
            let mut scanner = RequestScanner::default();
            let found: Vec<_> = stream.chunks(size).flat_map(|chunk| scanner.feed(chunk)).collect();
            assert_eq!(found, expected, "in chunks of {size}");
        }
    }

    #[test]
    fn a_frame_too_short_for_a_header_is_passed_over() {
        let stream = [&[0, 0, 0, 3, 1, 2, 3][..], &[0, 0, 0, 0], &frame(3, Some("c"), b"")].concat();
        for size in [1, 4, stream.len()] {
            let mut scanner = RequestScanner::default();
            let found: Vec<_> = stream.chunks(size).flat_map(|chunk| scanner.feed(chunk)).collect();
            assert_eq!(found, vec![header(3, Some("c"))]);
        }
    }

    #[test]
    fn names_are_those_of_the_protocol() {
        let named = [0, 3, 10, 18, 19, 22, 32, 36, 44, 50, 60, 68, 69].map(api_name);
        let expected = [
            "Produce",
            "Metadata",
            "FindCoordinator",
            "ApiVersions",
            "CreateTopics",
            "InitProducerId",
            "DescribeConfigs",
            "SaslAuthenticate",
            "IncrementalAlterConfigs",
            "DescribeUserScramCredentials",
            "DescribeCluster",
            "ConsumerGroupHeartbeat",
            "ConsumerGroupDescribe",
        ];
        assert_eq!(named, expected);
        assert_eq!((api_name(-1), api_name(999)), ("Unknown", "Unknown"));
    }
}
