//! The clock jumps: forwards, and back.
//!
//! `libfaketime` stands between the daemon and the machine's wall clock, and
//! leaves the monotonic one alone. On SQLite that clock is the time of all
//! decisions; on PostgreSQL the server's is, and the daemon's only differs.

use std::{collections::BTreeSet, fs};

use crate::support::{Daemon, Kind, Ledger, Rig, on_both_databases, place::given};

on_both_databases!(a_clock_that_jumps_loses_nothing_and_never_runs_backwards_in_a_conversation);

// Starts a daemon whose wall clock is off by what the file says, such as `+3h`.
async fn start_with_clock(rig: &Rig, file: &str) -> Daemon {
    let variables = [
        ("LD_PRELOAD", given("PROVOST_TEST_FAKETIME")),
        ("FAKETIME_TIMESTAMP_FILE", file.to_owned()),
        ("FAKETIME_NO_CACHE", "1".to_owned()),
        ("DONT_FAKE_MONOTONIC", "1".to_owned()),
    ];
    let variables: Vec<(&str, &str)> = variables
        .iter()
        .map(|(name, value)| (*name, value.as_str()))
        .collect();
    rig.start_as("one", &variables).await
}

async fn a_clock_that_jumps_loses_nothing_and_never_runs_backwards_in_a_conversation(kind: Kind) {
    let rig = Rig::new(kind).await;
    let clock = rig.place.write("clock", "+0");
    let mut daemon = start_with_clock(&rig, &clock.to_string_lossy()).await;
    let mut ledger = Ledger::default();
    for jump in ["+0", "+3h", "-5h", "+60d", "+0", "-60d"] {
        fs::write(&clock, jump).expect("a clock");
        rig.deliver(&ledger.interleaved(4, 10)).await;
        let causes: Vec<String> = ledger.ids().map(str::to_owned).collect();
        rig.published(&daemon, &causes).await;
    }
    rig.verify(&daemon, &ledger).await;
    // A restart sixty days in the past goes on just so.
    daemon.kill();
    let daemon = start_with_clock(&rig, &clock.to_string_lossy()).await;
    rig.deliver(&ledger.interleaved(4, 10)).await;
    rig.verify(&daemon, &ledger).await;

    let seen = rig.wire().seen();
    let times: Vec<&str> = seen
        .iter()
        .filter(|result| result.text("subject") == "c1")
        .map(|result| result.text("time"))
        .collect();
    assert!(times.is_sorted(), "{times:?}");
    let days: BTreeSet<&str> = times.iter().map(|time| &time[..10]).collect();
    if kind == Kind::Sqlite {
        assert!(days.len() > 1, "the clock did jump: {days:?}");
    } else {
        daemon.says("clock").await;
    }
}
