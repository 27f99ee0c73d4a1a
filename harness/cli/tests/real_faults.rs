//! Faults on Cutproof's own connections, on Apache Kafka: thirty runs over links that are cut, reset or left half open,
//! brokers that are killed, registries that are gone. A run recovers, or says less than one without faults, by exit code 1
//! or 12; it never says anything else.

mod support;

use std::collections::{BTreeMap, HashMap};
use std::ops::Range;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::mpsc::channel;
use std::time::{Duration, Instant};

use cutproof_fixtures::FixtureRecord;
use cutproof_fixtures::workloads::{ORDERS_SCHEMA, Size, orders};
use cutproof_reports::read_findings;
use cutproof_testcontainers::kafka::{KafkaCluster, KafkaOptions};
use cutproof_testcontainers::{
    FaultyNetwork, FixedRegistry, PlainRecord, ProduceOptions, Topic, create_topic, produce_with,
};
use serde_json::Value;
use support::{commit, plain};

const PARTITIONS: usize = 3;
const RECORDS: usize = 600;
/// Enough for a run that gives a partition up after 45 seconds, twice.
const LONGEST: Duration = Duration::from_secs(180);

/// How a run ended that says all that it says without a fault.
const RECOVERED: &str = "as without a fault";

/// The two clusters by what they are called here; each is the source of some runs and the target of others.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Name {
    Ant,
    Bee,
}

impl Name {
    fn word(self) -> &'static str {
        ["ant", "bee"][self as usize]
    }

    fn other(self) -> Name {
        [Name::Bee, Name::Ant][self as usize]
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fault {
    None,
    Cut,
    CutForGood,
    Reset,
    HalfOpen,
    Kill,
    RegistryGoneFromTheStart,
    RegistryGone,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Role {
    Source,
    Target,
}

/// A run over clean data and one over diverging data at the same time, with one fault.
#[derive(Clone, Copy, Debug)]
struct Case {
    seed: u64,
    /// Whose network is at fault.
    faulty: Name,
    /// What that cluster is in these runs.
    role: Role,
    fault: Fault,
}

impl Case {
    fn source(&self) -> Name {
        if self.role == Role::Source { self.faulty } else { self.faulty.other() }
    }

    /// The same for the same seed: when the fault comes and how long it lasts.
    fn draw(&self, nth: u64, range: Range<u64>) -> u64 {
        let mut x = self
            .seed
            .wrapping_mul(0x9e37_79b9_7f4a_7c15)
            .wrapping_add(nth.wrapping_mul(0xd1b5_4a32_d192_ed03));
        x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        range.start + (x ^ (x >> 31)) % (range.end - range.start)
    }
}

const DATA: [&str; 2] = ["clean", "diverging"];

/// What is on the target: each partition of the diverging data lacks a record, has another twice, a third with another
/// header, and one that copies nothing.
fn copy(data: &str, records: &[FixtureRecord]) -> Vec<FixtureRecord> {
    let mut copy = records.to_vec();
    if data == "diverging" {
        let mut stranger = copy[500].clone();
        stranger.key = Some(b"stranger".to_vec());
        copy.insert(500, stranger);
        copy[400].headers.push(("added".to_owned(), None));
        let again = copy[300].clone();
        copy.insert(320, again);
        copy.remove(200);
    }
    copy
}

/// In small batches, so that reading takes many requests.
fn fill(bootstrap: &str, topic: &str, records: &[Vec<FixtureRecord>]) {
    create_topic(bootstrap, &Topic::new(topic, PARTITIONS as i32)).expect("the topic is made");
    let properties = [("batch.num.messages", "10"), ("max.in.flight.requests.per.connection", "1")];
    let small = ProduceOptions {
        properties: properties.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec(),
        ..ProduceOptions::default()
    };
    let all: Vec<PlainRecord> = (0..)
        .zip(records)
        .flat_map(|(partition, records): (usize, _)| {
            records.iter().map(move |record| plain(partition, record))
        })
        .collect();
    produce_with(bootstrap, topic, &small, all).expect("all records are acknowledged");
}

/// Every topic and group that any run needs, on both clusters.
fn set_up(clusters: &[KafkaCluster; 2]) {
    let size = Size { seed: 7, partitions: PARTITIONS, records_per_partition: RECORDS, ..Size::default() };
    let workload = orders(&size, 1);
    let source_records = &workload.topics[0].records;
    for source in [Name::Ant, Name::Bee] {
        let [from, to] = [source, source.other()].map(|name| clusters[name as usize].bootstrap_servers());
        for data in DATA {
            let topic = format!("{data}-of-{}", source.word());
            let target_topic = format!("{}.{topic}", source.word());
            fill(&from, &topic, source_records);
            let copies: Vec<Vec<FixtureRecord>> =
                source_records.iter().map(|records| copy(data, records)).collect();
            fill(&to, &target_topic, &copies);
            commit(&from, &format!("billing-{data}"), &topic, &[100, 150, 250]);
            commit(&to, &format!("billing-{data}"), &target_topic, &[90, 150, 245]);
        }
    }
}

fn config(case: &Case, data: &str, bootstrap: [&str; 2], registries: [&str; 2]) -> String {
    let name = case.source();
    let side = |alias: &str, at: usize| {
        format!(
            "{{ alias: {alias}, bootstrap_servers: \"{}\", schema_registry: {{ url: \"{}\" }}, properties: {{ \
             fetch.message.max.bytes: \"1000\", queued.min.messages: \"1\", socket.timeout.ms: \"3000\", \
             reconnect.backoff.max.ms: \"500\" }} }}",
            bootstrap[at], registries[at]
        )
    };
    format!(
        "apiVersion: cutproof/v1\nkind: Proof\nsource: {}\ntarget: {}\nreplication: {{ kind: group_commits }}\n\
         topics: {{ include: [\"{data}-of-{}\"] }}\ngroups: {{ include: [\"billing-{data}\"] }}\n\
         range: {{ start: earliest, settle: 1s }}\ncontracts: [{{ decode: all }}]\n",
        side(name.word(), 0),
        side(name.other().word(), 1),
        name.word()
    )
}

fn start(work: &Path, config: &str) -> Child {
    let file = work.join("cutproof.yaml");
    std::fs::write(&file, config).expect("the configuration is written");
    let output = |name: &str| std::fs::File::create(work.join(name)).expect("a file");
    Command::new(env!("CARGO_BIN_EXE_cutproof"))
        .args(["run", "-o", "json", "-c"])
        .arg(&file)
        .arg("--out")
        .arg(work.join("out"))
        .stdin(Stdio::null())
        .stdout(output("stdout"))
        .stderr(output("stderr"))
        .spawn()
        .expect("the binary starts")
}

fn read(work: &Path, name: &str) -> String {
    std::fs::read_to_string(work.join(name)).expect("readable")
}

/// Whether a run has said that it is at `stage`, or has ended before.
fn wait_for_stage(work: &Path, child: &mut Child, stage: &str) {
    while !read(work, "stderr").contains(stage) && child.try_wait().expect("a child").is_none() {
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// What a run said.
#[derive(Clone, Debug)]
struct Answer {
    code: i32,
    /// `run.json`; null where there is none.
    run: Value,
    /// Kinds, places and parts, in order.
    findings: Vec<String>,
    stderr: String,
    seconds: f64,
}

fn end(mut child: Child, begun: Instant, work: &Path) -> Answer {
    let status = loop {
        if let Some(status) = child.try_wait().expect("a child") {
            break status;
        }
        if begun.elapsed() > LONGEST {
            child.kill().expect("killed");
            panic!("a run does not end: {}", read(work, "stderr"));
        }
        std::thread::sleep(Duration::from_millis(20));
    };
    let run: Value = serde_json::from_str(&read(work, "stdout")).unwrap_or(Value::Null);
    let directory = run["run_id"].as_str().map(|id| work.join("out").join(id));
    let findings = directory.map(|directory| read_findings(&directory).expect("the findings are readable"));
    let mut findings: Vec<String> = findings
        .iter()
        .flatten()
        .map(|f| format!("{} {:?} {:?} {:?} {:?}", f.kind, f.source, f.target, f.parts, f.order_broken))
        .collect();
    findings.sort();
    let seconds = begun.elapsed().as_secs_f64();
    Answer { seconds, code: status.code().unwrap_or(-1), run, findings, stderr: read(work, "stderr") }
}

/// The registries of one case, with a network in front of each.
struct Registries {
    servers: Vec<Option<(FaultyNetwork, FixedRegistry)>>,
    urls: Vec<String>,
}

impl Registries {
    fn start() -> Self {
        let mut all = Self { servers: Vec::new(), urls: Vec::new() };
        for _ in 0..2 {
            let schemas = HashMap::from([(1, ORDERS_SCHEMA.to_owned())]);
            let registry = FixedRegistry::start(schemas).expect("a registry");
            let url = registry.url();
            let address = url.strip_prefix("http://").expect("an address").to_owned();
            let network = FaultyNetwork::start([address]).expect("a network");
            all.urls.push(format!("http://{}", network.lanes()[0].address()));
            all.servers.push(Some((network, registry)));
        }
        all
    }
}

/// What cases may use of the clusters at the same time.
struct Links {
    direct: [String; 2],
    proxied: [String; 2],
    networks: [Arc<FaultyNetwork>; 2],
}

/// Both runs of a case, clean data first. `kill`: says that the faulty cluster's broker shall
/// die now.
fn play(case: &Case, links: &Links, kill: impl FnOnce()) -> [Answer; 2] {
    let mut registries = Registries::start();
    if case.fault == Fault::RegistryGoneFromTheStart {
        registries.servers[case.role as usize] = None;
    }
    let works = DATA.map(|_| tempfile::tempdir().expect("a directory"));
    let faulty = links.proxied[case.faulty as usize].as_str();
    let sound = links.direct[case.faulty.other() as usize].as_str();
    let bootstrap = if case.role == Role::Source { [faulty, sound] } else { [sound, faulty] };
    let urls = [registries.urls[0].as_str(), registries.urls[1].as_str()];
    let begun = Instant::now();
    let mut children =
        [0, 1].map(|at: usize| start(works[at].path(), &config(case, DATA[at], bootstrap, urls)));
    // Some faults come while positions are planned, most while records are read.
    let early = case.fault != Fault::CutForGood && case.draw(0, 0..4) == 0;
    wait_for_stage(works[0].path(), &mut children[0], if early { "connect" } else { "compare" });
    // A cut for good comes at once: a run that has ended does not notice it.
    let after = if case.fault == Fault::CutForGood { 0 } else { case.draw(1, 0..1_000) };
    std::thread::sleep(Duration::from_millis(after));
    let network = &links.networks[case.faulty as usize];
    let lasts = Duration::from_millis(case.draw(2, 500..5_000));
    match case.fault {
        Fault::Cut => {
            network.cut();
            std::thread::sleep(lasts);
            network.heal();
        }
        // Healed when all such runs have ended.
        Fault::CutForGood => network.cut(),
        Fault::Reset => {
            for _ in 0..3 {
                network.reset();
                std::thread::sleep(lasts / 10);
            }
        }
        Fault::HalfOpen => network.half_open(),
        Fault::Kill => kill(),
        Fault::RegistryGone => registries.servers[case.role as usize] = None,
        Fault::RegistryGoneFromTheStart | Fault::None => {}
    }
    let [clean, diverging] = children;
    let answers = [end(clean, begun, works[0].path()), end(diverging, begun, works[1].path())];
    let seconds = answers.each_ref().map(|answer| answer.seconds);
    eprintln!("{case:?}: {seconds:.1?} s");
    answers
}

fn no_kill() {
    panic!("brokers are killed when nothing else runs");
}

/// Holds a run's answer against that of a run without faults. Gives in a word how it ended.
fn judge(case: &Case, data: &str, answer: &Answer, sound: &Answer) -> String {
    let wrong = |what: &str| -> ! {
        panic!("{case:?} over {data} data: {what}\nsaid {answer:#?}\nwithout faults {sound:#?}")
    };
    let mut known: Vec<&String> = sound.findings.iter().collect();
    for finding in &answer.findings {
        match known.iter().position(|other| *other == finding) {
            Some(at) => drop(known.remove(at)),
            None => wrong(&format!("a finding that is none: {finding}")),
        }
    }
    let verdict = answer.run["verdict"].as_str().unwrap_or("none");
    if verdict != "inconclusive" && verdict != "none" && sound.run["verdict"] != verdict {
        wrong("a wrong verdict");
    }
    let count = |run: &Value, name: &str| run["totals"][name].as_u64().unwrap_or(0);
    if count(&answer.run, "matched") > count(&sound.run, "matched") {
        wrong("more records matched than there are");
    }
    for (position, sound) in positions(&answer.run).zip(positions(&sound.run)) {
        for name in ["skip_records", "replay_records", "image_offset"] {
            if position["state"] == "judged" && !position[name].is_null() && position[name] != sound[name] {
                wrong(&format!("another {name}"));
            }
        }
    }
    let whole = known.is_empty()
        && answer.run["totals"] == sound.run["totals"]
        && positions(&answer.run).eq(positions(&sound.run));
    match answer.code {
        1 if verdict == "none" && answer.stderr.contains("error: ") => "could not complete (1)".to_owned(),
        12 if verdict == "inconclusive" => "inconclusive (12)".to_owned(),
        10 if verdict == "divergent" && !whole => "divergent, with less of it (10)".to_owned(),
        code if code == sound.code && whole => RECOVERED.to_owned(),
        code => wrong(&format!("exit code {code} with verdict {verdict}, and not all that is there")),
    }
}

fn positions(run: &Value) -> impl Iterator<Item = &Value> {
    let groups = run["groups"].as_array().into_iter().flatten();
    groups.flat_map(|group| group["positions"].as_array().into_iter().flatten())
}

/// On its own, at the same time as what the other network carries.
const LANES: [&[(Role, Fault)]; 2] = [
    &[(Role::Source, Fault::Cut), (Role::Target, Fault::Reset), (Role::Source, Fault::HalfOpen)],
    &[
        (Role::Target, Fault::Cut),
        (Role::Source, Fault::Reset),
        (Role::Target, Fault::HalfOpen),
        (Role::Source, Fault::RegistryGone),
        (Role::Source, Fault::Cut),
        (Role::Target, Fault::Reset),
        (Role::Source, Fault::RegistryGoneFromTheStart),
        (Role::Target, Fault::RegistryGoneFromTheStart),
    ],
];

#[test]
fn thirty_runs_over_faulty_connections_say_what_a_run_without_faults_says_or_less() {
    let begun = Instant::now();
    let start = |alias: &str, options: fn() -> KafkaOptions| {
        // A broker that was killed is back sooner.
        let options = KafkaOptions { alias: alias.to_owned(), ..options() };
        let options = options.proxied().property("broker.session.timeout.ms", "3000");
        KafkaCluster::start(options.property("broker.heartbeat.interval.ms", "500")).expect("it starts")
    };
    let mut clusters = [start("ant", KafkaOptions::source), start("bee", KafkaOptions::target)];
    set_up(&clusters);
    let links = Links {
        direct: clusters.each_ref().map(KafkaCluster::bootstrap_servers),
        proxied: clusters.each_ref().map(|cluster| cluster.proxied_bootstrap().expect("proxied")),
        networks: clusters.each_ref().map(|cluster| Arc::clone(cluster.network().expect("proxied"))),
    };
    // So slow that reading takes a second or two.
    links.networks.iter().for_each(|network| network.delay(5));
    let links = &links;
    let case = |seed: u64, faulty, role, fault| Case { seed, faulty, role, fault };

    let sound = std::thread::scope(|scope| {
        let none = [Name::Ant, Name::Bee].map(|source| case(0, source, Role::Source, Fault::None));
        let runs = none.map(|case| scope.spawn(move || play(&case, links, no_kill)));
        runs.map(|runs| runs.join().expect("they end"))
    });
    for [clean, diverging] in &sound {
        assert_eq!((clean.code, &clean.findings), (0, &vec![]), "{clean:#?}");
        assert_eq!((diverging.code, diverging.findings.len()), (10, 4 * PARTITIONS), "{diverging:#?}");
        assert_eq!(clean.run["totals"]["matched"], PARTITIONS * RECORDS);
        assert_eq!(positions(&clean.run).count(), PARTITIONS);
        assert!(positions(&clean.run).all(|position| position["state"] == "judged"), "{clean:#?}");
    }

    let mut seeds = 1..;
    let mut seed = || seeds.next().expect("more numbers");
    let lanes = [Name::Ant, Name::Bee].map(|faulty| {
        LANES[faulty as usize]
            .iter()
            .map(|(role, fault)| case(seed(), faulty, *role, *fault))
            .collect::<Vec<_>>()
    });
    let for_good = [Role::Source, Role::Target].map(|role| case(seed(), Name::Ant, role, Fault::CutForGood));
    let kills = [Role::Source, Role::Target].map(|role| case(seed(), Name::Bee, role, Fault::Kill));
    let mut played: Vec<(Case, [Answer; 2])> = std::thread::scope(|scope| {
        let in_turn =
            |cases: &[Case]| cases.iter().map(|case| (*case, play(case, links, no_kill))).collect::<Vec<_>>();
        let [ant, bee] = &lanes;
        let bee = scope.spawn(move || in_turn(bee));
        let mut played = in_turn(ant);
        // These take 45 seconds or more, until the runs give the partitions up.
        let at_once = for_good.map(|case| scope.spawn(move || (case, play(&case, links, no_kill))));
        played.extend(at_once.map(|runs| runs.join().expect("they end")));
        links.networks[Name::Ant as usize].heal();
        played.extend(bee.join().expect("they end"));
        played
    });
    // One death for both, from this thread: a broker lives no longer than the thread that started it.
    std::thread::scope(|scope| {
        let (ready, first) = channel();
        let runs = kills.map(|case| {
            let ready = ready.clone();
            let kill = move || ready.send(()).expect("somebody waits");
            scope.spawn(move || (case, play(&case, links, kill)))
        });
        first.recv().expect("they come that far");
        let cluster = &mut clusters[Name::Bee as usize];
        cluster.kill_node(1).expect("killed");
        cluster.start_node(1).expect("started again");
        played.extend(runs.map(|runs| runs.join().expect("they end")));
    });

    let mut endings: BTreeMap<String, u32> = BTreeMap::new();
    for (case, answers) in &played {
        for (at, answer) in answers.iter().enumerate() {
            let ending = judge(case, DATA[at], answer, &sound[case.source() as usize][at]);
            let why = answer.stderr.lines().find(|line| line.starts_with("error: ")).unwrap_or_default();
            eprintln!("{case:?} over {} data: {ending} {why}", DATA[at]);
            *endings.entry(ending).or_default() += 1;
        }
    }
    let all: Vec<String> = endings.iter().map(|(ending, runs)| format!("{runs} {ending}")).collect();
    eprintln!("{} runs in {:.0} s: {}", 2 * played.len(), begun.elapsed().as_secs_f64(), all.join(", "));
    assert_eq!(played.len(), 15);
    let recovered = endings.get(RECOVERED).copied().unwrap_or(0);
    // How many do depends on which request a fault meets; were none to, nothing would be tried again.
    assert!(recovered >= 8, "only {recovered} runs recovered");
    for (case, answers) in &played {
        for answer in answers {
            let text = format!("{case:?} is not noticed: {answer:#?}");
            match (case.fault, case.role) {
                (Fault::CutForGood, _) | (Fault::RegistryGoneFromTheStart, Role::Target) => {
                    assert!(answer.run["verdict"] != "match", "{text}");
                }
                // Whether the target reads the same meaning is not known, and all bytes are equal.
                (Fault::RegistryGoneFromTheStart, Role::Source) => {
                    assert!(answer.run["reasons"].to_string().contains("was not compared"), "{text}");
                }
                _ => {}
            }
        }
    }
}
