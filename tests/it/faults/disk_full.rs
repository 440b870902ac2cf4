//! A disk that is full: writes are refused with 507, reads go on, and nothing has to be restarted afterwards.

use crate::kit::origin::Origin;
use crate::kit::packages::Package;
use crate::kit::program::Program;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

/// A file system of a few megabytes, gone when dropped.
struct Disk(tempfile::TempDir);

impl Disk {
    /// `None` where this process may not mount.
    fn of_megabytes(size: u32) -> Option<Self> {
        let folder = tempfile::tempdir().expect("a folder");
        let options = format!("size={size}m,mode=700");
        let mounted = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &options, "tmpfs"])
            .arg(folder.path())
            .output()
            .is_ok_and(|output| output.status.success());
        mounted.then(|| Self(folder))
    }

    fn data(&self) -> PathBuf {
        let data = self.0.path().join("data");
        std::fs::create_dir_all(&data).expect("a folder");
        data
    }

    fn ballast(&self) -> PathBuf {
        self.0.path().join("ballast")
    }

    /// Leaves so many bytes.
    fn fill(&self, leave: u64) {
        let mut file =
            std::fs::File::options().create(true).append(true).open(self.ballast()).expect("a file");
        while file.write_all(&[7; 4096]).is_ok() {}
        let size = file.metadata().expect("a size").len();
        file.set_len(size.saturating_sub(leave)).expect("less");
    }

    fn free(&self) {
        std::fs::remove_file(self.ballast()).expect("the ballast");
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        // Lazily: a server that is just being killed may still hold files.
        let _ = Command::new("umount").arg("-l").arg(self.0.path()).status();
    }
}

fn fsck(data: &Path) -> bool {
    let mut command = Command::new(env!("CARGO_BIN_EXE_wheelwright"));
    let output = command.args(["fsck", "--data"]).arg(data).output().expect("it runs");
    output.status.success()
}

const PAGE: &str = "/root/dev/+simple/kept/";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_disk_refuses_uploads_and_nothing_else_and_heals_by_itself() {
    let Some(disk) = Disk::of_megabytes(24) else {
        eprintln!("no file system can be mounted here, so no disk was filled");
        return;
    };
    let data = disk.data();
    let program = Program::start_offline(&data).await;
    program.make_index("dev").await;
    let client = program.client();
    let kept = Package::new("kept", "1.0").wheel();
    let (path, _) = client.upload("root/dev", &kept).await.expect("it is taken");

    let mut acknowledged = vec![path];
    let mut refused = 0;
    // First nothing has room, later the spool, the blobs, at last the row.
    for pages in 0..40 {
        disk.fill(pages * 4096);
        let dist = Package::new(&format!("demo-{pages}"), "1.0").member("x", vec![b'x'; 6000]).wheel();
        let (status, text) = client.post("root/dev", &dist).await.expect("an answer");
        match status.as_u16() {
            200 => acknowledged.push(format!("/root/dev/{}", dist.path())),
            507 => refused += 1,
            other => panic!("{other} with {pages} pages left: {text}"),
        }
        for path in &acknowledged {
            client.get(path).await.expect("bytes");
        }
        client.get(PAGE).await.expect("a page");
    }
    assert!(refused > 0, "the disk was never full");

    disk.free();
    let (path, _) =
        client.upload("root/dev", &Package::new("healed", "1.0").wheel()).await.expect("it is taken");
    acknowledged.push(path);
    for path in &acknowledged {
        client.get(path).await.expect("bytes");
    }
    drop(program);
    assert!(fsck(&data), "something was lost");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_mirror_with_a_full_disk_does_not_take_the_server_down() {
    let Some(disk) = Disk::of_megabytes(16) else {
        eprintln!("no file system can be mounted here, so no disk was filled");
        return;
    };
    let origin = Origin::start().await;
    let program = Program::start(&disk.data(), &origin.simple).await;
    let client = program.client();
    let (path, _) = client.fill("six").await.expect("a file");
    disk.fill(0);
    client.get(&path).await.expect("what is here");
    // A page that cannot be kept is told all the same.
    client.get("/root/pypi/+simple/flask/").await.expect("a page");
    disk.free();
    client.fill("flask").await.expect("a file");
}
