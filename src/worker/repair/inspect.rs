//! The shared objects of a wheel: found, cleaned of this machine's traces, and read for what they need.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{Read, Seek};

use super::order::RepairOrder;
use crate::error::Result;
use crate::packaging::elf::{self, Elf};
use crate::packaging::machine_code::{BEGINNING, MachineCode};
use crate::packaging::manylinux;
use crate::packaging::retag::{PlainWheel, WheelMember};
use crate::tools::hex;

/// Most bytes of one shared object; the largest known have a few gigabytes and come ready-made.
const MAX_OBJECT: u64 = 2 << 30;

/// Bytes; the header of an ELF file alone has as many.
const SMALLEST: u64 = 64;

/// What was found.
#[derive(Clone, Debug, Default)]
pub(super) struct Inspected {
    /// Dynamically linked files by member name, as they are after cleaning.
    pub(super) objects: BTreeMap<String, Elf>,
    /// By member name: the symbols of Python's C API that they need.
    pub(super) python: BTreeMap<String, BTreeSet<String>>,
    /// Cleaned members.
    pub(super) replaced: BTreeMap<String, Vec<u8>>,
    /// Of a wheel that says it is pure: the machine code that the build made, for the target's processor.
    pub(super) compiled: Vec<String>,
    /// Members that are for another processor than the wheel's name says.
    pub(super) other_cpus: Vec<String>,
    pub(super) notes: Vec<String>,
    pub(super) doubts: Vec<String>,
}

impl Inspected {
    /// Whether something in it is for interpreters of one kind.
    pub(super) fn has_extension_modules(&self) -> bool {
        let needs_python = self.python.values().any(|symbols| !symbols.is_empty());
        needs_python || self.objects.keys().any(|name| is_extension_module(name))
    }
}

/// Reads every ELF file of the wheel. Those for other processors are left alone, and what a pure wheel only
/// passes on from its source.
pub(super) fn inspect<R: Read + Seek>(wheel: &mut PlainWheel<R>, order: &RepairOrder) -> Result<Inspected> {
    let mut inspected = Inspected::default();
    let mut passed_on = BTreeMap::new();
    let own = wheel.tags.platform.iter().find_map(|tag| manylinux::arch_of(tag)).map(str::to_owned);
    let pure = wheel.is_pure();
    for member in wheel.members.clone() {
        if member.size < SMALLEST {
            continue;
        }
        let Some(code) = MachineCode::of(&wheel.beginning(&member, BEGINNING)?) else { continue };
        if code != MachineCode::Elf && !pure {
            continue;
        }
        let mut bytes = wheel.bytes(&member, MAX_OBJECT)?;
        let is_of_source = pure && order.machine_code.contains(&hex::sha256(&bytes));
        if code != MachineCode::Elf {
            inspected.doubts.extend((!is_of_source).then(|| foreign(&member, code.system())));
            continue;
        }
        let before = match Elf::read(&bytes) {
            Ok(elf) if elf.dynamic || pure && elf.linked => elf,
            Ok(_) => continue,
            Err(error) => {
                inspected.notes.push(format!("{}: {error}", member.name));
                continue;
            }
        };
        let fits = match &own {
            Some(own) => before.arch() == Some(own),
            None => !pure || before.arch() == order.arch(),
        };
        if is_of_source {
            passed_on.extend((fits && before.dynamic).then(|| (member.name.clone(), before)));
            continue;
        }
        if !fits {
            match pure {
                true => inspected.doubts.push(foreign(&member, "another CPU")),
                false => {
                    inspected.notes.push(format!("{} is for another CPU", member.name));
                    inspected.other_cpus.push(member.name.clone());
                }
            }
            continue;
        }
        if pure {
            inspected.compiled.push(member.name.clone());
        }
        if before.dynamic {
            clean(&mut inspected, &member, &mut bytes)?;
            match elf::python_symbols(&bytes) {
                Ok(symbols) => drop(inspected.python.insert(member.name.clone(), symbols)),
                Err(error) => inspected.doubts.push(format!("{}: {error}", member.name)),
            }
            inspected.objects.insert(member.name.clone(), Elf::read(&bytes)?);
        }
    }
    if !inspected.compiled.is_empty() {
        inspected.objects.extend(passed_on);
    }
    Ok(inspected)
}

fn foreign(member: &WheelMember, system: &str) -> String {
    format!(
        "the wheel says that it is pure, but {} is machine code for {system} that is not from the source",
        member.name
    )
}

fn clean(inspected: &mut Inspected, member: &WheelMember, bytes: &mut [u8]) -> Result<()> {
    let edit = elf::clean(bytes)?;
    if edit.is_empty() {
        return Ok(());
    }
    let gone = edit.paths.iter().map(|path| format!("search path {path}"));
    let gone: Vec<String> = gone.chain(edit.libraries.iter().map(|name| format!("need of {name}"))).collect();
    inspected.notes.push(format!("{}: removed {}", member.name, gone.join(", ")));
    inspected.replaced.insert(member.name.clone(), bytes.to_vec());
    Ok(())
}

/// Whether the name is one under which only an interpreter of one kind finds a module.
pub(super) fn is_extension_module(name: &str) -> bool {
    let file = name.rsplit('/').next().unwrap_or_default();
    let Some(stem) = file.strip_suffix(".so") else { return false };
    let mark = stem.split_once('.').map(|(_, mark)| mark);
    mark.is_some_and(|mark| {
        mark.starts_with("cpython-") || mark.starts_with("pypy") || mark.starts_with("abi3")
    })
}
