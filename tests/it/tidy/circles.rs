//! No circles: what stands side by side in a folder of `src` can be read in an order.
//!
//! The children of a folder are its files and folders, and its own file (`mod.rs`, or `room.rs` beside `room/`) as
//! `mod`. One uses the other if anything in it names anything of the other; what a module only hands on (`pub use`)
//! is of the one that has it.

use super::text::{UsedPath, paths, without_comments, without_tests};
use super::{read, sources};
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

type ModulePath = Vec<String>;

struct SourceModule {
    paths: Vec<UsedPath>,
}

/// All modules of the crate that are not only for tests, by their path.
struct Crate(BTreeMap<ModulePath, SourceModule>);

/// For each folder, who uses whom, and by which words.
type Graph = BTreeMap<String, BTreeMap<String, String>>;

impl Crate {
    fn read() -> Self {
        let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
        let mut modules = BTreeMap::new();
        let mut only_tests = BTreeSet::new();
        for file in sources("src") {
            let relative = file.strip_prefix(&src).expect("below src").with_extension("");
            let mut module: ModulePath =
                relative.iter().map(|part| part.to_string_lossy().into_owned()).collect();
            if matches!(module.last().map(String::as_str), Some("mod" | "lib" | "main")) {
                module.pop();
            }
            let (text, tests) = without_tests(&without_comments(&read(&file)));
            only_tests.extend(tests.into_iter().map(|name| [module.as_slice(), &[name]].concat()));
            let before = modules.entry(module).or_insert(SourceModule { paths: Vec::new() });
            before.paths.extend(paths(&text));
        }
        modules.retain(|module, _| !only_tests.iter().any(|test| module.starts_with(test)));
        Self(modules)
    }

    /// The path from the root of the crate, if it stays within.
    fn absolute(&self, module: &[String], segments: &[String]) -> Option<ModulePath> {
        let mut place = module.to_vec();
        let mut rest = segments;
        match rest.first().map(String::as_str)? {
            "crate" => place.clear(),
            "self" | "super" => {}
            child if self.0.contains_key(&[module, &[child.to_owned()]].concat()) => {
                return Some([module, segments].concat());
            }
            _ => return None,
        }
        while let Some("crate" | "self" | "super") = rest.first().map(String::as_str) {
            if rest[0] == "super" {
                place.pop();
            }
            rest = &rest[1..];
        }
        Some([place.as_slice(), rest].concat())
    }

    /// The module that has what a path names: what is handed on is followed to where it comes from.
    fn owner(&self, path: &[String], steps: usize) -> ModulePath {
        let known = (0..=path.len()).rev().find(|&n| self.0.contains_key(&path[..n])).unwrap_or(0);
        let (module, rest) = path.split_at(known);
        let Some(name) = rest.first() else { return module.to_vec() };
        let handed_on = self.0[module].paths.iter().find(|used| used.alias.as_ref() == Some(name));
        let origin = handed_on.and_then(|used| self.absolute(module, &used.segments));
        match origin {
            Some(origin) if steps > 0 => self.owner(&[origin.as_slice(), &rest[1..]].concat(), steps - 1),
            _ => module.to_vec(),
        }
    }

    fn graphs(&self) -> BTreeMap<ModulePath, Graph> {
        let mut graphs: BTreeMap<ModulePath, Graph> = BTreeMap::new();
        for (module, source) in &self.0 {
            for used in &source.paths {
                let Some(path) = self.absolute(module, &used.segments) else { continue };
                let owner = self.owner(&path, 8);
                let common = module.iter().zip(&owner).take_while(|(a, b)| a == b).count();
                let node = |path: &[String]| path.get(common).map_or("mod", String::as_str).to_owned();
                let (from, to) = (node(module), node(&owner));
                if from == to || (used.public && from == "mod") {
                    continue;
                }
                let words = format!("{}: {}", module.join("/"), used.segments.join("::"));
                graphs
                    .entry(module[..common].to_vec())
                    .or_default()
                    .entry(from)
                    .or_default()
                    .entry(to)
                    .or_insert(words);
            }
        }
        graphs
    }
}

fn reachable<'a>(graph: &'a Graph, from: &'a str) -> BTreeSet<&'a str> {
    let mut seen = BTreeSet::new();
    let mut next = vec![from];
    while let Some(node) = next.pop() {
        for other in graph.get(node).into_iter().flat_map(BTreeMap::keys) {
            if seen.insert(other.as_str()) {
                next.push(other);
            }
        }
    }
    seen
}

/// Those who reach each other.
fn circles(graph: &Graph) -> BTreeSet<Vec<&str>> {
    let reach: BTreeMap<&str, _> = graph.keys().map(|node| (node.as_str(), reachable(graph, node))).collect();
    let together =
        |a: &str, b: &str| reach[a].contains(b) && reach.get(b).is_some_and(|back| back.contains(a));
    let circle = |a: &&str| reach.keys().copied().filter(|b| together(a, b)).collect::<Vec<_>>();
    reach.keys().map(circle).filter(|members| members.len() > 1).collect()
}

#[test]
fn what_stands_side_by_side_is_no_circle() {
    let mut found = Vec::new();
    for (folder, graph) in Crate::read().graphs() {
        for members in circles(&graph) {
            let inside = |(from, to, words): (&str, &String, &String)| {
                members.contains(&to.as_str()).then(|| format!("    {from} uses {to} ({words})"))
            };
            let uses =
                members.iter().flat_map(|from| graph[*from].iter().map(|(to, words)| (*from, to, words)));
            let why: Vec<String> = uses.filter_map(inside).collect();
            found.push(format!("src/{}: {}\n{}", folder.join("/"), members.join(" "), why.join("\n")));
        }
    }
    assert!(found.is_empty(), "circles:\n{}", found.join("\n"));
}
