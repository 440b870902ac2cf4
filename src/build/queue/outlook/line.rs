//! The order in which builds that wait are claimed, as far as it can be told beforehand: as the claim's own query has
//! it, with askers that take turns.

use crate::access::quota::is_stranger;
use crate::db::builds::{BuildId, UnfinishedBuild};
use crate::tools::time::Micros;
use crate::words::Purpose;
use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};

/// Who began longest ago is first; the server's own builds wait for nobody, strangers come last of those who never began.
const SERVER: Micros = -2;
const NEVER: Micros = -1;

/// `waiting` in the order in which workers take them; `turns` says when each asker's last build began.
pub(super) fn in_line(
    mut waiting: Vec<UnfinishedBuild>,
    needed: &[BuildId],
    mut turns: HashMap<String, Micros>,
) -> Vec<UnfinishedBuild> {
    let needed: HashSet<&BuildId> = needed.iter().collect();
    waiting.sort_by_key(|build| (build.purpose == Purpose::Wheel, !needed.contains(&build.id), build.id));
    let mut urgencies: BTreeMap<i64, BTreeMap<String, VecDeque<UnfinishedBuild>>> = BTreeMap::new();
    for build in waiting {
        let askers = urgencies.entry(build.priority).or_default();
        askers.entry(build.asker.clone()).or_default().push_back(build);
    }
    let mut line = Vec::new();
    // Later than whatever began.
    let mut clock = turns.values().copied().max().unwrap_or(0);
    for mut askers in urgencies.into_values() {
        while let Some(asker) = askers.keys().min_by_key(|asker| turn(asker, &turns)).cloned() {
            let Some(builds) = askers.get_mut(&asker) else { break };
            line.extend(builds.pop_front());
            if builds.is_empty() {
                askers.remove(&asker);
            }
            clock += 1;
            turns.insert(asker, clock);
        }
    }
    line
}

fn turn(asker: &str, turns: &HashMap<String, Micros>) -> Micros {
    let never = if is_stranger(asker) { 0 } else { NEVER };
    if asker.is_empty() { SERVER } else { turns.get(asker).copied().unwrap_or(never) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::words::BuildState;

    fn build(id: i64, priority: i64, asker: &str) -> UnfinishedBuild {
        UnfinishedBuild {
            id,
            state: BuildState::Queued,
            purpose: Purpose::Wheel,
            project: None,
            target: String::new(),
            compiled: false,
            priority,
            asker: asker.into(),
            worker: None,
            started_at: None,
        }
    }

    #[test]
    fn askers_take_turns_and_what_is_urgent_comes_first() {
        let waiting = vec![
            build(1, 1, "alice"),
            build(2, 1, "alice"),
            build(3, 1, "bob"),
            build(4, 1, "@192.0.2.1"),
            build(5, 0, "carol"),
            build(6, 1, ""),
            build(7, 1, "bob"),
        ];
        let turns = HashMap::from([("alice".to_owned(), 50)]);
        let order: Vec<i64> = in_line(waiting, &[7], turns).into_iter().map(|build| build.id).collect();
        // Of bob's, the one that others wait for; then the stranger, then alice who had a turn.
        assert_eq!(order, [5, 6, 7, 4, 1, 3, 2]);
    }

    #[test]
    fn metadata_comes_before_wheels_of_the_same_asker() {
        let metadata = UnfinishedBuild { purpose: Purpose::Metadata, ..build(9, 1, "alice") };
        let order = in_line(vec![build(1, 1, "alice"), metadata], &[], HashMap::new());
        assert_eq!(order.iter().map(|build| build.id).collect::<Vec<_>>(), [9, 1]);
    }
}
