//! SQLite: a full disk, a second daemon on the file, somebody else's lock, tools beside the daemon.

use std::{path::Path, process::Command, time::Duration};

use tokio::time::{Instant, sleep_until};

use crate::support::{Kind, Ledger, Rig, database::Database, eventually, place::Place};

// A file system of a few MiB, unmounted when dropped; `None` where this machine does not let us.
struct SmallDisk(Place);

impl SmallDisk {
    fn mount() -> Option<Self> {
        let place = Place::new("disk");
        let status = Command::new("mount")
            .args(["-t", "tmpfs", "-o", "size=4m", "none"])
            .arg(place.path())
            .status();
        match status {
            Ok(status) if status.success() => Some(Self(place)),
            _ => {
                eprintln!("not tested here: mounting a small file system is not allowed");
                None
            }
        }
    }

    fn path(&self) -> &Path {
        self.0.path()
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(self.path()).status();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_disk_is_said_and_healed_without_a_restart() {
    let Some(disk) = SmallDisk::mount() else {
        return;
    };
    let mut rig = Rig::new(Kind::Sqlite)
        .await
        .with_database(Database::at_file(&disk.path().join("provost.db")));
    rig.excuse("PV-STORE");
    let daemon = rig.start().await;
    let mut ledger = Ledger::default();
    rig.deliver(&ledger.interleaved(3, 20)).await;
    rig.verify(&daemon, &ledger).await;

    // Fills what is left to the last byte.
    let _ = Command::new("dd")
        .args(["if=/dev/zero", "bs=4096"])
        .arg(format!("of={}", disk.path().join("ballast").display()))
        .stderr(std::process::Stdio::null())
        .status();
    let events = ledger.interleaved(3, 200);
    rig.deliver(&events).await;
    daemon.says("PV-STORE").await;
    let (status, answer) = daemon
        .post(&[crate::support::ledger::message("posted", "full", "x")])
        .await;
    assert!(
        status.is_server_error(),
        "nothing is accepted that cannot be stored: {status} {answer}"
    );

    std::fs::remove_file(disk.path().join("ballast")).expect("room again");
    rig.verify(&daemon, &ledger).await;
    daemon.deliver(&ledger.messages("posted", 3)).await;
    rig.verify(&daemon, &ledger).await;
    // Unmounted only when nobody writes there any more.
    drop(daemon);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_daemon_on_the_same_file_is_refused_and_the_first_goes_on() {
    let mut rig = Rig::embedded(Kind::Sqlite);
    let first = rig.start().await;
    rig.excuse("PV-STORE");
    let mut second = rig.launch("two", &[]);
    let status = second.exit().await;
    assert_eq!(status.code(), Some(1), "{}", second.log());
    let log = second.log();
    assert!(
        log.contains("PV-STORE") && log.contains("provost.db"),
        "{log}"
    );
    let mut ledger = Ledger::default();
    first.deliver(&ledger.interleaved(3, 10)).await;
    rig.verify(&first, &ledger).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_left_by_a_killed_daemon_is_free_for_the_next() {
    let rig = Rig::embedded(Kind::Sqlite);
    let mut ledger = Ledger::default();
    for instance in ["one", "two", "one"] {
        let mut daemon = rig.start_as(instance, &[]).await;
        daemon.deliver(&ledger.interleaved(2, 5)).await;
        rig.verify(&daemon, &ledger).await;
        daemon.kill();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn tools_work_beside_a_daemon_under_load() {
    let rig = Rig::new(Kind::Sqlite).await;
    let daemon = rig.start().await;
    let mut ledger = Ledger::default();
    for number in 0..5 {
        rig.deliver(&ledger.interleaved(5, 40)).await;
        let name = format!("tool{number}");
        let output = rig.run(&["token", "create", "--name", &name, "--roles", "agent"]);
        assert!(output.status.success(), "{output:?}");
        let output = rig.ask(&daemon, &["audit", "verify"]);
        assert!(output.status.success(), "{output:?}");
    }
    rig.verify(&daemon, &ledger).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lock_held_longer_than_the_busy_time_out_costs_nothing() {
    let mut rig = Rig::new(Kind::Sqlite).await;
    rig.excuse("PV-STORE");
    let daemon = rig.start().await;
    let mut ledger = Ledger::default();
    rig.deliver(&ledger.interleaved(3, 10)).await;
    let mut hold = rig.database.connect();
    hold.execute("BEGIN IMMEDIATE");
    let until = Instant::now() + Duration::from_secs(12);
    rig.deliver(&ledger.interleaved(3, 10)).await;
    // The time itself is what is tested.
    sleep_until(until).await;
    hold.execute("ROLLBACK");
    rig.verify(&daemon, &ledger).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_that_is_no_database_is_named_and_left_alone() {
    let mut rig = Rig::embedded(Kind::Sqlite);
    rig.start().await.stop().await;
    rig.excuse("PV-STORE");
    let file = rig
        .place
        .write("other/provost.db", &"not a database ".repeat(500));
    rig.database_url = format!("sqlite:{}", file.display());
    let mut daemon = rig.launch("one", &[]);
    let status = eventually("it ends", async || daemon.poll()).await;
    assert_ne!(status.code(), Some(0));
    assert!(daemon.log().contains("PV-STORE"), "{}", daemon.log());
    let content = std::fs::read_to_string(file).expect("still text");
    assert!(content.starts_with("not a database"));
}
