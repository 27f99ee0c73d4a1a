//! Matches records while they arrive: for each group in flight, the records that wait for their copies. Of a group
//! whose records have all met it holds nothing, so memory does not grow with the number of keys.
//!
//! Only first records meet: a record that is the first of its lane in the group, not matched yet, with such a record
//! of the other side. The longest common subsequence of two lanes begins with equal first records, so what is matched
//! is matched for good. Whether and when a group is opened changes no result.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use super::{Lane, LanePair, PairSink, StoreError};
use crate::align::watch::PassThrough;
use crate::align::{Item, Rules};
use crate::record::Side;

const NONE: u32 = u32::MAX;

/// What became of a record that arrived.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Arrival {
    /// It is matched, or waits here.
    Taken,
    /// It is not taken: its group is open.
    Open,
    /// It is not taken: its group must be opened first.
    Disagrees,
}

/// The records of one lane that wait, first to last, as a list of nodes.
#[derive(Clone, Copy)]
struct Line {
    side: Side,
    lane: u32,
    head: u32,
    tail: u32,
}

impl Line {
    fn new(lane: Lane, node: u32) -> Self {
        Self { side: lane.side, lane: lane.index as u32, head: node, tail: node }
    }

    fn lane(&self) -> Lane {
        Lane { side: self.side, index: self.lane as usize }
    }
}

enum Group {
    Waiting(Waiting),
    Open,
}

/// At least one line.
struct Waiting {
    first: Line,
    /// Only where several lanes wait.
    #[expect(clippy::box_collection, reason = "most groups have one line, and there may be very many")]
    more: Option<Box<Vec<Line>>>,
    records: u32,
}

impl Waiting {
    fn lines(&self) -> impl Iterator<Item = &Line> {
        std::iter::once(&self.first).chain(self.more.iter().flat_map(|more| more.iter()))
    }

    fn line_mut(&mut self, at: usize) -> &mut Line {
        match (at.checked_sub(1), &mut self.more) {
            (Some(at), Some(more)) => &mut more[at],
            _ => &mut self.first,
        }
    }

    fn position(&self, lane: Lane) -> Option<usize> {
        self.lines().position(|line| line.lane() == lane)
    }

    fn on_both_sides(&self) -> bool {
        self.lines().any(|line| line.side != self.first.side)
    }

    /// Drops the `at`-th line; false where there is no other.
    fn drop_line(&mut self, at: usize) -> bool {
        let Some(more) = &mut self.more else { return false };
        match at.checked_sub(1) {
            Some(at) => drop(more.swap_remove(at)),
            None => self.first = more.pop().expect("never empty"),
        }
        if more.is_empty() {
            self.more = None;
        }
        true
    }

    /// Takes the first record of `lane` out; false where none is left in the group.
    fn pop(&mut self, lane: Lane, nodes: &mut Nodes, held: &mut [Vec<usize>; 2]) -> bool {
        let at = self.position(lane).expect("a lane that waits");
        let line = self.line_mut(at);
        line.head = nodes.remove(line.head);
        let line_is_empty = line.head == NONE;
        self.records -= 1;
        held[lane.side as usize][lane.index] -= 1;
        !line_is_empty || self.drop_line(at)
    }

    /// Matches first records of lanes that wait, after that of `lane` has changed; false where no record is left.
    fn cascade(
        &mut self,
        lane: Lane,
        rules: &Rules,
        nodes: &mut Nodes,
        held: &mut [Vec<usize>; 2],
        sink: &mut dyn PairSink,
    ) -> bool {
        let mut changed = vec![lane];
        while let Some(lane) = changed.pop() {
            let Some(line) = self.lines().find(|line| line.lane() == lane) else { continue };
            let first = nodes.item(line.head);
            let met = |other: &&Line| meets(rules, other, nodes.item(other.head), lane, first);
            let Some(other) = self.lines().find(met) else { continue };
            let other_lane = other.lane();
            sink.matched(pair(lane, first, other_lane, nodes.item(other.head)));
            self.pop(lane, nodes, held);
            if !self.pop(other_lane, nodes, held) {
                return false;
            }
            changed.extend([lane, other_lane]);
        }
        true
    }
}

/// Whether `first`, the first record of `line`, and `item` of `lane` are of two sides and equal.
fn meets(rules: &Rules, line: &Line, first: &Item, lane: Lane, item: &Item) -> bool {
    match lane.side {
        side if side == line.side => false,
        Side::Source => rules.matches(item, first),
        Side::Target => rules.matches(first, item),
    }
}

/// The two records in either order.
fn pair(lane: Lane, item: &Item, other_lane: Lane, other: &Item) -> LanePair {
    let (one, two) = ((lane.index, item.offset), (other_lane.index, other.offset));
    match lane.side {
        Side::Source => LanePair { source: one, target: two },
        Side::Target => LanePair { source: two, target: one },
    }
}

struct Node {
    item: Item,
    next: u32,
}

/// Storage of waiting records; places are used again.
struct Nodes {
    nodes: Vec<Node>,
    free: u32,
}

impl Nodes {
    fn add(&mut self, item: &Item) -> u32 {
        let node = Node { item: *item, next: NONE };
        if self.free == NONE {
            assert!(self.nodes.len() < NONE as usize, "so many records do not fit into memory");
            self.nodes.push(node);
            return self.nodes.len() as u32 - 1;
        }
        let at = self.free;
        self.free = std::mem::replace(&mut self.nodes[at as usize], node).next;
        at
    }

    fn item(&self, at: u32) -> &Item {
        &self.nodes[at as usize].item
    }

    /// Frees a place; gives the next of its line.
    fn remove(&mut self, at: u32) -> u32 {
        let next = std::mem::replace(&mut self.nodes[at as usize].next, self.free);
        self.free = at;
        next
    }
}

/// The groups in flight.
pub(super) struct Table {
    rules: Rules,
    /// Whether there is one lane on each side: then no third lane can settle two first records that differ.
    one_lane_each: bool,
    waiting_max: usize,
    groups: HashMap<u64, Group, PassThrough>,
    /// How many of them are open.
    open: usize,
    nodes: Nodes,
    held: [Vec<usize>; 2],
}

impl Table {
    pub fn new(rules: Rules, waiting_max: usize, lanes: [usize; 2]) -> Self {
        Self {
            rules,
            one_lane_each: lanes == [1, 1],
            waiting_max,
            groups: HashMap::default(),
            open: 0,
            nodes: Nodes { nodes: Vec::new(), free: NONE },
            held: lanes.map(|lanes| vec![0; lanes]),
        }
    }

    /// Records that wait, by lane.
    pub fn held(&self, side: Side) -> &[usize] {
        &self.held[side as usize]
    }

    /// Groups that are open; each is remembered, at about the cost of a record.
    pub fn open_groups(&self) -> usize {
        self.open
    }

    /// Whether source records of other lanes than this one wait in `group`.
    pub fn other_sources_wait(&self, group: u64, lane: Lane) -> bool {
        let Some(Group::Waiting(waiting)) = self.groups.get(&group) else { return false };
        waiting.lines().any(|line| line.side == Side::Source && line.lane() != lane)
    }

    /// The next record of `lane`, which belongs to `group`.
    pub fn arrive(&mut self, group: u64, lane: Lane, item: &Item, sink: &mut dyn PairSink) -> Arrival {
        let Self { rules, nodes, held, .. } = self;
        let mut entry = match self.groups.entry(group) {
            Entry::Occupied(entry) => entry,
            Entry::Vacant(entry) => {
                let first = Line::new(lane, nodes.add(item));
                entry.insert(Group::Waiting(Waiting { first, more: None, records: 1 }));
                held[lane.side as usize][lane.index] += 1;
                return Arrival::Taken;
            }
        };
        let Group::Waiting(waiting) = entry.get_mut() else { return Arrival::Open };
        let own = waiting.position(lane);
        let met = match own {
            Some(_) => None,
            None => {
                waiting.lines().find(|line| meets(rules, line, nodes.item(line.head), lane, item)).copied()
            }
        };
        if let Some(at) = own {
            if waiting.records as usize >= self.waiting_max && waiting.on_both_sides() {
                return Arrival::Disagrees;
            }
            let node = nodes.add(item);
            let line = waiting.line_mut(at);
            nodes.nodes[line.tail as usize].next = node;
            line.tail = node;
        } else if let Some(line) = met {
            let other = line.lane();
            sink.matched(pair(lane, item, other, nodes.item(line.head)));
            let more_lines = waiting.more.is_some();
            let left = waiting.pop(other, nodes, held)
                && (!more_lines || waiting.cascade(other, rules, nodes, held, sink));
            if !left {
                entry.remove();
            }
            return Arrival::Taken;
        } else {
            let both_sides = waiting.first.side != lane.side || waiting.on_both_sides();
            if both_sides && (self.one_lane_each || waiting.records as usize >= self.waiting_max) {
                return Arrival::Disagrees;
            }
            let line = Line::new(lane, nodes.add(item));
            waiting.more.get_or_insert_default().push(line);
        }
        waiting.records += 1;
        held[lane.side as usize][lane.index] += 1;
        Arrival::Taken
    }

    /// Opens `group`: gives up its records, lane by lane in their order, and takes no more.
    pub fn open(
        &mut self,
        group: u64,
        mut give: impl FnMut(Lane, &Item) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        let before = self.groups.insert(group, Group::Open);
        self.open += usize::from(!matches!(before, Some(Group::Open)));
        match before {
            Some(Group::Waiting(waiting)) => self.give_up(&waiting, &mut give),
            Some(Group::Open) | None => Ok(()),
        }
    }

    /// Groups that wait on both sides.
    pub fn contested(&self) -> Vec<u64> {
        let contested = self.groups.iter().filter(|(_, group)| match group {
            Group::Waiting(waiting) => waiting.on_both_sides(),
            Group::Open => false,
        });
        contested.map(|(&group, _)| group).collect()
    }

    /// Gives up all records of all groups, and forgets the groups. `give` is also told whether the group waits on both
    /// sides.
    pub fn clear(
        &mut self,
        mut give: impl FnMut(bool, Lane, &Item) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        for group in std::mem::take(&mut self.groups).into_values() {
            if let Group::Waiting(waiting) = group {
                let contested = waiting.on_both_sides();
                self.give_up(&waiting, &mut |lane, item| give(contested, lane, item))?;
            }
        }
        self.nodes = Nodes { nodes: Vec::new(), free: NONE };
        self.open = 0;
        Ok(())
    }

    fn give_up(
        &mut self,
        waiting: &Waiting,
        give: &mut dyn FnMut(Lane, &Item) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        for line in waiting.lines() {
            let lane = line.lane();
            let mut at = line.head;
            while at != NONE {
                give(lane, self.nodes.item(at))?;
                self.held[lane.side as usize][lane.index] -= 1;
                at = self.nodes.remove(at);
            }
        }
        Ok(())
    }
}
