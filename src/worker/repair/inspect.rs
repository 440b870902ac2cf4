//! The shared objects of a wheel: found, cleaned of this machine's traces, and read for what they need.

use std::collections::BTreeMap;
use std::io::{Read, Seek};

use crate::error::Result;
use crate::packaging::elf::{self, Elf};
use crate::packaging::retag::{PlainWheel, WheelMember};

/// Most bytes of one shared object; the largest known have a few gigabytes and come ready-made.
const MAX_OBJECT: u64 = 2 << 30;

/// What was found.
#[derive(Clone, Debug, Default)]
pub(super) struct Inspected {
    /// Dynamically linked files by member name, as they are after cleaning.
    pub(super) objects: BTreeMap<String, Elf>,
    /// Cleaned members.
    pub(super) replaced: BTreeMap<String, Vec<u8>>,
    pub(super) has_extension_modules: bool,
    pub(super) notes: Vec<String>,
}

/// Reads every ELF file of the wheel. Those for other processors are left alone.
pub(super) fn inspect<R: Read + Seek>(wheel: &mut PlainWheel<R>) -> Result<Inspected> {
    let mut inspected = Inspected::default();
    let own = wheel.tags.platform.iter().find_map(|tag| crate::packaging::manylinux::arch_of(tag));
    let own = own.map(str::to_owned);
    for member in wheel.members.clone() {
        if member.size < 64 || !elf::is_elf(&wheel.beginning(&member, 4)?) {
            continue;
        }
        let mut bytes = wheel.bytes(&member, MAX_OBJECT)?;
        let before = match Elf::read(&bytes) {
            Ok(elf) if elf.dynamic => elf,
            Ok(_) => continue,
            Err(error) => {
                inspected.notes.push(format!("{}: {error}", member.name));
                continue;
            }
        };
        if own.is_some() && before.arch() != own.as_deref() {
            inspected.notes.push(format!("{} is for another CPU", member.name));
            continue;
        }
        clean(&mut inspected, &member, &mut bytes)?;
        inspected.has_extension_modules |= is_extension_module(&member.name);
        inspected.objects.insert(member.name.clone(), Elf::read(&bytes)?);
    }
    Ok(inspected)
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
pub(in crate::worker) fn is_extension_module(name: &str) -> bool {
    let file = name.rsplit('/').next().unwrap_or_default();
    let Some(stem) = file.strip_suffix(".so") else { return false };
    let mark = stem.split_once('.').map(|(_, mark)| mark);
    mark.is_some_and(|mark| {
        mark.starts_with("cpython-") || mark.starts_with("pypy") || mark.starts_with("abi3")
    })
}
