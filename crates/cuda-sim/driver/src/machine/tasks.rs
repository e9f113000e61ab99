//! Work in the order that its dependencies allow.
//!
//! A task waits for those it was told to, and is then ready. What has been
//! finished is forgotten: a number that is not there any more is done.

use std::collections::{BTreeMap, VecDeque};

/// A piece of work; later ones have greater numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct TaskId(u64);

#[derive(Debug)]
struct Task<W> {
    waits_for: usize,
    others: Vec<TaskId>,
    /// Until it is taken.
    work: Option<W>,
}

/// All work that is not finished.
#[derive(Debug)]
pub(crate) struct Tasks<W> {
    live: BTreeMap<TaskId, Task<W>>,
    ready: VecDeque<TaskId>,
    next: u64,
}

impl<W> Default for Tasks<W> {
    fn default() -> Self {
        Self {
            live: BTreeMap::new(),
            ready: VecDeque::new(),
            next: 0,
        }
    }
}

impl<W> Tasks<W> {
    /// Work to be done after all of these.
    pub(crate) fn add(&mut self, after: impl IntoIterator<Item = TaskId>, work: W) -> TaskId {
        let id = TaskId(self.next);
        self.next += 1;
        let mut waits_for = 0;
        for other in after {
            if let Some(task) = self.live.get_mut(&other) {
                task.others.push(id);
                waits_for += 1;
            }
        }
        self.live.insert(
            id,
            Task {
                waits_for,
                others: Vec::new(),
                work: Some(work),
            },
        );
        if waits_for == 0 {
            self.ready.push_back(id);
        }
        id
    }

    /// Work that nothing keeps from being done; in the order in which it
    /// became so.
    pub(crate) fn take(&mut self) -> Option<(TaskId, W)> {
        loop {
            let id = self.ready.pop_front()?;
            if let Some(work) = self.live.get_mut(&id).and_then(|task| task.work.take()) {
                return Some((id, work));
            }
        }
    }

    /// Notes that a task was done.
    pub(crate) fn finish(&mut self, id: TaskId) {
        let Some(task) = self.live.remove(&id) else {
            return;
        };
        for other in task.others {
            if let Some(waiting) = self.live.get_mut(&other) {
                waiting.waits_for -= 1;
                if waiting.waits_for == 0 {
                    self.ready.push_back(other);
                }
            }
        }
    }

    pub(crate) fn is_done(&self, id: TaskId) -> bool {
        !self.live.contains_key(&id)
    }

    /// The number that the next task will have.
    pub(crate) fn next(&self) -> TaskId {
        TaskId(self.next)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_task_waits_for_those_it_was_told_to() {
        let mut tasks = Tasks::default();
        let a = tasks.add([], 'a');
        let b = tasks.add([], 'b');
        let c = tasks.add([a, b], 'c');
        assert_eq!(tasks.take(), Some((a, 'a')));
        assert_eq!(tasks.take(), Some((b, 'b')));
        assert_eq!(tasks.take(), None);
        tasks.finish(b);
        assert_eq!(tasks.take(), None);
        tasks.finish(a);
        assert!(!tasks.is_done(c));
        assert_eq!(tasks.take(), Some((c, 'c')));
        tasks.finish(c);
        assert!(tasks.is_done(c));
        let d = tasks.add([a, c], 'd');
        assert_eq!(tasks.take(), Some((d, 'd')));
    }

    proptest! {
        /// Whatever depends on what: everything is done, each after what it
        /// depends on.
        #[test]
        fn everything_is_done_in_order(
            edges in prop::collection::vec(prop::collection::vec(0_usize..64, 0..4), 1..64),
            lifo in any::<bool>(),
        ) {
            let mut tasks = Tasks::default();
            let mut ids = Vec::new();
            for (number, edges) in edges.iter().enumerate() {
                let after: Vec<_> = edges.iter().filter_map(|&at| ids.get(at).copied()).collect();
                ids.push(tasks.add(after, number));
            }
            let mut done = vec![false; edges.len()];
            let mut running = Vec::new();
            loop {
                while let Some(task) = tasks.take() {
                    running.push(task);
                }
                if running.is_empty() {
                    break;
                }
                let at = if lifo { running.len() - 1 } else { 0 };
                let (id, number) = running.remove(at);
                for &before in edges[number].iter().filter(|&&before| before < number) {
                    prop_assert!(done[before]);
                }
                done[number] = true;
                tasks.finish(id);
            }
            prop_assert!(done.iter().all(|done| *done));
        }
    }
}
