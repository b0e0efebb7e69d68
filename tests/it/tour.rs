//! The README's tour, run as it stands there: every command, and every output that it shows.
//!
//! In an output `…` stands for whatever is there; runs of spaces count as one; and
//! the lines shown must come out in that order, others may stand between them.

use std::{
    fs::{self, File},
    path::Path,
    process::{Child, Command, Stdio},
};

use crate::support::{
    eventually,
    place::{Place, copy_folder, free_port, of_package},
};

/// A fenced block of the tour.
struct Block {
    language: String,
    text: String,
}

fn section(title: &str) -> Vec<Block> {
    let readme = fs::read_to_string(of_package("README.md")).expect("the README");
    let (_, rest) = readme.split_once(title).expect("a section of this name");
    let (section, _) = rest.split_once("\n## ").expect("a section after it");
    let mut blocks = Vec::new();
    let mut open: Option<Block> = None;
    for line in section.lines() {
        match (line.strip_prefix("```"), &mut open) {
            (Some(_), Some(_)) => blocks.extend(open.take()),
            (Some(language), None) => {
                open = Some(Block {
                    language: language.to_owned(),
                    text: String::new(),
                });
            }
            (None, Some(block)) => {
                block.text.push_str(line);
                block.text.push('\n');
            }
            (None, None) => {}
        }
    }
    blocks
}

struct Tour {
    place: Place,
    listen: String,
    token: String,
    daemon: Option<Child>,
}

impl Tour {
    async fn start(&mut self) {
        let log = self.place.path().join("printed");
        let file = File::create(&log).expect("a log");
        let mut command = Command::new(env!("CARGO_BIN_EXE_provost"));
        for (name, _) in std::env::vars().filter(|(name, _)| name.starts_with("PROVOST_")) {
            command.env_remove(name);
        }
        let child = command
            .current_dir(self.place.path())
            .env("PROVOST_HTTP_LISTEN", &self.listen)
            .stdin(Stdio::null())
            .stdout(file.try_clone().expect("a log"))
            .stderr(file)
            .spawn()
            .expect("it starts");
        self.daemon = Some(child);
        let printed = eventually("the daemon is up", async || {
            let text = fs::read_to_string(&log).unwrap_or_default();
            text.contains("provost is up").then_some(text)
        })
        .await;
        if let Some(start) = printed.find("pvt_") {
            let token = printed[start..]
                .split_whitespace()
                .next()
                .unwrap_or_default();
            token.clone_into(&mut self.token);
        }
    }

    /// Kills the daemon, as `kill -9` does.
    fn kill(&mut self) {
        if let Some(mut child) = self.daemon.take() {
            child.kill().expect("it runs");
            child.wait().expect("it ended");
        }
    }

    fn run(&self, script: &str) -> String {
        let program = Path::new(env!("CARGO_BIN_EXE_provost"))
            .parent()
            .expect("a folder");
        let path = format!(
            "{}:{}",
            program.display(),
            std::env::var("PATH").unwrap_or_default()
        );
        let output = Command::new("sh")
            .args(["-c", &format!("exec 2>&1\n{script}")])
            .current_dir(self.place.path())
            .env("PATH", path)
            .env("PROVOST_TOKEN", &self.token)
            .env("PROVOST_SERVER", format!("http://{}", self.listen))
            .env("COLUMNS", "200")
            .output()
            .expect("a shell");
        String::from_utf8_lossy(&output.stdout).into_owned()
    }
}

impl Drop for Tour {
    fn drop(&mut self) {
        self.kill();
        // The systems that are played with, should the tour have broken off.
        for other in ["pay.pid", "chat.pid", "orders.pid"] {
            if let Ok(pid) = fs::read_to_string(self.place.path().join(other)) {
                let _ = Command::new("kill").arg(pid.trim()).output();
            }
        }
    }
}

/// Tells whether the lines shown come out in order; `…` stands for anything.
fn shows(output: &str, shown: &str) -> bool {
    let squeeze = |line: &str| line.split_whitespace().collect::<Vec<_>>().join(" ");
    let mut lines = output.lines().map(squeeze);
    shown
        .lines()
        .map(squeeze)
        .filter(|line| !line.is_empty())
        .all(|wanted| {
            lines.any(|line| {
                let mut rest = line.as_str();
                wanted
                    .split('…')
                    .map(str::trim)
                    .all(|part| match rest.find(part) {
                        Some(at) => {
                            rest = &rest[at + part.len()..];
                            true
                        }
                        None => false,
                    })
            })
        })
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_tour_of_the_readme_runs_as_it_is_written() {
    let place = Place::new("tour");
    for folder in ["rules", "config"] {
        copy_folder(&of_package(folder), &place.path().join(folder));
    }
    let listen = format!("127.0.0.1:{}", free_port());
    let mut tour_place = Tour {
        place,
        listen,
        token: String::new(),
        daemon: None,
    };
    let blocks = section("## A five-minute tour");
    assert!(blocks.len() > 10, "the tour is shorter than it was");
    let mut blocks = blocks.into_iter().peekable();
    let mut commands = 0;
    while let Some(block) = blocks.next() {
        assert_eq!(
            block.language, "sh",
            "an output without a command before it: {}",
            block.text
        );
        if block.text.starts_with("cargo run") {
            tour_place.start().await;
            continue;
        }
        if block.text.starts_with("export ") {
            continue;
        }
        // The tour says to kill the daemon before it sends everything again.
        if commands > 0 && block.text.starts_with("provost publish tour.ndjson") {
            tour_place.kill();
            tour_place.start().await;
        }
        commands += 1;
        let shown = match blocks.peek() {
            Some(next) if next.language == "text" => {
                blocks.next().map(|next| next.text).unwrap_or_default()
            }
            _ => String::new(),
        };
        if block.text.starts_with("provost publish lost.json") {
            // A reader takes longer than the folder's watch to come here.
            eventually("the mended rule is in force", async || {
                tour_place
                    .run("provost results --type policy.loaded")
                    .contains("\"rules\":29")
                    .then_some(())
            })
            .await;
        }
        let output = tour_place.run(&block.text);
        assert!(
            shows(&output, &shown),
            "{}\ngave:\n{output}\nthe README shows:\n{shown}",
            block.text
        );
    }
    assert!(commands >= 6);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_refund_of_the_readme_runs_as_it_is_written() {
    let commands = walk("## A refund, governed", "8099", before_a_step_of_the_refund);
    assert!(commands.await >= 10);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_promise_of_the_readme_runs_as_it_is_written() {
    let commands = walk(
        "## A promise, and who hears when it breaks",
        "8098",
        before_a_step_of_the_promise,
    );
    assert!(commands.await >= 6);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_procedure_of_the_readme_runs_as_it_is_written() {
    let commands = walk(
        "## A procedure, from the wish to the ticket",
        "8097",
        before_a_step_of_the_procedure,
    );
    assert!(commands.await >= 8);
}

/// Runs a section on a fresh daemon, with a free port in place of the one that it names; gives how
/// many commands it has.
async fn walk(title: &str, named_port: &str, before: impl AsyncFn(&mut Tour, &str)) -> usize {
    let place = Place::new("tour");
    for folder in ["rules", "config"] {
        copy_folder(&of_package(folder), &place.path().join(folder));
    }
    let mut tour = Tour {
        place,
        listen: format!("127.0.0.1:{}", free_port()),
        token: String::new(),
        daemon: None,
    };
    let port = free_port().to_string();
    tour.start().await;
    let mut blocks = section(title).into_iter().peekable();
    let mut commands = 0;
    while let Some(block) = blocks.next() {
        let shown = match blocks.peek() {
            Some(next) if next.language == "text" => {
                blocks.next().map(|next| next.text).unwrap_or_default()
            }
            _ => String::new(),
        };
        let script = block.text.replace(named_port, &port);
        before(&mut tour, &script).await;
        commands += 1;
        let output = tour.run(&script);
        assert!(
            shows(&output, &shown),
            "{script}\ngave:\n{output}\nthe README shows:\n{shown}"
        );
    }
    commands
}

/// Waits as long as a reader takes.
async fn before_a_step_of_the_promise(tour: &mut Tour, script: &str) {
    if script.starts_with("provost channels test") {
        eventually("the channel and the promise are in force", async || {
            let channels = tour.run("provost channels list");
            let loaded = tour.run("provost results --type policy.loaded");
            let is_in_force = channels.contains("support") && loaded.contains("\"rules\":");
            (is_in_force && tour.run("provost rules list").contains("Parcels")).then_some(())
        })
        .await;
    }
    if script.starts_with("cat chat.log") {
        let chat = tour.place.path().join("chat.log");
        eventually("the chat has heard of it", async || {
            let text = fs::read_to_string(&chat).unwrap_or_default();
            text.contains("overdue").then_some(())
        })
        .await;
    }
}

/// Waits as long as a reader takes.
async fn before_a_step_of_the_procedure(tour: &mut Tour, script: &str) {
    if script == "provost procedures\n" {
        eventually("the change is published", async || {
            let versions = tour.run("provost procedures show refund-request-handler --format json");
            let rules = tour.run("provost rules list");
            (versions.contains("find_order") && !rules.contains("refunds.rhai")).then_some(())
        })
        .await;
    }
    if script == "provost approvals\n" {
        eventually("people are asked", async || {
            let pending = tour.run("provost approvals");
            pending.contains("create_ticket").then_some(())
        })
        .await;
    }
}

/// Does what a reader does between two steps, or waits as long as a reader takes.
async fn before_a_step_of_the_refund(tour: &mut Tour, script: &str) {
    let calls = tour.place.path().join("pay.log");
    let has = async |what: &str| {
        eventually(what, async || {
            let text = fs::read_to_string(&calls).unwrap_or_default();
            text.contains(what).then_some(())
        })
        .await;
    };
    if script.contains("requests try") {
        eventually("the rules and the action are in force", async || {
            let loaded = tour.run("provost results --type policy.loaded");
            let shown = tour.run("provost actions show refund");
            (loaded.contains("\"rules\":30") && shown.contains("Pays money back")).then_some(())
        })
        .await;
    }
    if script.starts_with("cat pay.log") {
        has("done /refunds").await;
        tour.kill();
        tour.start().await;
        has("known /refunds").await;
        eventually("the refund is done", async || {
            let shown = tour.run("provost requests show r-1");
            shown.contains("succeeded").then_some(())
        })
        .await;
    }
    if script.starts_with("provost audit show") {
        eventually("it is reversed", async || {
            let shown = tour.run("provost requests show r-1");
            shown.contains("reversed").then_some(())
        })
        .await;
    }
}
