//! The shipped systemd unit: how exposed it leaves the service, and what it promises.
//!
//! `systemd-analyze` rates the unit without a running systemd; where it is not
//! installed, only the text is read.

use std::{fs, process::Command};

use provost::{config::Config, domain::time::Span};

use super::root;

/// The highest exposure that is accepted; a bare unit has 9.6.
const MAX_EXPOSURE: f64 = 1.5;

fn unit() -> String {
    fs::read_to_string(root().join("systemd/provost.service")).expect("the unit is tracked")
}

/// Gives the values of a setting, in the order of the unit.
fn settings(name: &str) -> Vec<String> {
    let unit = unit();
    let values = unit
        .lines()
        .filter_map(|line| line.strip_prefix(name)?.strip_prefix('='));
    values.map(str::to_owned).collect()
}

#[test]
fn the_service_is_exposed_to_little() {
    let rated = Command::new("systemd-analyze")
        .args([
            "security",
            "--offline=true",
            "--no-pager",
            "systemd/provost.service",
        ])
        .env("LC_ALL", "C.UTF-8")
        .current_dir(root())
        .output();
    let Ok(output) = rated else {
        assert_eq!(
            settings("DynamicUser"),
            ["yes"],
            "not rated: there is no systemd-analyze"
        );
        return;
    };
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let exposure = text
        .lines()
        .find_map(|line| line.split_once("exposure level for provost.service: "))
        .and_then(|(_, rest)| rest.split(' ').next()?.parse::<f64>().ok());
    let errors = String::from_utf8_lossy(&output.stderr);
    let exposure = exposure.unwrap_or_else(|| panic!("no rating in: {text}{errors}"));
    assert!(
        exposure <= MAX_EXPOSURE,
        "{exposure} is above {MAX_EXPOSURE}:\n{text}"
    );
}

#[test]
fn the_service_waits_longer_than_a_stop_may_take() {
    let patience = settings("TimeoutStopSec");
    let patience = Span::parse(&patience[0]).expect("a length of time");
    assert!(patience > Config::default().shutdown_timeout);
}

#[test]
fn what_does_not_heal_by_itself_is_not_tried_again() {
    assert_eq!(settings("Restart"), ["always"]);
    let fatal = settings("RestartPreventExitStatus").join(" ");
    let fatal: Vec<&str> = fatal.split(' ').collect();
    // EX_USAGE of this program, and EX_CONFIG.
    assert_eq!(fatal, ["2", "78"]);
}

#[test]
fn readiness_reload_and_watchdog_are_notified() {
    assert_eq!(settings("Type"), ["notify", "notify-reload"]);
    assert_eq!(settings("NotifyAccess"), ["main"]);
    assert_eq!(settings("WatchdogSec").len(), 1);
    assert!(settings("ExecStart")[0].ends_with("provost run --config /etc/provost"));
}
