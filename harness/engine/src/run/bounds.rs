//! The bounds of many logs: one that gives no answer costs no other its own. Judges nothing.

use std::collections::BTreeMap;

use crate::kafka::{Cluster, KafkaError, LogBounds};
use crate::record::{Isolation, TopicPartition};

/// Partitions that are asked singly at the same time.
const AT_ONCE: usize = 16;

/// Of each partition its bounds, or why there are none.
pub(super) type EachBounds = BTreeMap<TopicPartition, Result<LogBounds, KafkaError>>;

/// Asks for all `partitions` together; where that errs, for each of them alone.
///
/// # Errors
/// What is not the answer of a few brokers or topics only: credentials, permissions, settings.
pub(super) fn bounds_of_each(
    cluster: &Cluster,
    partitions: &[TopicPartition],
    isolation: Isolation,
) -> Result<EachBounds, KafkaError> {
    of_each(partitions, |asked| cluster.log_bounds(asked, isolation))
}

fn of_each(
    partitions: &[TopicPartition],
    ask: impl Fn(&[TopicPartition]) -> Result<BTreeMap<TopicPartition, LogBounds>, KafkaError> + Sync,
) -> Result<EachBounds, KafkaError> {
    match ask(partitions) {
        Ok(found) => {
            return Ok(found.into_iter().map(|(partition, bounds)| (partition, Ok(bounds))).collect());
        }
        Err(error) if !error.may_concern_few() => return Err(error),
        Err(error) => tracing::warn!("each partition is asked alone: {error}"),
    }
    let ask = &ask;
    let mut each = EachBounds::new();
    let mut silent: Option<KafkaError> = None;
    // From all over the list, so that none is of one topic or broker alone.
    let turns = partitions.len().div_ceil(AT_ONCE);
    for turn in 0..turns {
        let together: Vec<&TopicPartition> = partitions.iter().skip(turn).step_by(turns).collect();
        // Nobody answers: the rest is not waited for, each a timeout long.
        if let Some(error) = &silent {
            each.extend(together.into_iter().map(|partition| (partition.clone(), Err(error.clone()))));
            continue;
        }
        let answers: Vec<Result<BTreeMap<_, _>, KafkaError>> = std::thread::scope(|scope| {
            let asking: Vec<_> = together
                .iter()
                .map(|&partition| scope.spawn(move || ask(std::slice::from_ref(partition))))
                .collect();
            let answer = asking.into_iter().map(|thread| thread.join());
            answer.map(|answer| answer.unwrap_or_else(|panic| std::panic::resume_unwind(panic))).collect()
        });
        let unheard = |answer: &Result<_, KafkaError>| answer.as_ref().is_err_and(KafkaError::is_silence);
        if answers.iter().all(unheard) {
            silent = answers.iter().find_map(|answer| answer.as_ref().err()).cloned();
        }
        for (partition, answer) in together.into_iter().zip(answers) {
            match answer {
                Ok(found) => {
                    each.extend(found.into_iter().map(|(partition, bounds)| (partition, Ok(bounds))))
                }
                Err(error) if error.may_concern_few() => {
                    each.insert(partition.clone(), Err(error));
                }
                Err(error) => return Err(error),
            }
        }
    }
    Ok(each)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use cutproof_testcontainers::EmbeddedCluster;

    use super::*;
    use crate::kafka::{At, ClusterSettings};
    use crate::record::Side;

    fn partitions(count: i32) -> Vec<TopicPartition> {
        (0..count).map(|number| TopicPartition::new("orders", number)).collect()
    }

    fn at() -> Box<At> {
        let alias = "dst".to_owned();
        Box::new(At { side: Side::Target, alias, operation: "ask", partition: None, offset: None })
    }

    #[test]
    fn one_partition_without_an_answer_costs_no_other_its_own() {
        let all = partitions(40);
        let bounds = LogBounds { log_start: 3, end: 9 };
        let each = of_each(&all, |asked| match asked.contains(&all[17]) {
            true => Err(KafkaError::Failed { at: at(), detail: "gone".to_owned() }),
            false => Ok(asked.iter().map(|partition| (partition.clone(), bounds)).collect()),
        });
        let each = each.expect("the others answer");
        assert_eq!(each.len(), all.len());
        for (number, partition) in all.iter().enumerate() {
            let known = each[partition].as_ref().ok();
            assert_eq!(known.copied(), (number != 17).then_some(bounds), "{partition}");
        }
    }

    fn silence() -> KafkaError {
        KafkaError::TimedOut { at: at(), waited: Duration::from_secs(1), detail: "away".to_owned() }
    }

    #[test]
    fn where_nobody_answers_the_rest_is_not_asked() {
        let asked = std::sync::atomic::AtomicUsize::new(0);
        let each = of_each(&partitions(400), |_| {
            asked.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
            Err(silence())
        });
        assert_eq!(each.expect("named one by one").values().filter(|answer| answer.is_err()).count(), 400);
        assert_eq!(asked.into_inner(), 1 + AT_ONCE);
    }

    #[test]
    fn many_neighbours_without_an_answer_keep_nobody_from_asking_for_the_others() {
        let all = partitions(40);
        let each = of_each(&all, |asked| match asked {
            [one] if one.partition >= 32 => {
                Ok(BTreeMap::from([(one.clone(), LogBounds { log_start: 0, end: 5 })]))
            }
            _ => Err(silence()),
        });
        assert_eq!(each.expect("eight answer").values().filter(|answer| answer.is_ok()).count(), 8);
    }

    #[test]
    fn what_a_principal_may_not_do_is_an_error_of_all() {
        let refused = || KafkaError::NotPermitted { at: at(), detail: "no".to_owned() };
        assert!(of_each(&partitions(2), |_| Err(refused())).is_err());
        let alone = of_each(&partitions(2), |asked| match asked.len() {
            1 => Err(refused()),
            _ => Err(KafkaError::Failed { at: at(), detail: "together".to_owned() }),
        });
        assert!(matches!(alone, Err(KafkaError::NotPermitted { .. })), "{alone:?}");
    }

    #[test]
    fn a_broker_that_is_away_takes_only_its_own_partitions_along() {
        let brokers = EmbeddedCluster::start(2).expect("embedded brokers");
        brokers.create_topic("orders", 2).expect("made");
        for (partition, broker) in [(0, 1), (1, 2)] {
            brokers.mock().partition_leader("orders", partition, Some(broker)).expect("led");
        }
        let settings =
            ClusterSettings::new(Side::Target, "dst", brokers.bootstrap_servers(), BTreeMap::new());
        let settings = ClusterSettings { request_timeout: Duration::from_secs(3), ..settings };
        let cluster = Cluster::connect(settings).expect("connected");
        brokers.mock().broker_down(2).expect("down");
        let all = partitions(2);
        let each = bounds_of_each(&cluster, &all, Isolation::ReadCommitted).expect("one answers");
        assert_eq!(each[&all[0]].as_ref().ok(), Some(&LogBounds { log_start: 0, end: 0 }));
        assert!(each[&all[1]].is_err());
    }
}
