//! Schedules over a standstill: each rule says which of the missed times are made up for.
//!
//! `libfaketime` moves the daemon's wall clock ahead between two of its lives, see `clock`.

use std::fs;

use chrono::DateTime;

use crate::support::{Daemon, Kind, Rig, eventually, place::given};

const RULES: &str = r#"
schedule("all", #{ cron: "* * * * * *", catch_up: "all", then: || notify("@owner", "all") });
schedule("last", #{ cron: "* * * * * *", then: || notify("@owner", "last") });
schedule("none", #{ cron: "* * * * * *", catch_up: "none", then: || notify("@owner", "none") });
"#;
const HOUR: i64 = 3_600;

// Gives the times of a rule that have run, in seconds, in the order of their decisions.
async fn times(rig: &Rig, daemon: &Daemon, rule: &str) -> Vec<i64> {
    let prefix = format!("schedule:{rule}:");
    let results = rig.results(daemon).await;
    let causes = results
        .iter()
        .filter_map(|result| result["causationid"].as_str()?.strip_prefix(&prefix));
    causes
        .map(|time| {
            DateTime::parse_from_rfc3339(time)
                .expect("a time")
                .timestamp()
        })
        .collect()
}

async fn start(rig: &Rig, clock: &str) -> Daemon {
    let file = rig.place.write("clock", clock);
    let file = file.to_string_lossy().into_owned();
    let variables = [
        ("LD_PRELOAD", given("PROVOST_TEST_FAKETIME")),
        ("FAKETIME_TIMESTAMP_FILE", file),
        ("FAKETIME_NO_CACHE", "1".to_owned()),
        ("DONT_FAKE_MONOTONIC", "1".to_owned()),
    ];
    let variables: Vec<(&str, &str)> = variables
        .iter()
        .map(|(name, value)| (*name, value.as_str()))
        .collect();
    rig.start_as("one", &variables).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_missed_in_a_standstill_is_made_up_for_as_each_rule_says() {
    let rig = Rig::embedded(Kind::Sqlite);
    fs::create_dir_all(rig.rules()).expect("a folder");
    rig.rule("schedules.rhai", RULES);
    let mut daemon = start(&rig, "+0").await;
    eventually("each has run", async || {
        for rule in ["all", "last", "none"] {
            if times(&rig, &daemon, rule).await.is_empty() {
                return None;
            }
        }
        Some(())
    })
    .await;
    daemon.kill();

    let daemon = start(&rig, "+2h").await;
    let mut later: Vec<Vec<i64>> = Vec::new();
    for rule in ["all", "last", "none"] {
        let times = eventually("it goes on", async || {
            let times = times(&rig, &daemon, rule).await;
            let (first, last) = (*times.first()?, *times.last()?);
            let later = times.into_iter().filter(|at| *at > first + HOUR);
            let later: Vec<i64> = later.collect();
            // On time again, and for a while.
            (last > later.first()? + 2 && later.len() > 3).then_some(later)
        })
        .await;
        assert!(
            times.windows(2).all(|pair| pair[1] == pair[0] + 1),
            "{rule} runs each of its times once, in order: {times:?}"
        );
        later.push(times);
    }
    let on_time = later[2][0];
    assert_eq!(later[1][0], on_time - 1, "the last that was missed");
    assert_eq!(later[0][0], on_time - 100, "at most a hundred of all");
}
