//! Stories of what goes wrong: crashes, full disks, no network, lost bytes; and of the stores and databases below.

mod big;
mod database;
mod disk_full;
mod durability;
mod fsck;
mod offline;
mod store;
