//! One context for all clients of a cluster: keeps what librdkafka reports between answers, without secrets. Decides nothing.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use rdkafka::client::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::ConsumerContext;
use rdkafka::error::{KafkaError as ClientError, RDKafkaErrorCode as Code};

use crate::record::Side;

/// What kind of trouble librdkafka reported.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum FaultKind {
    Credentials,
    Tls,
    Network,
    Other,
}

/// One report of trouble. The text holds no secret.
#[derive(Clone, Debug)]
pub(super) struct Fault {
    pub kind: FaultKind,
    /// Not only that all are down.
    pub names_a_broker: bool,
    /// `host:port`, where the report names one.
    pub address: Option<String>,
    pub text: String,
    pub seen_at: Instant,
}

impl Fault {
    /// Trying again cannot help: the cluster has said no.
    pub fn is_final(&self) -> bool {
        match self.kind {
            FaultKind::Credentials => true,
            FaultKind::Tls => self.text.contains("verify failed") || self.text.contains("certificate"),
            FaultKind::Network | FaultKind::Other => false,
        }
    }
}

/// What the clients of one cluster reported.
pub(super) struct Events {
    side: Side,
    secrets: Vec<String>,
    faults: Mutex<Vec<Fault>>,
}

/// Faults kept; the newest count.
const KEPT: usize = 32;

impl Events {
    pub fn new(side: Side, secrets: Vec<String>) -> Self {
        let secrets = secrets.into_iter().filter(|secret| secret.len() > 2).collect();
        Self { side, secrets, faults: Mutex::new(Vec::new()) }
    }

    /// `text` with every secret of this cluster masked.
    pub fn redact(&self, text: &str) -> String {
        self.secrets.iter().fold(text.to_owned(), |text, secret| text.replace(secret.as_str(), "[redacted]"))
    }

    /// The most telling fault since `since`: a refusal before anything else, then TLS, then what names a broker; of
    /// equals the newest.
    pub fn worst_since(&self, since: Instant) -> Option<Fault> {
        let rank = |fault: &Fault| match fault.kind {
            FaultKind::Credentials => 4,
            FaultKind::Tls => 3,
            FaultKind::Network if fault.names_a_broker => 2,
            FaultKind::Network => 1,
            FaultKind::Other => 0,
        };
        self.faults().iter().filter(|fault| fault.seen_at >= since).max_by_key(|fault| rank(fault)).cloned()
    }

    pub fn report(&self, code: Code, text: &str) {
        let text = self.redact(text);
        tracing::debug!(side = %self.side, ?code, "kafka client: {text}");
        let mut faults = self.faults();
        if faults.len() == KEPT {
            faults.remove(0);
        }
        faults.push(Fault {
            kind: kind(code),
            names_a_broker: code != Code::AllBrokersDown,
            address: address(&text),
            text,
            seen_at: Instant::now(),
        });
    }

    fn faults(&self) -> MutexGuard<'_, Vec<Fault>> {
        self.faults.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn kind(code: Code) -> FaultKind {
    match code {
        Code::Authentication | Code::SaslAuthenticationFailed | Code::UnsupportedSASLMechanism => {
            FaultKind::Credentials
        }
        Code::SSL => FaultKind::Tls,
        Code::BrokerTransportFailure
        | Code::AllBrokersDown
        | Code::Resolve
        | Code::OperationTimedOut
        | Code::MessageTimedOut => FaultKind::Network,
        _ => FaultKind::Other,
    }
}

/// `host:port` out of `sasl_ssl://host:port/bootstrap: what happened`; plain connections name no protocol.
fn address(text: &str) -> Option<String> {
    let node = text.split_whitespace().next()?.trim_end_matches(':');
    let node = node.split_once("://").map_or(node, |(_, node)| node);
    let address = node.split_once('/').map_or(node, |(address, _)| address);
    let (host, port) = address.rsplit_once(':')?;
    (!host.is_empty() && port.parse::<u16>().is_ok()).then(|| address.to_owned())
}

/// The context handed to every client; all share the same [`Events`].
#[derive(Clone)]
pub(super) struct Shared(pub Arc<Events>);

impl ClientContext for Shared {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        let text = self.0.redact(message);
        let side = self.0.side;
        match level {
            RDKafkaLogLevel::Emerg | RDKafkaLogLevel::Alert | RDKafkaLogLevel::Critical => {
                tracing::error!(%side, "kafka client: {facility}: {text}");
            }
            // What librdkafka calls an error it also tries again; whoever waits decides.
            RDKafkaLogLevel::Error | RDKafkaLogLevel::Warning => {
                tracing::debug!(%side, "kafka client: {facility}: {text}");
            }
            RDKafkaLogLevel::Notice | RDKafkaLogLevel::Info | RDKafkaLogLevel::Debug => {
                tracing::trace!(%side, "kafka client: {facility}: {text}");
            }
        }
    }

    fn error(&self, error: ClientError, reason: &str) {
        if let Some(code) = error.rdkafka_error_code() {
            self.0.report(code, reason);
        }
    }
}

impl ConsumerContext for Shared {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_broker_is_named_out_of_a_report() {
        let text = "sasl_plaintext://10.0.0.1:9092/bootstrap: SASL authentication error: no (after 3ms in state AUTH_REQ)";
        assert_eq!(address(text).as_deref(), Some("10.0.0.1:9092"));
        let text = "127.0.0.1:1/bootstrap: Connect to ipv4#127.0.0.1:1 failed";
        assert_eq!(address(text).as_deref(), Some("127.0.0.1:1"));
        assert_eq!(address("1/1 brokers are down"), None);
        assert_eq!(address("GroupCoordinator: 127.0.0.1:9092: Disconnected"), None);
        assert_eq!(
            address("ssl://kafka.example:9093: handshake failed").as_deref(),
            Some("kafka.example:9093")
        );
    }

    #[test]
    fn secrets_do_not_survive_in_reports() {
        let events = Events::new(Side::Source, vec!["hunter2".to_owned(), String::new()]);
        events.report(Code::Authentication, "sasl_ssl://k:9092/1: user alice password hunter2 refused");
        let fault =
            events.worst_since(Instant::now() - std::time::Duration::from_secs(60)).expect("reported");
        assert_eq!(fault.text, "sasl_ssl://k:9092/1: user alice password [redacted] refused");
        assert!(fault.is_final());
    }

    #[test]
    fn a_refusal_tells_more_than_the_disconnects_after_it() {
        let start = Instant::now();
        let events = Events::new(Side::Target, Vec::new());
        events.report(Code::SaslAuthenticationFailed, "sasl_ssl://k:9092/1: refused");
        events.report(Code::BrokerTransportFailure, "k:9092/1: disconnected");
        events.report(Code::AllBrokersDown, "1/1 brokers are down");
        assert_eq!(events.worst_since(start).map(|fault| fault.kind), Some(FaultKind::Credentials));
        assert!(events.worst_since(Instant::now()).is_none());
    }

    #[test]
    fn the_broker_that_failed_tells_more_than_that_all_did() {
        let start = Instant::now();
        let events = Events::new(Side::Target, Vec::new());
        events.report(Code::BrokerTransportFailure, "ssl://k:9092/1: handshake failed");
        events.report(Code::AllBrokersDown, "1/1 brokers are down");
        let fault = events.worst_since(start).expect("reported");
        assert_eq!(fault.address.as_deref(), Some("k:9092"));
        assert!(!fault.is_final());
    }

    #[test]
    fn only_the_newest_reports_are_kept() {
        let events = Events::new(Side::Target, Vec::new());
        for at in 0..2 * KEPT {
            events.report(Code::Resolve, &format!("report {at}"));
        }
        assert_eq!(events.faults().len(), KEPT);
        assert_eq!(events.faults()[0].text, format!("report {KEPT}"));
    }
}
