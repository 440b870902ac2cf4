//! The slots of workers, and when each of them is likely to be free.

use crate::build::targets::Worker;
use std::collections::HashSet;
use std::time::Duration;

/// Slots of one worker that are counted.
const MOST_SLOTS: u32 = 256;

/// The slots of all workers.
#[derive(Default)]
pub(super) struct Slots(Vec<WorkerSlots>);

struct WorkerSlots {
    name: String,
    targets: HashSet<String>,
    /// From now until each is free; `None`: nobody knows.
    free_in: Vec<Option<Duration>>,
}

impl Slots {
    pub(super) fn add(&mut self, worker: &Worker) {
        let told = &worker.description;
        if told.off.is_some() {
            return;
        }
        self.0.push(WorkerSlots {
            name: worker.name.clone(),
            targets: told.targets.iter().map(|target| target.name.clone()).collect(),
            free_in: vec![Some(Duration::ZERO); told.slots.clamp(1, MOST_SLOTS) as usize],
        });
    }

    /// A build runs at this worker.
    pub(super) fn occupy(&mut self, worker: &str, ends_in: Option<Duration>) {
        let worker = self.0.iter_mut().find(|known| known.name == worker);
        let free =
            worker.and_then(|worker| worker.free_in.iter_mut().find(|free| **free == Some(Duration::ZERO)));
        if let Some(free) = free {
            *free = ends_in;
        }
    }

    /// The next build for a target takes a slot: in how long, if that is known. `None`: nobody builds for it.
    pub(super) fn take(&mut self, target: &str, takes: Option<Duration>) -> Option<Option<Duration>> {
        let able = self.0.iter_mut().filter(|worker| worker.targets.contains(target));
        let slots = able.flat_map(|worker| worker.free_in.iter_mut());
        // One that nobody knows of may be free first, or never.
        let slot = slots.min_by_key(|free| free.unwrap_or(Duration::MAX))?;
        let starts_in = *slot;
        *slot = starts_in.zip(takes).map(|(start, takes)| start + takes);
        Some(starts_in)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::build::job::WorkerDescription;
    use crate::build::target::Target;
    use crate::words::Isolation;

    fn worker(name: &str, targets: &[&str], slots: u32, off: Option<&str>) -> Worker {
        let target = |name: &&str| Target { name: (*name).to_owned(), ..Target::default() };
        let description = WorkerDescription {
            targets: targets.iter().map(target).collect(),
            slots,
            isolation: Isolation::None,
            version: "1".into(),
            off: off.map(str::to_owned),
            instance: String::new(),
        };
        Worker { name: name.into(), owner: "root".into(), description, seen_at: 0 }
    }

    #[test]
    fn a_build_begins_where_a_slot_is_free_first_and_after_what_nobody_knows_nothing_is_known() {
        let minutes = |minutes: u64| Some(Duration::from_secs(60 * minutes));
        let mut slots = Slots::default();
        for one in [worker("a", &["x", "y"], 1, None), worker("b", &["x"], 1, None)] {
            slots.add(&one);
        }
        slots.add(&worker("c", &["z"], 4, Some("its disk is full")));
        slots.occupy("a", minutes(4));
        assert_eq!(slots.take("x", minutes(10)), Some(minutes(0)), "b is free");
        assert_eq!(slots.take("x", None), Some(minutes(4)), "then a is");
        assert_eq!(slots.take("y", minutes(1)), Some(None), "when a ends what runs then, nobody knows");
        assert_eq!(slots.take("x", minutes(1)), Some(minutes(10)));
        assert_eq!(slots.take("z", minutes(1)), None, "a worker that is off builds nothing");
    }
}
